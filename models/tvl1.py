"""TV-L1 optical flow on a rectangle of a picture, from a given start (Zach, Pock and Bischof 2007; Pérez, IPOL 2013).

The energy, on a rectangle of the first picture, is

    sum |grad u1| + |grad u2| + lambda |I1(x + u) - I0(x)|

solved by the usual split u, v (coupling theta) with the dual of the total variation. Three things differ from
the published full-frame scheme, because only the border of a picture is wanted and a camera's motion is known roughly:

- the flow starts from a given field (the global motion) instead of from zero at the coarsest level, and only its
  correction is carried from level to level, so that three levels, two warps on each, are enough;
- the second picture is sampled wherever the flow points to, outside the rectangle too, so a narrow strip loses nothing;
- the data term uses the mean of the two pictures' gradients, which doubles the range a warp is good for.

Measured by `python -m benchmarks.camera_flow`. The loops are compiled by Numba on first use (six seconds, then
cached beside this file or in the user's cache folder).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.tvl1_kernels import Box, Image, finer, solve_level


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
    """(2, h, w) flow in pixels from `first` to `second` on a rectangle.

    Args:
        first, second: pyramids, finest first; level k is (H/2^k, W/2^k) with pixel i at pixel 2i of the level below.
        box: y0, x0, y1, x1 of the rectangle in pixels of the finest level, end excluded.
        start: (2, h, w) start (u, v) in pixels; u to the right, v down.
        weight: (h, w) 0 where a pixel must not be used (its flow is filled in from its neighbours), else 1.
        light: gain and offset; gain * I0 + offset is compared with I1.

    Raises ValueError: the rectangle is empty or leaves the picture, or shapes disagree.
    """
    _check(first[0], second[0], box, start, weight)
    ladder = [(box, np.asarray(start, np.float32), np.asarray(weight, np.float32))]
    while len(ladder) < min(parameters.levels, len(first), len(second)):
        ladder.append(coarser(*ladder[-1]))
    coupling = parameters.coupling
    numbers = (parameters.data_weight * coupling, coupling, parameters.step / coupling, parameters.epsilon, *light)
    scalars = np.array(numbers, np.float32)
    correction = np.zeros_like(ladder[-1][1])
    for level in reversed(range(len(ladder))):
        part, begin, use = ladder[level]
        if level + 1 < len(ladder):
            correction = finer(correction, ladder[level + 1][0], part, np.zeros_like(begin))
        flow = np.zeros((2, begin.shape[1] + 1, begin.shape[2] + 1), np.float32)
        flow[:, :-1, :-1] = begin + correction
        warps = parameters.warps[min(level, len(parameters.warps) - 1)]
        weights = np.ascontiguousarray(use)
        solve_level(first[level], second[level], part, flow, weights, warps, parameters.iterations, scalars)
        correction = flow[:, :-1, :-1] - begin
    return np.asarray(ladder[0][1] + correction, np.float32)


def _check(first: Image, second: Image, box: Box, start: Image, weight: Image) -> None:
    y0, x0, y1, x1 = box
    height, width = first.shape
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"rectangle {box} is outside a picture of {height} x {width}")
    if start.shape != (2, y1 - y0, x1 - x0) or weight.shape != start.shape[1:]:
        raise ValueError(f"start {start.shape} and weight {weight.shape} must match rectangle {box}")
    if first.shape != second.shape:
        raise ValueError(f"pictures of different shapes {first.shape} and {second.shape}")


def coarser(box: Box, start: Any, weight: Any) -> tuple[Box, Any, Any]:
    """The same rectangle on the next level: the pixels with even coordinates, flow halved; arrays or tensors."""
    y0, x0, y1, x1 = box
    even = (..., slice(y0 % 2, None, 2), slice(x0 % 2, None, 2))
    return ((y0 + 1) // 2, (x0 + 1) // 2, (y1 + 1) // 2, (x1 + 1) // 2), start[even] / 2, weight[even]
