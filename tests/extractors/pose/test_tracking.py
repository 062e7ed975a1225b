"""Tracks of stick figures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.keypoints import centres_of
from extractors.pose.agents import suspected_switches
from extractors.pose.detections import Detections
from extractors.pose.tracking import Track, Tracker
from tests.helpers.drawn_people import people, person, tracked


def x_of(pose: np.ndarray) -> float:
    """Pixels from the left of a body's centre."""
    return float(centres_of(pose[None])[0, 0])


def test_two_somersaulting_divers_keep_their_identity() -> None:
    frames = [
        people(*[person(200 + dx, 50 + 0.12 * t * t, 0.5 * t) for dx in ((0, 90), (90, 0))[t % 2]]) for t in range(50)
    ]
    tracks = tracked(frames).tracks
    assert len(tracks) == 2
    for track in tracks:
        assert len(track.frames) == 50
        assert np.ptp([x_of(pose) for pose in track.keypoints]) < 60  # turning about the hips moves the centre


def test_people_who_cross_keep_their_identity() -> None:
    tracks = tracked([people(person(100 + 8 * t, 200), person(500 - 8 * t, 210)) for t in range(50)]).tracks
    assert len(tracks) == 2
    assert tracks[0].keypoints[-1][:, 0].mean() > 450
    assert suspected_switches([[tracks[0]], [tracks[1]]]) == 0


def test_people_who_touch_and_part_again_keep_their_identity() -> None:
    gaps = [max(30.0, abs(25 - t) * 8.0) for t in range(50)]
    tracks = tracked([people(person(300 - gap, 200), person(300 + gap, 200)) for gap in gaps]).tracks
    assert [len(track.frames) for track in tracks] == [50, 50]
    assert x_of(tracks[0].keypoints[-1]) < 300


def test_a_missing_person_comes_back_to_the_same_track_and_a_stranger_does_not() -> None:
    frames = [people(person(100 + 4 * t, 200)) if not 10 <= t < 20 else Detections.none() for t in range(30)]
    assert len(tracked(frames).tracks) == 1
    frames[20:] = [people(person(600, 200)) for _ in range(10)]
    assert len(tracked(frames).tracks) == 2


def test_a_person_who_leaves_the_picture_and_comes_back_late_begins_a_track() -> None:
    def place(t: int) -> float:
        return 560 + 8 * t if t < 20 else 720 - 8 * (t - 50)

    frames = [people(person(place(t), 200)) if not 20 <= t < 50 else Detections.none() for t in range(70)]
    assert [len(track.frames) for track in tracked(frames).tracks] == [20, 20]
    assert [len(track.frames) for track in tracked(frames, max_missing_s=2.0).tracks] == [40]


def test_low_scores_continue_tracks_but_begin_none() -> None:
    frames = [people(person(100, 200), scores=[0.5 if t == 0 else 0.12]) for t in range(10)]
    assert len(tracked(frames).tracks[0].frames) == 10
    assert not tracked(frames[1:]).tracks


def test_low_scores_must_be_nearer_to_the_prediction() -> None:
    """Reach is .6 body sizes, .3 for a low score; the figure is 150 pixels large."""
    for score, count in ((0.5, 1), (0.12, 0)):
        tracker = tracked([people(person(100, 200))] * 3)
        assert len(tracker.match(3 / 25, people(person(165, 200), scores=[score]))) == count
    assert len(tracker.match(3 / 25, people(person(130, 200), scores=[0.12]))) == 1


def test_matching_changes_nothing() -> None:
    tracker = tracked([people(person(100, 200))] * 3)
    assert tracker.match(3 / 25, people(person(101, 200))) == {0: tracker.tracks[0]}
    assert len(tracker.tracks[0].frames) == 3


def test_bodies_of_another_size_are_other_people() -> None:
    tracker = tracked([people(person(100, 200))] * 3)
    assert not tracker.match(3 / 25, people(person(100, 200, scale=0.3)))


def test_a_cut_ends_every_track() -> None:
    tracker = Tracker(0.15, 1.0, 0.6)
    for t in range(10):
        tracker.begin(t / 25, new_shot=t in (0, 5))
        tracker.update(t, t / 25, people(person(100, 200)))
    assert [list(track.frames) for track in tracker.tracks] == [list(range(5)), list(range(5, 10))]


def test_place_and_orientation_are_predicted_for_a_moment() -> None:
    track = Track(0)
    for t in range(10):
        track.add(t, t / 25, person(100 + 5 * t, 200, 0.2 * t), 0.9)
    centre, spin = x_of(person(150, 200, 1.8)), 0.2 * 25
    assert x_of(track.predicted(10 / 25)) == pytest.approx(centre, abs=3)
    assert track.predicted_orientation(10 / 25) == pytest.approx(2.0, abs=0.05)
    assert track.spin == pytest.approx(spin, rel=0.02)
    assert track.predicted(5.0) == pytest.approx(track.predicted(9 / 25 + 0.2))


def test_a_head_taken_for_feet_is_no_rotation() -> None:
    track = Track(0)
    for t in range(12):
        track.add(t, t / 25, person(100, 200, np.pi * (t == 10)), 0.9)
    assert abs(track.spin) < 0.01


PLACES = st.lists(st.tuples(st.integers(0, 600), st.floats(-3, 3), st.floats(0.05, 1)), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_detections_changes_no_track(frames: list[list[tuple[int, float, float]]], random: object) -> None:
    def identified(groups: list[list[tuple[int, float, float]]]) -> set[tuple[tuple[int, ...], tuple[float, ...]]]:
        made = [
            people(*[person(x, 200, a) for x, a, _ in g], scores=[s for *_, s in g]) if g else Detections.none()
            for g in groups
        ]
        return {(tuple(t.frames), tuple(map(x_of, t.keypoints))) for t in tracked(made).tracks}

    # Two detections at one place would tie.
    frames = [list({x // 5: (x, a, s) for x, a, s in group}.values()) for group in frames]
    shuffled = [random.sample(group, len(group)) for group in frames]  # type: ignore[attr-defined]
    assert identified(frames) == identified(shuffled)


@settings(max_examples=40, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=8))
def test_a_track_has_at_most_one_detection_of_a_frame(frames: list[list[tuple[int, float, float]]]) -> None:
    groups = [people(*[person(x, 200, a) for x, a, _ in g], scores=[s for *_, s in g]) for g in frames]
    tracker = tracked(groups)
    for track in tracker.tracks:
        assert list(track.frames) == sorted(set(track.frames))
        assert len(track.frames) == len(track.keypoints) == len(track.scores)
    assert [track.number for track in tracker.tracks] == list(range(len(tracker.tracks)))
    assert sum(len(track.frames) for track in tracker.tracks) <= sum(map(len, groups))
