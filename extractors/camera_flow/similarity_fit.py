"""From flow in cells to the camera's motion: a robust similarity fit, and the conversion to rates.

Pure numpy; conventions as in `extractors/camera_flow/alignment.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INLIER = 0.5  # pixels of the working size by which a cell may differ from the fit and still count as an inlier

CUT = 3.0  # Tukey's cut-off in robust deviations, not 4.7: people on the border often move almost as the camera does
CEILING = 0.5  # pixels; largest robust scale. Cells far from the start are people, even where they are the majority
FLOOR = 0.05  # pixels; floor of the robust scale, the flow's own error


def fit_cells(
    flow: NDArray[np.float64], weight: NDArray[np.float64], centre: NDArray[np.float64], start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Similarity that most cells agree on, by iteratively reweighted least squares with Tukey's weights.

    Args:
        flow: (cell, 2) pixels.
        weight: (cell,) 0 for a cell that is left out.
        centre: (cell, 2) centre of the cells relative to the picture's centre, pixels.
        start: (4,) motion that the first weights are taken from.

    Returns:
        (4,) pan_x, pan_y, a, b, and the weighted share of cells within `INLIER` of it. With fewer than three usable
        cells the start is returned with a share of 0.
    """
    use = weight > 0
    if use.sum() < 3:
        return start.copy(), 0.0
    w, x, y = weight[use], centre[use, 0], centre[use, 1]
    one, none = np.ones_like(x), np.zeros_like(x)
    design = np.stack([np.stack([one, none, x, -y], 1), np.stack([none, one, y, x], 1)], 1).reshape(-1, 4)
    span = np.array([1.0, 1.0, np.abs(centre).max(), np.abs(centre).max()])
    design, target = design / span, flow[use].reshape(-1)
    motion = start * span
    for _ in range(12):
        distance = np.linalg.norm((target - design @ motion).reshape(-1, 2), axis=1)
        order = np.argsort(distance, kind="stable")
        total = np.cumsum(w[order])
        median = float(distance[order[np.searchsorted(total, total[-1] / 2)]])
        cut = CUT * min(max(1.4826 * median, FLOOR), CEILING)
        q = np.clip(distance / cut, 0, 1)
        rows = np.repeat(w * (1 - q * q) ** 2, 2)
        if rows.max() <= 0:
            break
        matrix = (design * rows[:, None]).T @ design
        matrix[np.diag_indices(4)] += 1e-6 * np.trace(matrix)
        # The tiny ridge pulls towards the present motion, not to zero: what the cells leave open stays as it was.
        step = np.linalg.solve(matrix, (design * rows[:, None]).T @ (target - design @ motion))
        motion = motion + step
        if np.abs(step).max() < 1e-4:
            break
    distance = np.linalg.norm((target - design @ motion).reshape(-1, 2), axis=1)
    return motion / span, float(w[distance <= INLIER].sum() / w.sum())


def largest_shift(motion: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """(n,) largest displacement in pixels that each (n, 4) motion gives to a corner of the picture."""
    x, y = np.array([-1, 1, -1, 1]) * width / 2, np.array([-1, -1, 1, 1]) * height / 2
    tx, ty, a, b = motion.T[:, :, None]
    return np.asarray(np.hypot(tx + a * x - b * y, ty + b * x + a * y).max(axis=1))


def window(time: NDArray[np.float64], half: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end (excluded) of the rows within `half` seconds of each of the ascending times (n,)."""
    return np.searchsorted(time, time - half), np.searchsorted(time, time + half, side="right")


def moving(
    motion: NDArray[np.float64], time: NDArray[np.float64], width: int, height: int, still: float, stride: int = 1
) -> NDArray[np.bool_]:
    """(n,) true where the camera moves.

    Compression and sensor noise move a still picture by a few hundredths of a pixel. Over half a second this noise
    cancels, while even a slow pan accumulates. A camera is still where neither the pair itself nor all pairs within a
    quarter of a second together displace a corner by more than `still` pixels.

    Args:
        motion: (n, 4) pan_x, pan_y, a, b in pixels.
        time: (n,) ascending middle of the pairs in seconds.
        width, height: of the picture in pixels.
        still: pixels.
        stride: frames from one pair to the next. Frames between are assumed to move alike, so the displacement grows
            `stride`-fold. Errors of the pairs partly cancel, so the sum is scaled by the square root only.
    """
    low, high = window(time, 0.25)
    total = np.concatenate([np.zeros((1, 4)), np.cumsum(motion, axis=0)]) * np.sqrt(stride)
    travelled = largest_shift(total[high] - total[low], width, height)
    return np.asarray(np.maximum(largest_shift(motion, width, height), travelled) > still)


def to_rates(motion: NDArray[np.float64], width: int, height: int, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 4) pan_x in widths/s, pan_y in heights/s, zoom in 1/s (log scale), rotation in rad/s, from pixels a pair."""
    tx, ty, a, b = motion.T
    rates = np.stack([tx / width, ty / height, np.log(np.hypot(1 + a, b)), np.arctan2(b, 1 + a)], axis=1)
    return np.asarray(rates / seconds[:, None])
