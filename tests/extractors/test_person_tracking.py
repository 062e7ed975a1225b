"""Trajectories of drawn people whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.keypoint_geometry import MIRRORED, centres_of
from extractors.person_tracking import REACH_S
from extractors.pose.cleaning import CleaningConfig, clean_poses
from extractors.pose.detections import Detections
from tests.helpers.drawn_people import people, person, tracks_of


def x_of(pose):
    """Pixels from the left of a body's centre."""
    return float(centres_of(pose[None])[0, 0])


def lengths(frames):
    """Number of detections of each person."""
    return [len(one.frames) for one in tracks_of(frames)]


def test_a_person_hidden_while_crossing_keeps_the_identity():
    """The one behind is not detected while the two overlap."""
    frames = []
    for t in range(50):
        front, behind = person(100 + 8 * t, 200), person(500 - 8 * t, 205)
        frames.append(people(front, behind) if abs(front[11, 0] - behind[11, 0]) > 60 else people(front))
    tracks = tracks_of(frames)
    assert [len(track.frames) for track in tracks] == [50, sum(len(frame) == 2 for frame in frames)]
    assert x_of(tracks[0].poses()[-1]) > 450
    assert x_of(tracks[1].poses()[-1]) < 150


@pytest.mark.parametrize("missing", [10, 60])
def test_a_person_who_leaves_and_comes_back_is_one_person(missing):
    def place(t):
        return 560 + 8 * t if t < 20 else 720 - 8 * (t - 20 - missing)

    frames = [
        people(person(place(t), 200)) if not 20 <= t < 20 + missing else Detections.none() for t in range(40 + missing)
    ]
    assert lengths(frames) == [40]


def test_a_person_who_comes_back_too_late_is_another_person():
    late = int(25 * REACH_S) + 1
    frames = [*[people(person(300, 200))] * 20, *[Detections.none()] * late, *[people(person(300, 200))] * 10]
    assert lengths(frames) == [20, 10]


def test_a_person_far_away_or_of_another_size_is_another_person():
    here = [people(person(100, 200))] * 20
    assert lengths([*here, *[people(person(600, 200))] * 10]) == [20, 10]
    assert lengths([*here, *[people(person(100, 200, scale=0.3))] * 10]) == [20, 10]


def test_a_wrong_detection_is_left_out_for_a_gap():
    frames = [people(person(100 + 4 * t, 200) if t != 15 else person(100 + 4 * t + 140, 200)) for t in range(30)]
    assert tracks_of(frames)[0].frames.tolist() == [t for t in range(30) if t != 15]


def test_a_second_hypothesis_of_one_body_takes_no_frame_of_it():
    """The better of the two alternates, so no single frame decides between them."""
    frames = []
    for t in range(40):
        pose = person(100 + 6 * t, 200, 0.3 * t)
        upside_down = person(100 + 6 * t, 200, 0.3 * t + np.pi)
        frames.append(people(pose, upside_down, scores=[0.5, 0.4] if t % 2 else [0.38, 0.4]))
    (athlete,) = tracks_of(frames)
    assert len(athlete.frames) == 40
    for t, pose in zip(athlete.frames, athlete.poses(), strict=True):
        assert np.abs(pose[5:, :2] - person(100 + 6 * t, 200, 0.3 * t)[5:, :2]).max() < 1


def test_rare_false_detections_are_no_person():
    """In every sixth frame a view has somebody where nobody is."""
    frames = []
    for t in range(90):
        ghost = [person(600 + 8 * (t % 5), 250, score=0.3)] * (t % 6 == 0)
        frames.append(people(person(200, 200), *ghost, scores=[0.17, 0.07][: 1 + len(ghost)]))
    assert lengths(frames) == [90]


def test_sides_that_two_views_name_differently_are_decided_over_the_whole_path():
    frames = []
    for t in range(30):
        pose = person(100 + 4 * t, 200)
        pose[9, 0] -= 30  # the left arm is stretched out
        wrong = t % 5 == 2
        frames.append(people(pose, pose[MIRRORED], scores=[0.35, 0.4] if wrong else [0.4, 0.35]))
    (one,) = tracks_of(frames)
    cleaned = np.zeros((30, 17, 3), np.float32)
    clean_poses(cleaned, np.arange(30) / 25, one, CleaningConfig())
    assert (cleaned[:, 9, 0] < cleaned[:, 7, 0]).all()


def test_a_path_does_not_leave_its_person_for_another_one():
    """The athlete is missing for 2.8 seconds. A trajectory that goes on with a passer-by, two sizes lower, has more."""
    frames = []
    for t in range(200):
        athlete, passer_by = person(320, 220, 0.2 * t), person(600 - 3 * t, 500)
        there = [athlete] * (t < 80 or t >= 150) + [passer_by] * (t >= 60)
        frames.append(people(*there))
    heights = [np.ptp([centres_of(pose[None])[0, 1] for pose in one.poses()]) for one in tracks_of(frames)]
    assert max(heights) < 60
    assert sorted(lengths(frames)) == [130, 140]


PLACES = st.lists(st.tuples(st.integers(0, 600), st.floats(-3, 3), st.floats(0.05, 1)), min_size=1, max_size=4)


def in_a_row(group):
    return people(*[person(x, 200, angle) for x, angle, _ in group], scores=[score for *_, score in group])


@settings(max_examples=40, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_detections_changes_no_path(frames, random):
    def identified(groups):
        return {(tuple(one.frames), tuple(map(x_of, one.poses()))) for one in tracks_of([*map(in_a_row, groups)])}

    # Two detections at one place would tie.
    frames = [list({x // 5: (x, a, s) for x, a, s in group}.values()) for group in frames]
    shuffled = [random.sample(group, len(group)) for group in frames]  # type: ignore[attr-defined]
    assert identified(frames) == identified(shuffled)


@settings(max_examples=40, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=8))
def test_a_path_has_at_most_one_detection_of_a_frame(frames):
    groups = [in_a_row(group) for group in frames]
    tracks = tracks_of(groups)
    for track in tracks:
        assert list(track.frames) == sorted(set(track.frames))
        assert len(track.frames) == len(track.poses()) == len(track.scores)
    assert sum(len(track.frames) for track in tracks) <= sum(map(len, groups))
