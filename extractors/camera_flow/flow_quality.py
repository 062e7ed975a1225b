"""Quality values that show how far a video's camera flow can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.camera_flow.similarity_fit import window


def quality(
    arrays: Mapping[str, NDArray[Any]], moved: NDArray[np.bool_], allowed: NDArray[np.bool_], stride: int
) -> dict[str, float | int | str | bool]:
    """Quality values of one video, from the arrays of the stage `camera_flow`.

    They are: inliers_mean over usable pairs; static_share of the usable pairs; moving, true when more than a tenth of
    the usable pairs move; masked_cells, cells never usable, and graphic_cells among them; cuts; unusable_share of the
    pairs; pan_range in picture widths; shake, the pan's and tilt's root mean square difference from their half-second
    running mean, in widths and heights per second; pairs and stride.

    Args:
        moved: (pair,) true where the camera moves.
        allowed: (cell,) false where graphics cover a cell.
        stride: frames between two sampled pairs.
    """
    inliers, motion, time = (np.asarray(arrays[name], np.float64) for name in ("inliers", "motion", "time"))
    usable = inliers > 0
    moved = moved[usable]
    travelled = np.cumsum(motion[:, 0] * (time[:, 1] - time[:, 0])) * stride
    return {
        "pairs": int(np.sum(time[:, 1] > time[:, 0])),
        "stride": stride,
        "inliers_mean": _rounded(inliers[usable].mean()) if usable.any() else 0.0,
        "static_share": _rounded(1 - moved.mean()) if usable.any() else 0.0,
        "moving": bool(usable.any() and moved.mean() > 0.1),
        "masked_cells": int((~arrays["cell_mask"].any(axis=0)).sum()),
        "graphic_cells": int((~allowed).sum()),
        "cuts": int(arrays["cut"].sum()),
        "unusable_share": _rounded(1 - usable.mean()),
        "pan_range": _rounded(np.ptp(travelled)),
        "shake": _rounded(_shake(motion[:, :2], time, usable)),
    }


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 4)


def _shake(pan: NDArray[np.float64], time: NDArray[np.float64], usable: NDArray[np.bool_]) -> float:
    """Root mean square of the pan after subtracting its half-second running mean."""
    pan, middle = pan[usable], time[usable].mean(axis=1)
    if len(pan) < 3:
        return 0.0
    low, high = window(middle, 0.25)
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(pan, axis=0)])
    smooth = (total[high] - total[low]) / (high - low)[:, None]
    return float(np.sqrt(((pan - smooth) ** 2).sum(axis=1).mean()))
