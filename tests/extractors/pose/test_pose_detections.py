"""People of one picture, and views of a frame: what is drawn is where it is mapped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.keypoints import MIRRORED
from extractors.pose.detections import Detections, View
from tests.helpers.drawn_people import ColourReader, people, person, picture


def in_view(view: View, pose: np.ndarray) -> np.ndarray:
    """(17, 3) a pose of the frame in pixels of the view."""
    shown = pose.copy()
    shown[:, :2] = pose[:, :2] @ view.matrix[:, :2].T + view.matrix[:, 2]
    return shown


@pytest.mark.parametrize("turns", range(4))
def test_a_quarter_turn_maps_pixels_where_it_draws_them(turns: int) -> None:
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    view = View.whole(image, turns)
    drawn = view.draw(image)
    assert drawn.shape[1::-1] == view.size
    for row, column in np.ndindex(5, 7):
        x, y = view.matrix @ (column + 0.5, row + 0.5, 1)
        assert (drawn[int(y), int(x)] == image[row, column]).all()


@given(st.integers(-8, 8), st.integers(1, 400), st.integers(1, 400), st.floats(-50, 500), st.floats(-3, 3))
def test_a_quarter_turn_maps_back_to_the_frame(turns: int, width: int, height: int, x: float, angle: float) -> None:
    view, pose = View.whole(np.zeros((height, width, 3), np.uint8), turns), person(x, 100, angle)
    assert view.in_frame(people(in_view(view, pose))).keypoints[0] == pytest.approx(pose, abs=1e-3)


@given(st.floats(-3, 3), st.floats(0, 300), st.floats(-50, 250), st.integers(64, 512))
def test_a_close_up_maps_back_to_the_frame(angle: float, side: float, x: float, pixels: int) -> None:
    view = View.around(np.array([x, 100.0]), side, angle, pixels)
    pose = person(x, 100)
    assert view.in_frame(people(in_view(view, pose))).keypoints[0] == pytest.approx(pose, abs=0.05)


def test_a_tilted_body_is_upright_in_its_close_up() -> None:
    view = View.around(np.array([160.0, 120.0]), 200, 2.0, 192)
    shown = in_view(view, person(160, 120, 2.0))
    assert shown[0, 1] < shown[11, 1] - 50
    assert abs(shown[[11, 12], 0].mean() - 96) < 1


def test_a_close_up_draws_where_it_maps() -> None:
    pose = person(160, 120, 0.7)
    view = View.around(np.array([160.0, 120.0]), 200, 0.7, 400)
    keypoints = view.in_frame(ColourReader().detect(view.draw(picture(pose)))).keypoints[0]
    assert np.abs(keypoints[:, :2] - pose[:, :2] - 0.5).max() < 1.5


def test_repeated_detections_leave_the_best_one() -> None:
    distinct = people(person(0, 0), person(2, 1), person(300, 0), scores=[0.3, 0.8, 0.5]).distinct()
    assert distinct.scores == pytest.approx([0.8, 0.5])


def test_the_same_body_with_left_and_right_exchanged_is_one_person() -> None:
    assert len(people(person(0, 0), person(0, 0)[MIRRORED], scores=[0.8, 0.4]).distinct()) == 1


def test_a_part_of_a_body_is_no_second_person() -> None:
    part = person(0, 0, scale=0.6)
    assert len(people(person(0, 0), part, scores=[0.8, 0.3]).distinct()) == 1


def test_two_people_side_by_side_are_two() -> None:
    assert len(people(person(100, 100), person(160, 100), person(101, 100), scores=[0.5, 0.6, 0.4]).distinct()) == 2


def test_the_best_people_are_finite_above_the_score_and_in_order() -> None:
    damaged = person(0, 0)
    damaged[3, 0] = np.nan
    group = people(person(0, 0), damaged, person(50, 0), person(90, 0), scores=[0.2, 0.9, 0.6, 0.05])
    assert group.best(0.1).scores == pytest.approx([0.6, 0.2])
    assert group.best(0.1, 1).scores == pytest.approx([0.6])


def test_nobody_joined_and_taken_is_nobody() -> None:
    nobody = Detections.joined([])
    assert len(nobody) == len(nobody.take([])) == len(nobody.distinct()) == len(nobody.best(0.0)) == 0
    assert len(Detections.joined([nobody, people(person(0, 0))])) == 1
