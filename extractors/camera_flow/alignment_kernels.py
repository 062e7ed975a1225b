"""Compiled inner loops of the border's alignment, for `extractors/camera_flow/border_alignment.py`.

They call only functions compiled in this file: see `models.tvl1_kernels`.

States are (6,): pan_x, pan_y in pixels of the level, a, b, gain, offset. Ring pixels are (n,) `xs`, `ys`, about the
centre (cx, cy).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats, Integers
from models.tvl1_kernels import Image, compiled, inlined

Motion = NDArray[np.float64]

NOISE = 0.7
"""Difference in grey levels of two pictures of one scene by compression and sensor noise; floor of the scale."""

FEWEST = 12  # levels with fewer pixels are skipped
SETTLED = 0.003  # the fit has converged when it changes by fewer pixels
BINS, PER_GREY = 512, 4  # bins of the residuals' histogram, and bins per grey level
TUKEY = 4.685  # Tukey's constant: 95 % efficiency on Gaussian residuals


@compiled
def shift_costs(first: Image, second: Image, xs: Image, ys: Image, offset: float, r: int) -> Image:
    """Mean of min(|I1(x + d) - I0(x)|, 40) over the ring for every shift d within `r`.

    A shift that moves more than half of the ring out of the picture costs 1e9. A small cost per pixel of shift breaks
    ties on periodic and flat pictures.
    """
    rows, columns = second.shape
    n = xs.shape[0]
    cost = np.full((2 * r + 1, 2 * r + 1), np.float32(1e9), np.float32)
    for sy in range(-r, r + 1):
        for sx in range(-r, r + 1):
            total, inside = np.float32(0), 0
            for k in range(n):
                x, y = int(xs[k]), int(ys[k])
                if 0 <= x + sx < columns and 0 <= y + sy < rows:
                    total += min(abs(second[y + sy, x + sx] - first[y, x] - offset), np.float32(40))
                    inside += 1
            if 2 * inside >= n:
                cost[sy + r, sx + r] = total / np.float32(inside) + np.float32(0.02) * np.float32(abs(sx) + abs(sy))
    return cost


@compiled
def gauss_newton(
    first: Image, second: Image, xs: Image, ys: Image, cx: float, cy: float, start: Motion, steps: int
) -> Motion:
    """The state after at most `steps` robust steps on one level; unknowns are scaled for a well-conditioned matrix."""
    rows, columns = second.shape
    span = max(cx, cy)
    state: Motion = start.copy()
    matrix, vector, row = np.zeros((6, 6)), np.zeros(6), np.empty(6)
    cut = _cut(first, second, xs, ys, cx, cy, state)
    for _ in range(steps):
        matrix[:], vector[:] = 0.0, 0.0
        counts = np.zeros(BINS, np.int64)
        inside = 0
        for k in range(xs.shape[0]):
            dx, dy = xs[k] - cx, ys[k] - cy
            x = xs[k] + state[0] + state[2] * dx - state[3] * dy
            y = ys[k] + state[1] + state[3] * dx + state[2] * dy
            if not (1 <= x < columns - 2 and 1 <= y < rows - 2):
                continue
            ix, iy = int(x), int(y)
            fx, fy = np.float32(x - ix), np.float32(y - iy)
            p00, p01, p10, p11 = second[iy, ix], second[iy, ix + 1], second[iy + 1, ix], second[iy + 1, ix + 1]
            gx, gy = p01 - p00 + fy * (p11 - p10 - p01 + p00), p10 - p00 + fx * (p11 - p10 - p01 + p00)
            value = p00 + fx * (p01 - p00) + fy * (p10 - p00 + fx * (p11 - p10 - p01 + p00))
            ix, iy = int(xs[k]), int(ys[k])
            here = first[iy, ix]
            r = value - state[4] * here - state[5]
            inside += 1
            counts[min(int(abs(r) * PER_GREY), BINS - 1)] += 1
            q = r / cut
            if abs(q) >= 1:
                continue
            left, right, up, down = max(ix - 1, 0), min(ix + 1, columns - 1), max(iy - 1, 0), min(iy + 1, rows - 1)
            gx = 0.5 * (gx + state[4] * (first[iy, right] - first[iy, left]) / (right - left))
            gy = 0.5 * (gy + state[4] * (first[down, ix] - first[up, ix]) / (down - up))
            weight = (1 - q * q) * (1 - q * q)
            row[0], row[1] = gx, gy
            row[2], row[3] = (gx * dx + gy * dy) / span, (gy * dx - gx * dy) / span
            row[4], row[5] = -here / 128, -1.0
            for i in range(6):
                scaled = weight * row[i]
                vector[i] += scaled * r
                for j in range(i + 1):
                    matrix[i, j] += scaled * row[j]
        if inside < FEWEST:
            break
        delta = _solve(matrix, vector)
        for i in range(6):
            state[i] -= delta[i] / (span if 2 <= i < 4 else 128.0 if i == 4 else 1.0)
        if not 0.5 < state[4] < 2.0:
            state[4] = 1.0
        cut = TUKEY * max(1.4826 * _middle(counts, inside), NOISE)
        if max(abs(delta[0]), abs(delta[1]), abs(delta[2]), abs(delta[3])) < SETTLED:
            break
    return state


@inlined
def _solve(matrix: Floats, vector: Floats) -> Floats:
    """Solution of a symmetric system from its lower triangle, with a slight ridge, by Cholesky factorisation."""
    n = vector.shape[0]
    trace = 0.0
    for i in range(n):
        trace += matrix[i, i]
    ridge = 1e-6 * trace / n + 1e-9
    factor = np.zeros((n, n))
    out: Motion = vector.copy()
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j] + (ridge if i == j else 0.0)
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = np.sqrt(max(total, 1e-12)) if i == j else total / factor[j, j]
    for i in range(n):
        for k in range(i):
            out[i] -= factor[i, k] * out[k]
        out[i] /= factor[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            out[i] -= factor[k, i] * out[k]
        out[i] /= factor[i, i]
    return out


@inlined
def _middle(counts: Integers, total: int) -> float:
    """Median, in grey levels, of a histogram of absolute residuals."""
    counted, k = 0, 0
    for k in range(counts.shape[0]):
        counted += counts[k]
        if 2 * counted >= total:
            break
    middle: float = (k + 0.5) / PER_GREY
    return middle


@inlined
def residuals(
    first: Image, second: Image, xs: Image, ys: Image, cx: float, cy: float, state: Motion, thin: int
) -> tuple[Image, Image]:
    """Residuals and first picture's values of every `thin`-th ring pixel that has a partner."""
    rows, columns = second.shape
    residual = np.empty(xs.shape[0], np.float32)
    values = np.empty(xs.shape[0], np.float32)
    n = 0
    for k in range(0, xs.shape[0], thin):
        dx, dy = xs[k] - cx, ys[k] - cy
        x = xs[k] + state[0] + state[2] * dx - state[3] * dy
        y = ys[k] + state[1] + state[3] * dx + state[2] * dy
        if 1 <= x < columns - 2 and 1 <= y < rows - 2:
            ix, iy = int(x), int(y)
            fx, fy = np.float32(x - ix), np.float32(y - iy)
            top = second[iy, ix] + fx * (second[iy, ix + 1] - second[iy, ix])
            low = second[iy + 1, ix] + fx * (second[iy + 1, ix + 1] - second[iy + 1, ix])
            values[n] = first[int(ys[k]), int(xs[k])]
            residual[n] = top + fy * (low - top) - state[4] * values[n] - state[5]
            n += 1
    return residual[:n], values[:n]


@inlined
def _cut(first: Image, second: Image, xs: Image, ys: Image, cx: float, cy: float, state: Motion) -> float:
    """Cut-off of Tukey's weight from the median absolute residual of a third of the pixels."""
    residual, _ = residuals(first, second, xs, ys, cx, cy, state, 3)
    counts = np.zeros(BINS, np.int64)
    for r in residual:
        counts[min(int(abs(r) * PER_GREY), BINS - 1)] += 1
    return TUKEY * max(1.4826 * _middle(counts, residual.shape[0]), NOISE)
