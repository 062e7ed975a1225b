"""TV-L1 optical flow on a rectangle of a picture, from a given start (Zach, Pock and Bischof 2007; Pérez, IPOL 2013).

The energy, on a rectangle of the first picture, is

    sum |grad u1| + |grad u2| + lambda |I1(x + u) - I0(x)|

solved by the usual split u, v (coupling theta) with the dual of the total variation. Three things differ from
the published full-frame scheme, because only the border of a picture is wanted and a camera's motion is known roughly:

- the flow starts from a given field (the global motion) instead of from zero at the coarsest level, and only its
  correction is carried from level to level, so that two levels and few warps are enough;
- the second picture is sampled wherever the flow points to, outside the rectangle too, so a narrow strip loses nothing;
- the data term uses the mean of the two pictures' gradients, which doubles the range a warp is good for.

Measured by `python -m benchmarks.camera_flow`. Everything here is compiled by Numba on first use (a few seconds, then
cached beside this file or in the user's cache folder).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Box = tuple[int, int, int, int]
F = TypeVar("F", bound=Callable[..., Any])

FLAT = np.float32(1e-3)
"""Added to the squared gradient, so that a flat pixel has no say instead of an infinite one."""


def compiled(function: F) -> F:
    """`function` compiled by Numba, without the interpreter lock; cached on disk where a folder can be written."""
    options: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return cast(F, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no folder for the cache: compile in every process instead
        return cast(F, numba.njit(**options)(function))


@dataclass(frozen=True)
class TVL1:
    """Parameters of the solver; pictures hold grey values 0..255.

    Attributes:
        data_weight: lambda, weight of the data term (.15 in OpenCV's implementation).
        coupling: theta, tightness of the split (.3).
        step: tau, time step of the dual update (at most .25).
        levels: pyramid levels, each half the size of the one below.
        warps: linearisations per level, finest first; the last entry serves the levels above it too.
        iterations: primal-dual iterations per warp at most.
        epsilon: root mean square change in pixels under which a warp's iterations end.
    """

    data_weight: float = 0.15
    coupling: float = 0.3
    step: float = 0.25
    levels: int = 3
    warps: tuple[int, ...] = (2,)
    iterations: int = 30
    epsilon: float = 0.015

    def __post_init__(self) -> None:
        if not (self.data_weight > 0 and self.coupling > 0 and 0 < self.step <= 0.25):
            raise ValueError("data_weight and coupling must be above 0 and step in (0, .25]")
        if self.levels < 1 or self.iterations < 1 or not self.warps or min(self.warps) < 1:
            raise ValueError("levels, warps and iterations must be at least 1")


def rectangle_flow(
    first: Sequence[Image],
    second: Sequence[Image],
    box: Box,
    start: Image,
    weight: Image,
    parameters: TVL1,
    light: tuple[float, float] = (1.0, 0.0),
) -> Image:
    """Flow from `first` to `second` on a rectangle.

    Args:
        first, second: pyramids, finest first; level k is (H/2^k, W/2^k) with pixel i at pixel 2i of the level below.
        box: y0, x0, y1, x1 of the rectangle in pixels of the finest level, end excluded.
        start: (2, h, w) start (u, v) in pixels; u to the right, v down.
        weight: (h, w) 0 where a pixel must not be used (its flow is filled in from its neighbours), else 1.
        parameters: of the solver.
        light: gain and offset; gain * I0 + offset is compared with I1.

    Returns:
        (2, h, w) flow in pixels.

    Raises:
        ValueError: the rectangle is empty or leaves the picture, or shapes disagree.
    """
    y0, x0, y1, x1 = box
    height, width = first[0].shape
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"rectangle {box} does not lie in a picture of {height} x {width}")
    if start.shape != (2, y1 - y0, x1 - x0) or weight.shape != start.shape[1:]:
        raise ValueError(f"start {start.shape} and weight {weight.shape} must match rectangle {box}")
    if first[0].shape != second[0].shape:
        raise ValueError(f"pictures of different shapes {first[0].shape} and {second[0].shape}")
    levels = min(parameters.levels, len(first), len(second))
    boxes, starts, weights = [box], [np.ascontiguousarray(start, np.float32)], [np.asarray(weight, np.float32)]
    for _ in range(1, levels):
        y0, x0, y1, x1 = boxes[-1]
        even_y, even_x = y0 % 2, x0 % 2
        boxes.append(((y0 + 1) // 2, (x0 + 1) // 2, (y1 + 1) // 2, (x1 + 1) // 2))
        starts.append(np.ascontiguousarray(starts[-1][:, even_y::2, even_x::2] / np.float32(2)))
        weights.append(np.ascontiguousarray(weights[-1][even_y::2, even_x::2]))
    correction = np.zeros_like(starts[-1])
    for level in reversed(range(levels)):
        shape = starts[level].shape
        if correction.shape != shape:
            correction = _finer(correction, boxes[level + 1], boxes[level], np.zeros(shape, np.float32))
        flow = np.zeros((2, shape[1] + 1, shape[2] + 1), np.float32)
        flow[:, :-1, :-1] = starts[level] + correction
        _level(
            first[level],
            second[level],
            boxes[level],
            flow,
            weights[level],
            parameters.warps[min(level, len(parameters.warps) - 1)],
            parameters.iterations,
            np.float32(parameters.data_weight * parameters.coupling),
            np.float32(parameters.coupling),
            np.float32(parameters.step / parameters.coupling),
            np.float32(parameters.epsilon),
            np.float32(light[0]),
            np.float32(light[1]),
        )
        correction = flow[:, :-1, :-1] - starts[level]
    return starts[0] + correction


@compiled
def sample(image: Image, y: float, x: float) -> tuple[float, float, float]:
    """Value and gradient (d/dx, d/dy) of `image` at (y, x) by bicubic interpolation (Keys, a = -1/2).

    The caller keeps (y, x) at least one pixel away from the edge.
    """
    iy, ix = int(y), int(x)
    fy, fx = np.float32(y - iy), np.float32(x - ix)
    half, one = np.float32(0.5), np.float32(1.0)
    w0 = ((-half * fx + one) * fx - half) * fx
    w1 = (np.float32(1.5) * fx - np.float32(2.5)) * fx * fx + one
    w2 = ((np.float32(-1.5) * fx + np.float32(2.0)) * fx + half) * fx
    w3 = half * (fx - one) * fx * fx
    d0 = (np.float32(-1.5) * fx + np.float32(2.0)) * fx - half
    d1 = (np.float32(4.5) * fx - np.float32(5.0)) * fx
    d2 = (np.float32(-4.5) * fx + np.float32(4.0)) * fx + half
    d3 = (np.float32(1.5) * fx - one) * fx
    v0 = ((-half * fy + one) * fy - half) * fy
    v1 = (np.float32(1.5) * fy - np.float32(2.5)) * fy * fy + one
    v2 = ((np.float32(-1.5) * fy + np.float32(2.0)) * fy + half) * fy
    v3 = half * (fy - one) * fy * fy
    e0 = (np.float32(-1.5) * fy + np.float32(2.0)) * fy - half
    e1 = (np.float32(4.5) * fy - np.float32(5.0)) * fy
    e2 = (np.float32(-4.5) * fy + np.float32(4.0)) * fy + half
    e3 = (np.float32(1.5) * fy - one) * fy
    value, dx, dy = np.float32(0), np.float32(0), np.float32(0)
    for k in range(4):
        row = iy - 1 + k
        a, b, c, d = image[row, ix - 1], image[row, ix], image[row, ix + 1], image[row, ix + 2]
        along = w0 * a + w1 * b + w2 * c + w3 * d
        slope = d0 * a + d1 * b + d2 * c + d3 * d
        wy = v0 if k == 0 else v1 if k == 1 else v2 if k == 2 else v3
        ey = e0 if k == 0 else e1 if k == 1 else e2 if k == 2 else e3
        value += wy * along
        dx += wy * slope
        dy += ey * along
    return value, dx, dy


@compiled
def _finer(coarse: Image, coarse_box: Box, box: Box, out: Image) -> Image:
    """Bilinear doubling of a flow correction onto the finer rectangle, values doubled too."""
    h, w = coarse.shape[1:]
    for i in range(out.shape[1]):
        y = min(max((box[0] + i) * 0.5 - coarse_box[0], 0.0), h - 1.0)
        iy = min(int(y), max(h - 2, 0))
        jy, fy = min(iy + 1, h - 1), np.float32(y - iy)
        for j in range(out.shape[2]):
            x = min(max((box[1] + j) * 0.5 - coarse_box[1], 0.0), w - 1.0)
            ix = min(int(x), max(w - 2, 0))
            jx, fx = min(ix + 1, w - 1), np.float32(x - ix)
            for c in range(2):
                top = coarse[c, iy, ix] + fx * (coarse[c, iy, jx] - coarse[c, iy, ix])
                low = coarse[c, jy, ix] + fx * (coarse[c, jy, jx] - coarse[c, jy, ix])
                out[c, i, j] = np.float32(2) * (top + fy * (low - top))
    return out


@compiled
def _level(
    first: Image,
    second: Image,
    box: Box,
    flow: Image,
    weight: Image,
    warps: int,
    iterations: int,
    bound: float,
    coupling: float,
    dual_step: float,
    epsilon: float,
    gain: float,
    offset: float,
) -> None:
    """Solve one level in place; `flow` is (2, h + 1, w + 1), its last row and column are scratch."""
    h, w = flow.shape[1] - 1, flow.shape[2] - 1
    enough = epsilon * epsilon * np.float32(h * w)
    rest, inverse = np.empty((h, w), np.float32), np.empty((h, w), np.float32)
    gx, gy = np.empty((h, w), np.float32), np.empty((h, w), np.float32)
    dual = np.zeros((4, h + 1, w + 1), np.float32)
    for _ in range(warps):
        _linearise(first, second, box, flow, weight, gain, offset, rest, gx, gy, inverse)
        for _ in range(iterations):
            change = _primal(flow, dual, rest, gx, gy, inverse, bound, coupling)
            _dual(flow, dual, dual_step)
            if change < enough:
                break


@compiled
def _linearise(
    first: Image,
    second: Image,
    box: Box,
    flow: Image,
    weight: Image,
    gain: float,
    offset: float,
    rest: Image,
    gx: Image,
    gy: Image,
    inverse: Image,
) -> None:
    """Residual rest + gx u + gy v around the current flow; all zero where a pixel has no partner."""
    rows, columns = second.shape
    h, w = rest.shape
    half = np.float32(0.5)
    for i in range(h):
        fy = box[0] + i
        up, down = max(fy - 1, 0), min(fy + 1, rows - 1)
        for j in range(w):
            u, v = flow[0, i, j], flow[1, i, j]
            fx = box[1] + j
            y, x = fy + v, fx + u
            a, b, c = np.float32(0), np.float32(0), np.float32(0)
            if weight[i, j] > 0 and 1 <= y < rows - 2 and 1 <= x < columns - 2:
                value, dx, dy = sample(second, y, x)
                left, right = max(fx - 1, 0), min(fx + 1, columns - 1)
                sx = gain * (first[fy, right] - first[fy, left]) / np.float32(right - left)
                sy = gain * (first[down, fx] - first[up, fx]) / np.float32(down - up)
                a, b = half * (dx + sx), half * (dy + sy)
                c = value - gain * first[fy, fx] - offset - a * u - b * v
            gx[i, j], gy[i, j], rest[i, j] = a, b, c
            inverse[i, j] = np.float32(1) / (a * a + b * b + FLAT)


@compiled
def _primal(
    flow: Image, dual: Image, rest: Image, gx: Image, gy: Image, inverse: Image, bound: float, coupling: float
) -> float:
    """Thresholding step, then u = v + theta div p; replicates the last row and column for the forward differences.

    Returns the sum of the squared changes of the flow.
    """
    h, w = rest.shape
    change = np.float32(0)
    for i in range(h):
        for j in range(w):
            u, v, a, b = flow[0, i, j], flow[1, i, j], gx[i, j], gy[i, j]
            t = min(max(-(rest[i, j] + a * u + b * v) * inverse[i, j], -bound), bound)
            div_u = dual[0, i + 1, j + 1] - dual[0, i + 1, j] + dual[1, i + 1, j + 1] - dual[1, i, j + 1]
            div_v = dual[2, i + 1, j + 1] - dual[2, i + 1, j] + dual[3, i + 1, j + 1] - dual[3, i, j + 1]
            du, dv = t * a + coupling * div_u, t * b + coupling * div_v
            flow[0, i, j], flow[1, i, j] = u + du, v + dv
            change += du * du + dv * dv
        flow[0, i, w], flow[1, i, w] = flow[0, i, w - 1], flow[1, i, w - 1]
    for c in range(2):
        for j in range(w + 1):
            flow[c, h, j] = flow[c, h - 1, j]
    return change


@compiled
def _dual(flow: Image, dual: Image, step: float) -> None:
    """p = (p + tau/theta grad u) / (1 + tau/theta |grad u|), per flow component."""
    h, w = flow.shape[1] - 1, flow.shape[2] - 1
    one = np.float32(1)
    for c in range(2):
        for i in range(h):
            for j in range(w):
                here = flow[c, i, j]
                dx, dy = flow[c, i, j + 1] - here, flow[c, i + 1, j] - here
                scale = one / (one + step * np.sqrt(dx * dx + dy * dy))
                dual[2 * c, i + 1, j + 1] = (dual[2 * c, i + 1, j + 1] + step * dx) * scale
                dual[2 * c + 1, i + 1, j + 1] = (dual[2 * c + 1, i + 1, j + 1] + step * dy) * scale
