"""Frame numbers of the clips of a video.

A layout divides a video of `count` frames into clips of `frames` frames, one or more for every step:

- `uniform`: steps x frames positions, in the middle of equal parts of the video, divided into steps. Ten steps of 16
  over 160 frames use every frame once.
- `windows`: one window of consecutive frames per step; the first starts at frame 0, the last ends at the last frame.
  Starts are a whole stride apart, and the last one is moved back, as in public code for dives: 0, 10, ..., 80, 86 for
  102 frames. If the last two would be less than half a stride apart, all starts are spread evenly instead.
- `dense`: every window (or every `hop`-th), divided over the steps in order; a step is the average of its windows.
- `sliding`: the same windows as separate steps. Their number depends on the length of the video: one row per `hop`
  frames, for other methods.

Short videos: a window longer than the video is padded with the last frame. A `uniform` layout with more positions than
frames repeats frames in place. So a video of one frame gives the same clip for every step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats, Integers
from extractors.signals import row_period

Frames = NDArray[np.int32]
"""Frame numbers, or places in a list of them."""

Layout = Literal["uniform", "windows", "dense", "sliding"]


@dataclass(frozen=True)
class ClipPlan:
    """Clips of one video. Step k is the average of the clips from `spans[k, 0]` to `spans[k, 1]`, end excluded."""

    clips: Frames  # (clip, frame) frame numbers, ascending along both axes
    spans: Frames  # (step, 2)

    @property
    def wanted(self) -> Frames:
        """(n,) distinct frame numbers of all clips, ascending."""
        return np.unique(self.clips)

    @property
    def bounds(self) -> Frames:
        """(step, 2) first and last frame number of each step."""
        return np.stack([self.clips[self.spans[:, 0], 0], self.clips[self.spans[:, 1] - 1, -1]], axis=1)

    def of(self, frames: Frames) -> ClipPlan:
        """The plan for the original video, if this plan is for a selection of its frames (count,)."""
        return replace(self, clips=frames[self.clips])

    def step_frames(self) -> Frames:
        """(step, frame) frame numbers of each step: those of its clip if every step is one clip.

        Otherwise a row has the distinct frames of its clips, padded with -1.
        """
        if bool((self.spans[:, 1] - self.spans[:, 0] == 1).all()):
            return self.clips[self.spans[:, 0]]
        rows = [np.unique(self.clips[first:end]) for first, end in self.spans]
        table = np.full((len(rows), max(map(len, rows))), -1, np.int32)
        for row, numbers in zip(table, rows, strict=True):
            row[: len(numbers)] = numbers
        return table


def plan_clips(count: int, *, layout: Layout, steps: int, frames: int, stride: int = 1, hop: int = 1) -> ClipPlan:
    """The clips of `frames` frames of a video of `count` frames, for `steps` time steps; all numbers are at least 1.

    Args:
        stride: distance between adjacent frames of a window (all layouts except `uniform`).
        hop: distance between the starts of adjacent windows (`dense` and `sliding`).

    >>> plan_clips(102, layout="windows", steps=10, frames=16).clips[:, 0].tolist()
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 86]
    >>> plan_clips(3, layout="windows", steps=2, frames=4).clips.tolist()
    [[0, 1, 2, 2]]
    >>> plan_clips(8, layout="uniform", steps=2, frames=2).clips.tolist()
    [[1, 3], [5, 7]]
    >>> dense = plan_clips(8, layout="dense", steps=2, frames=4)
    >>> dense.clips[:, 0].tolist(), dense.spans.tolist()
    ([0, 1, 2, 3, 4], [[0, 2], [2, 5]])
    >>> plan_clips(8, layout="sliding", steps=2, frames=4, hop=3).clips[:, 0].tolist()
    [0, 3, 4]
    """
    if layout == "uniform":
        return _one_per_step(uniform_positions(count, steps * frames).reshape(steps, frames))
    last = max(count - ((frames - 1) * stride + 1), 0)
    if layout == "windows":
        return _one_per_step(_windows(window_starts(last, steps), count, frames, stride))
    starts = np.unique(np.append(np.arange(0, last + 1, hop), last))
    clips = _windows(starts, count, frames, stride)
    return _one_per_step(clips) if layout == "sliding" else ClipPlan(clips, divide(len(starts), steps))


def frames_at_rate(times: Floats, rate: float) -> Frames:
    """The frames of the video resampled at `rate` frames per second; all frames for rate 0.

    A video with a lower frame rate repeats some.

    >>> frames_at_rate(np.arange(12) / 30, 10).tolist(), frames_at_rate(np.array([0, 0.1, 0.5]), 5).tolist()
    ([0, 3, 6, 9], [0, 1, 1])
    """
    if not rate:
        return np.arange(len(times), dtype=np.int32)
    period = row_period(times)
    count = max(int((times[-1] - times[0] + period) * rate + 1e-3), 1)
    instants = times[0] + np.arange(count) / rate
    return np.asarray(np.searchsorted(times, instants + 1e-3 * period, side="right") - 1, dtype=np.int32)


def uniform_positions(count: int, positions: int) -> Frames:
    """The frames in the middle of `positions` equal parts of `count` frames, in integer arithmetic.

    >>> uniform_positions(9, 3).tolist(), uniform_positions(2, 4).tolist()
    ([1, 4, 7], [0, 0, 1, 1])
    """
    return ((2 * np.arange(positions, dtype=np.int64) + 1) * count // (2 * positions)).astype(np.int32)


def window_starts(last: int, steps: int) -> Integers:
    """Starts of `steps` windows from 0 to `last`: a whole stride apart, or evenly if the last two would be too close.

    >>> window_starts(86, 10).tolist()
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 86]
    >>> window_starts(10, 10).tolist()
    [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    >>> window_starts(5, 1).tolist(), window_starts(0, 3).tolist()
    ([2], [0, 0, 0])
    """
    if steps == 1:
        return np.array([last // 2])
    order = np.arange(steps, dtype=np.int64)
    stride = -(-last // (steps - 1))
    if 2 * (last - stride * (steps - 2)) >= stride:
        return np.minimum(order * stride, last)
    return (2 * order * last + steps - 1) // (2 * (steps - 1))


def divide(items: int, steps: int) -> Frames:
    """(step, 2) ranges that divide `items` evenly over `steps` in order; fewer items than steps are repeated.

    >>> divide(5, 2).tolist(), divide(2, 3).tolist()
    ([[0, 2], [2, 5]], [[0, 1], [0, 1], [1, 2]])
    """
    order = np.arange(steps + 1, dtype=np.int64) * items // steps
    return np.stack([order[:-1], np.maximum(order[1:], order[:-1] + 1)], axis=1).astype(np.int32)


def _windows(starts: Integers, count: int, frames: int, stride: int) -> Frames:
    """(clip, frame) frame numbers, padded with the last frame."""
    numbers: Integers = np.minimum(starts[:, None] + np.arange(frames) * stride, count - 1)
    return numbers.astype(np.int32)


def _one_per_step(clips: Frames) -> ClipPlan:
    """One clip per step; steps of a short video with the same frames share one clip."""
    new = np.ones(len(clips), bool)
    new[1:] = (clips[1:] != clips[:-1]).any(axis=1)
    first = np.cumsum(new, dtype=np.int32) - 1
    return ClipPlan(clips[new], np.stack([first, first + 1], axis=1).astype(np.int32))
