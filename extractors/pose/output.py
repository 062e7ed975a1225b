"""The agents' tracks become the arrays and quality values that the `pose` stage stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.video import Frame
from extractors.pose.agents import Agents, suspected_switches
from extractors.pose.cleaning import clean_poses
from extractors.pose.config import PoseConfig
from extractors.pose.keypoints import boxes_of
from extractors.signals import runs_between


@dataclass
class Run:
    """The frames of one video, as they were processed.

    Attributes:
        config: of the stage.
        full_size: (width, height) of the video in pixels.
        size: (width, height) in which people are detected and followed.
        times: seconds of every processed frame.
        indices: number of every processed frame in display order.
        shot_starts: positions of the first frame of every shot.
    """

    config: PoseConfig
    full_size: tuple[int, int]
    size: tuple[int, int]
    times: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    shot_starts: list[int] = field(default_factory=list)

    def begin(self, frame: Frame, cut: bool) -> bool:
        """Take note of the next frame; true where it begins a shot."""
        if cut or not self.times:
            self.shot_starts.append(len(self.times))
        self.times.append(frame.time)
        self.indices.append(frame.index)
        return self.shot_starts[-1] == len(self.times) - 1

    @property
    def shots(self) -> list[tuple[int, int]]:
        """First position and one past the last position of every shot."""
        return list(zip(self.shot_starts, [*self.shot_starts[1:], len(self.times)], strict=True))


def output(
    run: Run, agents: Agents, quality: Mapping[str, float | str]
) -> tuple[dict[str, NDArray[Any]], dict[str, float | int | str]]:
    """Values of the stage's arrays, in pixels of the video, and quality: `quality` and what follows from the arrays."""
    times = np.array(run.times)
    count = run.config.agents
    keypoints = np.full((len(times), count, 17, 3), np.nan, dtype=np.float64)
    keypoints[..., 2] = 0
    scores = np.zeros((len(times), count))
    for shot in agents.shots:
        for agent, chain in enumerate(shot):
            for track in chain:
                for frame, pose, score in zip(track.frames, track.keypoints, track.scores, strict=True):
                    if score > scores[frame, agent]:
                        keypoints[frame, agent], scores[frame, agent] = pose, score
    detected = scores > 0
    cuts = times[run.shot_starts[1:]]
    cleaning = run.config.cleaning
    for rows in runs_between(times, cuts):
        for agent in range(count):
            keypoints[rows, agent] = clean_poses(times[rows], keypoints[rows, agent], scores[rows, agent], cleaning)
    interpolated = ~detected & np.isfinite(keypoints[..., 0]).any(axis=2)
    keypoints[..., 2] = np.where(np.isfinite(keypoints[..., 0]), keypoints[..., 2], 0.0)
    keypoints[..., :2] *= np.array(run.full_size) / np.array(run.size)
    keypoints = keypoints.astype(np.float32)
    boxes = np.stack([boxes_of(keypoints[:, agent]) for agent in range(count)], axis=1)
    values: dict[str, NDArray[Any]] = {
        "time": times,
        "keypoints": keypoints,
        "boxes": boxes,
        "agent_score": scores.astype(np.float32),
        "filled": interpolated,
        "size": np.array(run.full_size, dtype=np.int32),
        "frame_index": np.array(run.indices, dtype=np.int32),
        "cuts": cuts,
        "tracks": agents.table,
    }
    measured = _quality(detected, scores, interpolated, times)
    measured |= {
        "swaps_suspected": sum(suspected_switches(shot) for shot in agents.shots),
        "cuts": len(cuts),
        "people_seen": len(agents.table),
    }
    return values, {**measured, **quality}


def _quality(
    detected: NDArray[np.bool_],
    scores: NDArray[np.floating],
    interpolated: NDArray[np.bool_],
    times: NDArray[np.float64],
) -> dict[str, float | int]:
    """Shares over frames and agents; an agent that is never detected counts as missing in every frame."""
    return {
        "found_rate": round(float(detected.mean()), 4),
        "found_rate_all": round(float(detected.all(axis=1).mean()), 4),
        "filled_rate": round(float(interpolated.mean()), 4),
        "mean_score": round(float(scores[detected].mean()) if detected.any() else 0.0, 4),
        "longest_gap_s": round(max(_longest_gap(one, times) for one in detected.T), 3),
    }


def _longest_gap(detected: NDArray[np.bool_], times: NDArray[np.float64]) -> float:
    """Seconds of the longest run of frames without detection, each frame lasting until the next."""
    if detected.all() or not len(times):
        return 0.0
    period = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    ends = np.append(times[1:], times[-1] + period)
    longest = gap = 0.0
    for begin, end, here in zip(times, ends, detected, strict=True):
        gap = 0.0 if here else gap + float(end - begin)
        longest = max(longest, gap)
    return longest
