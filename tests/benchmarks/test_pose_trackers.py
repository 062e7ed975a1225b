"""The comparison of trackers: a library's tracker in the place of the pose stage's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.pose.library_tracker import LIBRARY, OURS, make_tracker
from benchmarks.pose.real import Clip
from benchmarks.pose.replay import splits
from extractors.pose.detections import Detections

POSE = np.array(
    [(0, -45), (3, -48), (-3, -48), (6, -46), (-6, -46), (12, -30), (-12, -30), (16, -10), (-16, -10), (18, 5),
     (-18, 5), (8, 10), (-8, 10), (8, 35), (-8, 35), (8, 60), (-8, 60)], dtype=np.float32,
)  # fmt: skip
"""Pixels of a standing person around the middle."""

TRACKERS = [OURS, *LIBRARY]


def person(x: float, y: float) -> np.ndarray:
    """(17, 3) that person at a place."""
    return np.column_stack([POSE + np.array([x, y], np.float32), np.full(17, 0.8, np.float32)])


def walk(frames: int = 30) -> Iterator[tuple[int, Detections]]:
    """Two people who pass each other at different heights in the picture; the order of detections alternates."""
    for frame in range(frames):
        poses = [person(60 + 6 * frame, 100), person(240 - 6 * frame, 150)]
        yield frame, Detections.of(np.stack(poses[:: 1 - 2 * (frame % 2)]), np.array([0.5, 0.5]))


def tracker_of(name: str) -> Any:
    """The tracker of a row, with the stage's default settings."""
    if name != OURS:
        pytest.importorskip("trackers", reason="the library trackers is not installed")
    return make_tracker(name, 0.15, 1.0, 0.6)


@pytest.mark.parametrize("name", TRACKERS)
def test_two_people_who_pass_keep_their_tracks(name: str) -> None:
    tracker = tracker_of(name)
    for frame, detections in walk():
        tracker.begin(frame / 30, frame == 0)
        tracker.update(frame, frame / 30, detections)
    assert [list(track.frames) for track in tracker.tracks] == [list(range(30))] * 2
    assert [round(float(track.keypoints[-1][0, 0])) for track in tracker.tracks] == [234, 66]


@pytest.mark.parametrize("name", TRACKERS)
def test_match_says_what_update_would_do_and_changes_nothing(name: str) -> None:
    tracker = tracker_of(name)
    for frame, detections in walk(8):
        tracker.begin(frame / 30, frame == 0)
        matches = tracker.match(frame / 30, detections)
        assert tracker.match(frame / 30, detections) == matches
        tracker.update(frame, frame / 30, detections)
        for row, track in matches.items():
            assert np.array_equal(track.keypoints[-1], detections.keypoints[row])
        assert len(matches) == (2 if frame else 0)


@pytest.mark.parametrize("name", TRACKERS)
def test_faint_detections_begin_no_track_and_cuts_end_tracks(name: str) -> None:
    tracker = tracker_of(name)
    for frame in range(12):
        tracker.begin(frame / 30, frame in (0, 6))
        poses = np.stack([person(100, 100), person(300, 100)])
        tracker.update(frame, frame / 30, Detections.of(poses, np.array([0.5, 0.05])))
    assert [list(track.frames) for track in tracker.tracks] == [list(range(6)), list(range(6, 12))]
    tracker.begin(12 / 30, False)
    tracker.update(12, 12 / 30, Detections.none())
    assert len(tracker.active) == 1


def test_splits_count_the_changes_of_track() -> None:
    from extractors.pose.tracking import Track

    truth = np.stack([[person(60 + 6 * i, 100)[:, :2].astype(np.float64)] for i in range(9)])
    clip = Clip(np.zeros((9, 2, 2, 3), np.uint8), np.arange(9) / 30, truth, np.ones(truth.shape[:3], dtype=bool))
    tracks = [Track(0), Track(1)]
    for frame in range(9):
        if frame != 4:
            tracks[frame > 5].add(frame, frame / 30, person(60 + 6 * frame, 100), 0.5)
    assert splits(tracks, clip) == 1
    assert splits(tracks[:1], clip) == 0
