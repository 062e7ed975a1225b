"""People detected in one picture, and bodies detected in several views of a frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.keypoint_geometry import MIRRORED
from extractors.pose.detections import PERSON_RADIUS, Detections
from extractors.pose.shot_people import People
from tests.helpers.drawn_people import people, person


def merged_views(views):
    """The bodies of one frame from the detections in its views."""
    shot = People()
    shot.add(0, views)
    return shot.bodies(np.arange(len(shot.starts) - 1))


def test_a_body_of_several_views_is_one_weighted_by_scores():
    weak, strong = person(10, 0, score=0.3), person(0, 0, score=0.9)
    bodies = merged_views([people(weak, scores=[0.2]), people(strong, scores=[0.8]), Detections.none()])
    assert len(bodies) == 1
    assert bodies.scores == pytest.approx([1.0 / 3])  # two of three views agree
    share = 0.2 * 0.3**2 / (0.2 * 0.3**2 + 0.8 * 0.9**2)
    assert bodies.keypoints[0, :, 0] == pytest.approx(person(10 * share, 0)[:, 0], abs=1e-3)


def test_exchanged_sides_are_two_hypotheses_and_not_their_mean():
    bodies = merged_views([people(person(0, 0)), people(person(0, 0)[MIRRORED])])
    assert bodies.scores == pytest.approx([0.3, 0.3])


@given(st.lists(st.lists(st.tuples(st.integers(0, 900), st.floats(0.05, 1)), max_size=4), min_size=1, max_size=4))
def test_merging_keeps_the_sum_of_scores_and_a_body_near_every_detection(groups):
    views = [
        people(*[person(x, 0) for x, _ in group], scores=[s for _, s in group]) if group else Detections.none()
        for group in groups
    ]
    bodies = merged_views(views)
    everyone = Detections.joined(views)
    assert bodies.scores.sum() * len(views) == pytest.approx(everyone.scores.sum(), abs=1e-6)
    for pose in everyone.keypoints:
        assert np.abs(bodies.keypoints[:, 11, 0] - pose[11, 0]).min() < 2 * PERSON_RADIUS * 150
