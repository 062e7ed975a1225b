"""Views of a frame: as many as it needs, turned as the person is."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.pose.views import Views
from tests.helpers.drawn_people import ColourReader, person, picture


def turned(degrees):
    """A picture of a person who is turned clockwise."""
    return picture(person(160, 120, np.radians(degrees), 0.8))


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0, -1.5])
def test_a_person_in_a_view_is_that_person_of_the_frame(angle):
    pose = person(160, 120, angle, 0.8)
    *_, view = Views(ColourReader(), 4, 1).of(picture(pose), 0)
    assert np.abs(view.keypoints[0, 5:, :2] - pose[5:, :2]).max() < 1.5


def test_a_clear_frame_gets_one_view_turned_as_the_person_was_before():
    reader = ColourReader()
    views = Views(reader, 2, 1)
    counts = [len(views.of(turned(degrees), frame)) for frame, degrees in enumerate((0, 0, 40, 90, 90, 180, 180, 180))]
    assert counts == [2, 1, 1, 2, 2, 2, 1, 1], "every fourth frame has two"
    assert reader.inputs[-4:] == [(320, 240, 3), *[(240, 320, 3)] * 3], "turned as the last frame, then as its person"


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_no_view_comes_twice_and_no_more_than_the_most(most):
    nobody, reader = picture(), ColourReader()
    for frame in range(6):
        assert len(Views(reader, most, 1).of(nobody, frame)) == most
    assert len(reader.inputs) == 6 * most
    assert len(Views(reader, most, 2).of(turned(0), 0)) == most, "the second of two people is missing"


def test_a_person_who_is_missed_upright_is_looked_for_in_other_turns():
    found = [any(map(len, Views(ColourReader(0.6), 2, 1).of(turned(180), frame))) for frame in range(4)]
    assert any(found)
    assert not all(found)


def test_a_top_down_network_gets_the_upright_frame_alone():
    reader = ColourReader(0.6)
    reader.max_views = 1
    assert [len(Views(reader, 4, 1).of(turned(180), frame)) for frame in range(3)] == [1] * 3
