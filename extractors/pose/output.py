"""The agents' tracks become the arrays and quality values that the `pose` stage stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.video import Frame
from extractors.pose.agents import Agents, suspected_switches
from extractors.pose.cleaning import CleaningConfig, clean_poses
from extractors.pose.keypoints import boxes_of
from extractors.signals import runs_between


@dataclass
class FrameLog:
    """The frames of one video, as they are processed.

    Attributes:
        times: seconds of every processed frame.
        indices: number of every processed frame in display order.
        shot_starts: positions of the first frame of every shot.
    """

    times: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    shot_starts: list[int] = field(default_factory=list)

    def begin(self, frame: Frame, cut: bool) -> bool:
        """Take note of the next frame; true where it begins a shot."""
        new_shot = cut or not self.times
        if new_shot:
            self.shot_starts.append(len(self.times))
        self.times.append(frame.time)
        self.indices.append(frame.index)
        return new_shot

    @property
    def shots(self) -> list[tuple[int, int]]:
        """First position and one past the last position of every shot."""
        return list(zip(self.shot_starts, [*self.shot_starts[1:], len(self.times)], strict=True))


def output(
    log: FrameLog,
    agents: Agents,
    count: int,
    cleaning: CleaningConfig,
    full_size: tuple[int, int],
    size: tuple[int, int],
) -> tuple[dict[str, NDArray[Any]], dict[str, float | int | str]]:
    """Values of the stage's arrays, in pixels of the video, and the quality values that follow from them.

    Args:
        count: number of agents to store.
        full_size: (width, height) of the video in pixels.
        size: (width, height) in which people were tracked.
    """
    times = np.array(log.times)
    keypoints = np.full((len(times), count, 17, 3), np.nan, dtype=np.float64)
    keypoints[..., 2] = 0
    scores = np.zeros((len(times), count))
    for shot in agents.shots:
        for agent, chain in enumerate(shot):
            for track in chain:
                for frame, pose, score in zip(track.frames, track.keypoints, track.scores, strict=True):
                    if score > scores[frame, agent]:
                        keypoints[frame, agent], scores[frame, agent] = pose, score
    detected, cuts = scores > 0, times[log.shot_starts[1:]]
    for rows in runs_between(times, cuts):
        for agent in range(count):
            keypoints[rows, agent] = clean_poses(times[rows], keypoints[rows, agent], scores[rows, agent], cleaning)
    placed = np.isfinite(keypoints[..., 0])
    interpolated = ~detected & placed.any(axis=2)
    keypoints[..., 2] = np.where(placed, keypoints[..., 2], 0.0)
    keypoints[..., :2] *= np.array(full_size) / np.array(size)
    keypoints = keypoints.astype(np.float32)
    values: dict[str, NDArray[Any]] = {
        "time": times,
        "keypoints": keypoints,
        "boxes": np.stack([boxes_of(keypoints[:, agent]) for agent in range(count)], axis=1),
        "agent_score": scores.astype(np.float32),
        "filled": interpolated,
        "size": np.array(full_size, dtype=np.int32),
        "frame_index": np.array(log.indices, dtype=np.int32),
        "cuts": cuts,
        "tracks": agents.table,
    }
    # An agent that is never detected counts as missing in every frame.
    return values, {
        "found_rate": round(float(detected.mean()), 4),
        "found_rate_all": round(float(detected.all(axis=1).mean()), 4),
        "filled_rate": round(float(interpolated.mean()), 4),
        "mean_score": round(float(scores[detected].mean()) if detected.any() else 0.0, 4),
        "longest_gap_s": round(max(_longest_gap(one, times) for one in detected.T), 3),
        "swaps_suspected": sum(suspected_switches(shot) for shot in agents.shots),
        "cuts": len(cuts),
        "people_seen": len(agents.table),
    }


def _longest_gap(detected: NDArray[np.bool_], times: NDArray[np.float64]) -> float:
    """Seconds of the longest run of frames without detection, each frame lasting until the next."""
    period = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    longest = gap = 0.0
    for duration, present in zip(np.diff(times, append=times[-1] + period), detected, strict=True):
        gap = 0.0 if present else gap + float(duration)
        longest = max(longest, gap)
    return longest
