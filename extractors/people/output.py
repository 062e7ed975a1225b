"""Chosen tracks become the arrays and quality figures that the `pose` stage stores."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Array, StageOutput
from extractors.people.agents import FIGURES, Choice, suspected_swaps
from extractors.people.between import FILLED_SCORE, between
from extractors.people.bodies import centre_of, size_of
from extractors.people.oks import MIRRORED, boxes_of
from extractors.people.repair import sights
from extractors.people.run import PoseRun
from extractors.people.sides import wrong_sides
from extractors.people.smooth import smoothed
from extractors.pose_config import PoseConfig

STRAY_S, HOLD_S = 0.4, 0.12
"""Seconds between sure frames across which faint ones must lie on the way, and for which edges of shots are held."""


@dataclass
class _Series:
    """keypoints (N, A, 17, 3) NaN where unseen, scores (N, A), filled (N, A); pixels as tracked."""

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    filled: NDArray[np.bool_]

    @property
    def seen(self) -> NDArray[np.bool_]:
        return self.scores > 0


def output(run: PoseRun, choice: Choice, size: tuple[int, int]) -> StageOutput:
    """Arrays in pixels of the frame of `size` (width, height), and quality."""
    times = np.array(run.times)
    series = _series(choice, len(times), run.config.agents)
    for start, stop in run.shots:
        for agent in range(run.config.agents):
            _drop_strays(series, agent, start, stop, times, run.config)
            if run.config.fix_sides:
                _put_sides_right(series, agent, start, stop, times)
            _fill(series, agent, start, stop, times, run.config.fill_s)
            known = start + np.flatnonzero(np.isfinite(series.keypoints[start:stop, agent, 0, 0]))
            poses, scores = series.keypoints[known, agent], series.scores[known, agent]
            series.keypoints[known, agent] = smoothed(poses, scores, times[known], run.config.smooth_s)
    scale = np.array(size) / np.array(run.size)
    series.keypoints[..., :2] *= scale.astype(np.float32)
    boxes = np.stack([boxes_of(series.keypoints[:, agent]) for agent in range(run.config.agents)], axis=1)
    cuts = times[run.shot_starts[1:]]
    arrays = {
        "time": Array(times, ("frame",), "s", "presentation time from the first frame"),
        "keypoints": Array(
            series.keypoints,
            ("frame", "agent", "joint", "xyc"),
            "px",
            "COCO-17 joints: x, y in pixels and score 0..1; x, y NaN and score 0 where unseen",
            ("x", "y", "score"),
        ),
        "boxes": Array(boxes, ("frame", "agent", "xyxy"), "px", "box around the joints", ("x1", "y1", "x2", "y2")),
        "agent_score": Array(
            series.scores, ("frame", "agent"), "1", "the network's score of the person, 0 where unseen"
        ),
        "filled": Array(
            series.filled,
            ("frame", "agent"),
            "1",
            f"true where joints are interpolated (their score is {FILLED_SCORE})",
        ),
        "size": Array(np.array(size, dtype=np.int32), ("side",), "px", "frame size", ("width", "height")),
        "frame_index": Array(np.array(run.indices, dtype=np.int32), ("frame",), "1", "frame number in display order"),
        "cuts": Array(cuts, ("cut",), "s", "first frame of every shot but the first"),
        "tracks": Array(choice.table, ("track", "figure"), "mixed", "everybody seen and why chosen or not", FIGURES),
    }
    forwards = round(run.backend.count / max(len(times), 1), 2)
    return StageOutput(arrays, _quality(series, times, choice, cuts) | {"forwards_per_frame": forwards})


def _series(choice: Choice, frames: int, agents: int) -> _Series:
    keypoints = np.full((frames, agents, 17, 3), np.nan, dtype=np.float32)
    keypoints[..., 2] = 0
    series = _Series(keypoints, np.zeros((frames, agents), np.float32), np.zeros((frames, agents), dtype=bool))
    for shot in choice.members:
        for agent, chain in enumerate(shot):
            for frame, sight in sights(chain).items():
                series.keypoints[frame, agent] = sight.pose
                series.scores[frame, agent] = sight.score
    return series


def _drop_strays(
    series: _Series, agent: int, start: int, stop: int, times: NDArray[np.float64], config: PoseConfig
) -> None:
    """Forget faint readings that lie off the way between the sure frames around them."""
    scores = series.scores[start:stop, agent]
    sure = start + np.flatnonzero(scores >= config.sure_score)
    for frame in (start + np.flatnonzero((scores > 0) & (scores < config.sure_score))).tolist():
        at = int(np.searchsorted(sure, frame))
        if at == 0 or at == len(sure) or times[sure[at]] - times[sure[at - 1]] > min(config.fill_s, STRAY_S) + 1e-6:
            continue
        before, after = sure[at - 1], sure[at]
        share = (times[frame] - times[before]) / (times[after] - times[before])
        expected = between(series.keypoints[before, agent], series.keypoints[after, agent], share)
        away = np.linalg.norm(centre_of(series.keypoints[frame, agent]) - centre_of(expected))
        if away > 0.3 * max(size_of(series.keypoints[before, agent]), size_of(series.keypoints[after, agent])):
            series.keypoints[frame, agent] = (np.nan, np.nan, 0)
            series.scores[frame, agent] = 0


def _put_sides_right(series: _Series, agent: int, start: int, stop: int, times: NDArray[np.float64]) -> None:
    seen = start + np.flatnonzero(series.seen[start:stop, agent])
    wrong = seen[wrong_sides(series.keypoints[seen, agent], times[seen])]
    series.keypoints[wrong, agent] = series.keypoints[wrong, agent][:, MIRRORED]


def _fill(series: _Series, agent: int, start: int, stop: int, times: NDArray[np.float64], longest: float) -> None:
    """Interpolate the gaps of one agent in one shot that last at most `longest` seconds.

    The first and the last sight of a shot are held for up to `HOLD_S` where the shot begins or ends so near to them.
    """
    seen = start + np.flatnonzero(series.seen[start:stop, agent])
    for edge, sight in ((start, seen[0]), (stop - 1, seen[-1])) if len(seen) > 1 else ():
        if edge != sight and abs(times[edge] - times[sight]) <= min(longest, HOLD_S) + 1e-6:
            held = series.keypoints[sight, agent]
            for frame in range(min(edge, sight + 1), max(sight, edge + 1)):
                series.keypoints[frame, agent] = np.column_stack([held[:, :2], np.full(17, FILLED_SCORE)])
                series.filled[frame, agent] = True
    for before, after in itertools.pairwise(seen):
        if after - before < 2 or times[after] - times[before] > longest + 1e-6:
            continue
        first, last = series.keypoints[before, agent], series.keypoints[after, agent]
        for frame in range(before + 1, after):
            share = (times[frame] - times[before]) / (times[after] - times[before])
            series.keypoints[frame, agent] = between(first, last, share)
            series.filled[frame, agent] = True


def _quality(
    series: _Series, times: NDArray[np.float64], choice: Choice, cuts: NDArray[np.float64]
) -> dict[str, float | int]:
    """Plain figures; an agent that is never found counts as unseen in every frame."""
    seen = series.seen
    scores = series.scores[seen]
    return {
        "found_rate": round(float(seen.mean()), 4),
        "found_rate_all": round(float(seen.all(axis=1).mean()), 4),
        "filled_rate": round(float(series.filled.mean()), 4),
        "mean_score": round(float(scores.mean()) if scores.size else 0.0, 4),
        "swaps_suspected": sum(suspected_swaps(shot) for shot in choice.members),
        "longest_gap_s": round(max(_longest_gap(seen[:, agent], times) for agent in range(seen.shape[1])), 3),
        "cuts": len(cuts),
        "people_seen": len(choice.table),
    }


def _longest_gap(seen: NDArray[np.bool_], times: NDArray[np.float64]) -> float:
    """Seconds of the longest run of unseen frames, each frame lasting until the next."""
    if seen.all() or not len(times):
        return 0.0
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    ends = np.append(times[1:], times[-1] + usual)
    longest = run = 0.0
    for frame, here in enumerate(seen):
        run = 0.0 if here else run + float(ends[frame] - times[frame])
        longest = max(longest, run)
    return longest
