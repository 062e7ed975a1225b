"""Compiled inner loops of TV-L1; `models/tvl1.py` calls them.

Numba's disk cache depends on the file that defines a function, not on functions in other files or on the options here.
So a compiled function calls only functions of the same file. The called functions are inlined. Otherwise each exists
twice: optimised alone, and together with its caller. A freshly compiled caller and a cached one would run different
versions, which round differently with `fastmath`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])
Image = NDArray[np.float32]
Box = tuple[int, int, int, int]

FLAT = np.float32(
    1e-3
)  # added to the squared gradient, so that a flat pixel has no influence instead of an infinite one


def _compiler(inline: Literal["never", "always"]) -> Callable[[F], F]:
    """A decorator that compiles without the interpreter lock, and caches on disk if possible."""
    options: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "inline": inline}

    def compile_(function: F) -> F:
        try:
            return cast(F, numba.njit(cache=True, **options)(function))
        except RuntimeError:  # without a writable cache, every process compiles
            return cast(F, numba.njit(**options)(function))

    return compile_


compiled, inlined = _compiler("never"), _compiler("always")
"""For functions that Python calls, and for those that the compiled functions of their file call."""


@inlined
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
def finer(coarse: Image, coarse_box: Box, box: Box, out: Image) -> Image:
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
def solve_level(
    first: Image, second: Image, box: Box, flow: Image, weight: Image, warps: int, iterations: int, scalars: Image
) -> None:
    """Solve one level in place; the last row and column of `flow` (2, h + 1, w + 1) are scratch.

    `scalars`: lambda theta, theta, tau / theta, epsilon, gain, offset.
    """
    h, w = flow.shape[1] - 1, flow.shape[2] - 1
    bound, coupling, dual_step, epsilon, gain, offset = scalars
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


@inlined
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
    """Residual rest + gx u + gy v around the current flow; all zero for pixels without a partner."""
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


@inlined
def _primal(
    flow: Image, dual: Image, rest: Image, gx: Image, gy: Image, inverse: Image, bound: float, coupling: float
) -> float:
    """Thresholding step, then u = v + theta div p; replicates the last row and column for the forward differences.

    Returns the sum of the squared changes of the flow.
    """
    h, w = rest.shape
    change: float = np.float32(0)
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


@inlined
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
