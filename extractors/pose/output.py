"""The agents' tracks become the arrays and quality values that the `pose` stage stores."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.keypoints import boxes_of, in_blocks
from extractors.pose.agents import Agents, rival, suspected_switches
from extractors.pose.cleaning import clean_poses
from extractors.pose.config import PoseConfig
from extractors.signals import row_period


def output(
    config: PoseConfig,
    times: NDArray[np.float64],
    shots: Sequence[tuple[int, int]],
    agents: Agents,
    full_size: tuple[int, int],
    scale: NDArray[np.float64],
) -> tuple[dict[str, NDArray[Any]], dict[str, float | int | str]]:
    """Values of the stage's arrays, in pixels of the video, and the quality values that follow from them.

    Args:
        times: (N,) seconds of every processed frame.
        shots: first frame and one past the last frame of every shot, by position in `times`.
        full_size: (width, height) of the video in pixels.
        scale: (2,) pixels of the video per pixel in which people were tracked.
    """
    count = config.agents
    keypoints = np.full((len(times), count, 17, 3), np.nan, dtype=np.float32)
    keypoints[..., 2] = 0
    scores = np.zeros((len(times), count))
    for ((start, stop), chains), agent in itertools.product(zip(shots, agents.shots, strict=True), range(count)):
        rows = slice(start, stop)
        for track in chains[agent] if agent < len(chains) else ():
            frames, score = np.asarray(track.frames), np.asarray(track.scores)
            best = score > scores[frames, agent]
            keypoints[frames[best], agent], scores[frames[best], agent] = track.keypoints[best], score[best]
        cleaned = clean_poses(times[rows], keypoints[rows, agent], scores[rows, agent], config.cleaning)
        cleaned[~np.isfinite(cleaned[..., 0]), 2] = 0.0
        cleaned[..., :2] *= scale
        keypoints[rows, agent] = cleaned
    detected, cuts = scores > 0, times[[start for start, _ in shots[1:]]]
    interpolated = ~detected & np.isfinite(keypoints[..., 0]).any(axis=2)
    values: dict[str, NDArray[Any]] = {
        "time": times,
        "keypoints": keypoints,
        "boxes": np.stack([in_blocks(boxes_of, keypoints[:, agent]) for agent in range(count)], axis=1),
        "agent_score": scores.astype(np.float32),
        "filled": interpolated,
        "size": np.array(full_size, dtype=np.int32),
        "frame_index": np.arange(len(times), dtype=np.int32) * config.stride,
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
        "rival": round(rival(agents.table), 4),
        "frames_per_s": round(config.stride / row_period(times), 3),
    }


def _longest_gap(detected: NDArray[np.bool_], times: NDArray[np.float64]) -> float:
    """Seconds of the longest run of frames without detection."""
    period = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    ends = np.concatenate([times[:1] - period, times[detected], times[-1:] + period])
    return max(float(np.diff(ends).max()) - period, 0.0)
