"""The pose stage with another tracker, or on detections that were found before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.pose.box import Frames
from benchmarks.pose.measure import MIN_VISIBLE, REACH, distances, measure
from benchmarks.pose.real import Clip
from benchmarks.pose.triangulate import torso_of
from extractors.pose import search
from extractors.pose import stage as pose_stage
from extractors.pose.detections import Detections
from extractors.pose.stage import Pose
from extractors.pose.tracking import Track


def run_stage(
    stage: Pose, make: Callable[..., Any], clip: Clip, replayed: Sequence[Detections] | None = None
) -> tuple[dict[str, float], list[Detections]]:
    """Measurements of the stage with a tracker, and the detections of every frame.

    Args:
        make: makes the tracker from new_score, max_missing_s and max_step.
        replayed: detections of every frame, instead of the search's.
    """
    made: list[Any] = []
    recorded: list[Detections] = []
    spent = 0.0

    def factory(*given: float) -> Any:
        made.append(make(*given))
        update = made[-1].update

        def timed(frame: int, seconds: float, detections: Detections) -> None:
            nonlocal spent
            recorded.append(detections)
            began = time.thread_time()
            update(frame, seconds, detections)
            spent += time.thread_time() - began

        made[-1].update = timed
        return made[-1]

    def replay(*_: Any) -> Detections:
        return replayed[len(recorded)] if replayed is not None else Detections.none()

    detect = search.Search.detect if replayed is None else replay
    with mock.patch.object(pose_stage, "Tracker", factory), mock.patch.object(search.Search, "detect", detect):
        result = stage.extract(Frames(clip.images, clip.times))
    row = measure(result.arrays["keypoints"].values.astype(np.float32), clip.truth, clip.visible)
    row["splits"] = float(splits(made[-1].tracks, clip))
    return row | {"us": 1e6 * spent / len(clip.times)}, recorded


def splits(tracks: Sequence[Track], clip: Clip) -> int:
    """How often a person goes over from one track to another (identity switches and fragments of CLEAR MOT).

    In every frame, visible people and tracks within `REACH` are paired one to one, kept pairs first.
    """
    poses = np.full((len(clip.times), max(len(tracks), 1), 17, 3), np.nan, dtype=np.float32)
    for number, track in enumerate(tracks):
        poses[track.frames, number] = track.keypoints
    away = distances(poses, clip.truth) / np.nanmedian(torso_of(clip.truth), axis=0)
    away[~np.repeat((clip.visible.sum(axis=2) >= MIN_VISIBLE)[:, None], away.shape[1], axis=1)] = np.inf
    last: dict[int, int] = {}
    count = 0
    for frame in away:
        kept = np.zeros_like(frame)
        for person, number in last.items():
            kept[number, person] = 1.0
        gain = np.where(frame < REACH, 1 - frame + kept, 0.0)
        for number, person in zip(*linear_sum_assignment(-gain), strict=True):
            if gain[number, person] > 0:
                count += last.get(person, number) != number
                last[int(person)] = int(number)
    return count


def every(clip: Clip, step: int, first: int) -> Clip:
    """Every `step`-th frame of a clip."""
    part = slice(first, None, step)
    return Clip(clip.images[part], clip.times[part], clip.truth[part], clip.visible[part])
