"""TV-L1 optical flow on a rectangle of a picture, from a given start (Zach, Pock and Bischof 2007; Pérez, IPOL 2013).

The energy, on a rectangle of the first picture, is

    sum |grad u1| + |grad u2| + lambda |I1(x + u) - I0(x)|

It is minimised by the usual split u, v (coupling theta) with the dual of the total variation. We need the flow only at
the border of a picture, and know the camera's motion roughly. So we change the published full-frame scheme in three
points:

- the flow starts from a given field (the global motion), not from zero at the coarsest level; levels pass on only its
  correction, so three levels with two warps each are enough;
- the second picture is sampled wherever the flow points, even outside the rectangle, so narrow strips lose nothing;
- the data term uses the mean of both pictures' gradients, which doubles the range of motion of a warp.

Measured by `python -m benchmarks.camera_flow`. The loops are compiled by Numba on first use (six seconds, then
cached beside this file or in the user's cache folder).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.tvl1_kernels import Box, Image, finer, solve_level

DATA_WEIGHT = 0.15  # lambda, weight of the data term: OpenCV's
COUPLING = 0.3  # theta, tightness of the split: OpenCV's
STEP = 0.25  # tau, time step of the dual update, at its upper limit
LEVELS = 3  # pyramid levels, each half the size of the one below
WARPS = 2  # linearisations per level
ITERATIONS = 30  # primal-dual iterations per warp at most
EPSILON = 0.015  # root mean square change in pixels under which a warp's iterations end


def rectangle_flow(
    first: Sequence[Image],
    second: Sequence[Image],
    box: Box,
    start: Image,
    weight: Image,
    light: tuple[float, float] = (1.0, 0.0),
    epsilon: float = EPSILON,
) -> Image:
    """(2, h, w) flow in pixels from `first` to `second` on a rectangle.

    Args:
        first, second: pyramids, finest first; level k is (H/2^k, W/2^k) with pixel i at pixel 2i of the level below.
        box: y0, x0, y1, x1 of the rectangle in pixels of the finest level, end excluded; it must be inside the picture,
            which the compiled loops do not check.
        start: (2, h, w) start (u, v) in pixels; u to the right, v down.
        weight: (h, w) 0 for excluded pixels, whose flow is interpolated from neighbours, else 1.
        light: gain and offset; gain * I0 + offset is compared with I1.
    """
    scalars = np.array([DATA_WEIGHT * COUPLING, COUPLING, STEP / COUPLING, epsilon, *light], np.float32)
    start, weight = np.asarray(start, np.float32), np.asarray(weight, np.float32)
    levels = [(box, start, weight)]
    while len(levels) < min(LEVELS, len(first)):
        (y0, x0, y1, x1), flow, use = levels[-1]
        even = (..., slice(y0 % 2, None, 2), slice(x0 % 2, None, 2))  # the flow of even pixels, halved
        levels.append(
            (((y0 + 1) // 2, (x0 + 1) // 2, (y1 + 1) // 2, (x1 + 1) // 2), flow[even] / np.float32(2), use[even])
        )
    correction = np.zeros(levels[-1][1].shape, np.float32)
    for level in reversed(range(len(levels))):
        part, begin, use = levels[level]
        if level + 1 < len(levels):
            correction = finer(correction, levels[level + 1][0], part, np.zeros(begin.shape, np.float32))
        padded = np.zeros((2, begin.shape[1] + 1, begin.shape[2] + 1), np.float32)
        padded[:, :-1, :-1] = begin + correction
        solve_level(first[level], second[level], part, padded, np.ascontiguousarray(use), WARPS, ITERATIONS, scalars)
        correction = padded[:, :-1, :-1] - begin
    return np.asarray(start + correction, np.float32)
