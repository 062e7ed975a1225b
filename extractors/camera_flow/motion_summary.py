"""The camera's motion over a whole video, from its frame pairs: rates, whether it moves, and quality values.

Pure numpy; conventions as in `extractors/camera_flow/border_alignment.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Bools, Floats, Integers

PictureSize = tuple[int, int]  # width and height of the picture in pixels
HALF_WINDOW_S = 0.25  # seconds before and after a pair over which its motion is summed or averaged


def largest_shift(motion: Floats, size: PictureSize) -> Floats:
    """(n,) largest displacement in pixels of a picture's corner by each (n, 4) motion."""
    x, y = np.array([-1, 1, -1, 1]) * size[0] / 2, np.array([-1, -1, 1, 1]) * size[1] / 2
    tx, ty, a, b = motion.T[:, :, None]
    return np.asarray(np.hypot(tx + a * x - b * y, ty + b * x + a * y).max(axis=1))


def window(time: Floats) -> tuple[Integers, Integers]:
    """Start and end (excluded) of the rows within `HALF_WINDOW_S` of each of the ascending times (n,)."""
    return np.searchsorted(time, time - HALF_WINDOW_S), np.searchsorted(time, time + HALF_WINDOW_S, side="right")


def moving(motion: Floats, time: Floats, size: PictureSize, still: float, stride: int) -> Bools:
    """(n,) true where the camera moves.

    Compression and sensor noise move a still picture by a few hundredths of a pixel. Over half a second this noise
    cancels, while even a slow pan accumulates. So a camera moves if the pair, or the sum of all pairs within
    `HALF_WINDOW_S`, displaces a corner by more than `still` pixels.

    Args:
        motion: (n, 4) pan_x, pan_y, a, b in pixels.
        time: (n,) ascending middle of the pairs in seconds.
        still: pixels.
        stride: frames from one pair to the next. Skipped frames are assumed to move equally, so the displacement grows
            `stride`-fold. Errors of the pairs partly cancel, so the sum is scaled only by the square root.
    """
    low, high = window(time)
    total = np.concatenate([np.zeros((1, 4)), np.cumsum(motion, axis=0)]) * np.sqrt(stride)
    travelled = largest_shift(total[high] - total[low], size)
    return np.asarray(np.maximum(largest_shift(motion, size), travelled) > still)


def to_rates(motion: Floats, size: PictureSize, seconds: Floats) -> Floats:
    """(n, 4) pan_x in widths/s, pan_y in heights/s, zoom in 1/s (log scale), rotation in rad/s, from pixels a pair."""
    tx, ty, a, b = motion.T
    rates = np.stack([tx / size[0], ty / size[1], np.log(np.hypot(1 + a, b)), np.arctan2(b, 1 + a)], axis=1)
    return np.asarray(rates / seconds[:, None])


def motion_quality(arrays: Mapping[str, NDArray[Any]], moved: Bools, stride: int) -> dict[str, float]:
    """Quality values of one video, from the arrays of the stage `camera_flow`.

    They are: inliers_mean over usable pairs; moving, true if more than a tenth of the usable pairs move; cuts;
    unusable_share of the pairs; shake, the root mean square difference of pan and tilt from their half-second running
    mean, in widths and heights per second; pairs and stride.

    Args:
        moved: (pair,) true where the camera moves.
        stride: frames between two sampled pairs.
    """
    inliers, motion, time = (np.asarray(arrays[name], np.float64) for name in ("inliers", "motion", "time"))
    usable = inliers > 0
    return {
        "pairs": int(np.sum(time[:, 1] > time[:, 0])),
        "stride": stride,
        "inliers_mean": _rounded(inliers[usable].mean()) if usable.any() else 0.0,
        "moving": bool(usable.any() and moved[usable].mean() > 0.1),
        "cuts": int(arrays["cut"].sum()),
        "unusable_share": _rounded(1 - usable.mean()),
        "shake": _rounded(_shake(motion[:, :2], time, usable)),
    }


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 4)


def _shake(pan: Floats, time: Floats, usable: Bools) -> float:
    """Root mean square of the pan after subtracting its half-second running mean."""
    pan, middle = pan[usable], time[usable].mean(axis=1)
    if len(pan) < 3:
        return 0.0
    low, high = window(middle)
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(pan, axis=0)])
    smooth = (total[high] - total[low]) / (high - low)[:, None]
    return float(np.sqrt(((pan - smooth) ** 2).sum(axis=1).mean()))
