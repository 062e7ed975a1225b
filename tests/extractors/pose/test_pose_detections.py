"""People of one picture, views of a frame, and the support of detections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.keypoints import MIRRORED, distances
from extractors.pose.detections import (
    CONTRADICTION,
    PERSON_RADIUS,
    POSE_RADIUS,
    Detections,
    supports,
    turns_of,
)
from extractors.pose.stage import detected
from tests.helpers.drawn_people import ColourReader, people, person, picture


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0, -1.5])
def test_a_person_in_a_view_is_that_person_of_the_frame(turns: int, angle: float) -> None:
    pose = person(160, 120, angle, 0.8)
    (view,) = detected(ColourReader(max_tilt=4), picture(pose), [turns])
    pose_in_frame = view.keypoints[0]
    assert np.abs(pose_in_frame[5:, :2] - pose[5:, :2]).max() < 1.5


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_frame_has_the_upright_view_and_no_view_twice(count: int) -> None:
    views = [list(turns_of(count, frame)) for frame in range(6)]
    for of_frame in views:
        assert of_frame[0] == 0
        assert len(set(of_frame)) == count
    assert len({turns for of_frame in views for turns in of_frame}) == {1: 1, 3: 3}.get(count, 4)


def test_the_support_is_the_mean_score_over_the_views_that_agree() -> None:
    views = [people(person(3, 0), scores=[0.2]), people(person(0, 0), scores=[0.8]), Detections.none()]
    assert supports(views) == pytest.approx([1.0 / 3, 1.0 / 3])
    assert supports(views[:1]) == pytest.approx([0.2])


def test_another_pose_of_the_same_person_supports_less_and_another_person_nothing() -> None:
    bent = person(0, 0, 1.0)
    assert POSE_RADIUS < distances(person(0, 0), bent).min() < PERSON_RADIUS
    assert supports([people(person(0, 0)), people(bent)]) == pytest.approx([(1 + CONTRADICTION) * 0.3] * 2)
    assert supports([people(person(0, 0)), people(person(200, 0))]) == pytest.approx([0.3, 0.3])


def test_detections_of_one_view_never_support_each_other() -> None:
    assert supports([people(person(0, 0), person(2, 0)), Detections.none()]) == pytest.approx([0.3, 0.3])


def test_exchanged_sides_support_each_other() -> None:
    assert supports([people(person(0, 0)), people(person(0, 0)[MIRRORED])]) == pytest.approx([0.6, 0.6])


def test_every_person_is_supported_by_the_nearer_detection_of_each_view() -> None:
    views = [people(person(100, 100), person(160, 100)), people(person(158, 100), person(101, 100), scores=[0.2, 0.4])]
    assert supports(views) == pytest.approx([0.5, 0.4, 0.4, 0.5])


@given(st.lists(st.lists(st.tuples(st.integers(0, 900), st.floats(0.05, 1)), max_size=4), min_size=1, max_size=4))
def test_support_is_between_the_own_share_and_the_best_scores(groups: list[list[tuple[int, float]]]) -> None:
    views = [
        people(*[person(x, 0) for x, _ in one], scores=[s for _, s in one]) if one else Detections.none()
        for one in groups
    ]
    found, own = supports(views), Detections.joined(views).scores
    assert len(found) == len(own)
    assert (found >= own / len(views) - 1e-6).all()
    assert (found <= np.mean([view.scores.max(initial=0) for view in views]) + 1e-6).all()


def test_the_best_people_are_above_the_score_and_in_order() -> None:
    group = people(person(0, 0), person(50, 0), person(90, 0), scores=[0.2, 0.6, 0.05])
    assert group.best(0.1).scores == pytest.approx([0.6, 0.2])


def test_nobody_joined_is_nobody() -> None:
    nobody = Detections.joined([])
    assert len(nobody) == len(nobody.best(0.0)) == len(supports([nobody, nobody])) == 0
    assert len(Detections.joined([nobody, people(person(0, 0))])) == 1
