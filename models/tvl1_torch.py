"""TV-L1 on a rectangle of many picture pairs at once, in torch: the same scheme as `models/tvl1.py`, for a GPU.

A GPU is only worth its launches when many pairs share them, so everything carries a batch axis N. The iterations are
not ended early: asking the device whether the flow has settled would cost more than the iterations saved. Against
`models.tvl1.rectangle_flow` with an `epsilon` of 0 the flow differs by rounding only (a test holds it to .005 px).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from models.tvl1 import COUPLING, DATA_WEIGHT, ITERATIONS, STEP, WARPS, coarse_to_fine
from models.tvl1_kernels import FLAT, Box


@torch.inference_mode()
def rectangle_flow_batch(
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    box: Box,
    start: Tensor,
    weight: Tensor,
    light: Tensor,
) -> Tensor:
    """(N, 2, h, w) flow in pixels on the same rectangle of N pairs.

    Arguments as in `rectangle_flow`, with a first axis N; their shapes are not checked.
    """

    def solve(level: int, part: Box, flow: Tensor, use: Tensor) -> Tensor:
        return _solve_level(first[level], second[level], part, flow, use, light)

    flow: Tensor = coarse_to_fine(len(first), box, start, weight, solve, _finer)
    return flow


def _solve_level(first: Tensor, second: Tensor, box: Box, flow: Tensor, weight: Tensor, light: Tensor) -> Tensor:
    """(N, 2, h, w) flow after all linearisations of one level."""
    bound, step = DATA_WEIGHT * COUPLING, STEP / COUPLING
    across, down = torch.zeros_like(flow), torch.zeros_like(flow)
    for _ in range(WARPS):
        rest, gradient = _linearise(first, second, box, flow, weight, light)
        inverse = 1 / (gradient.square().sum(1) + float(FLAT))
        for _ in range(ITERATIONS):
            move = (-(rest + (gradient * flow).sum(1)) * inverse).clamp(-bound, bound)
            divergence = across - pad(across, (1, 0))[..., :-1] + down - pad(down, (0, 0, 1, 0))[..., :-1, :]
            flow = flow + move[:, None] * gradient + COUPLING * divergence
            dx = pad(flow[..., 1:] - flow[..., :-1], (0, 1))
            dy = pad(flow[..., 1:, :] - flow[..., :-1, :], (0, 0, 0, 1))
            scale = 1 / (1 + step * (dx.square() + dy.square()).sqrt())
            across, down = (across + step * dx) * scale, (down + step * dy) * scale
    return flow


def _linearise(
    first: Tensor, second: Tensor, box: Box, flow: Tensor, weight: Tensor, light: Tensor
) -> tuple[Tensor, Tensor]:
    """(N, h, w) residual at zero flow and (N, 2, h, w) gradient; zero where a pixel has no partner."""
    y0, x0, y1, x1 = box
    rows, columns = second.shape[1:]
    gain, offset = light[:, 0, None, None], light[:, 1, None, None]
    y = torch.arange(y0, y1, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    x = torch.arange(x0, x1, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    inside = (weight > 0) & (y >= 1) & (y < rows - 2) & (x >= 1) & (x < columns - 2)
    value, dx, dy = _sample(second, y.clamp(1, rows - 2.001), x.clamp(1, columns - 2.001))
    here, down, across = (image[:, y0:y1, x0:x1] for image in (first, *torch.gradient(first, dim=(1, 2))))
    gradient = torch.stack([(dx + gain * across) / 2, (dy + gain * down) / 2], 1)
    rest = value - gain * here - offset - (gradient * flow).sum(1)
    return rest * inside, gradient * inside[:, None]


def _sample(image: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value and gradient at (N, h, w) places by bicubic interpolation (Keys, a = -1/2)."""
    count, rows, columns = image.shape
    iy, ix = y.floor(), x.floor()
    wy, ey = _weights(y - iy)
    wx, ex = _weights(x - ix)
    corner = ((iy - 1) * columns + ix - 1).long().reshape(count, -1)
    flat = image.reshape(count, rows * columns)
    none = torch.zeros_like(y)
    value, dx, dy = none, none, none
    for i in range(4):
        taps = [flat.gather(1, corner + i * columns + j).reshape(y.shape) for j in range(4)]
        along, slope = (sum((w * tap for w, tap in zip(of, taps, strict=True)), none) for of in (wx, ex))
        value, dx, dy = value + wy[i] * along, dx + wy[i] * slope, dy + ey[i] * along
    return value, dx, dy


def _weights(f: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Weights of the four taps and their derivatives, for a place `f` behind the second tap."""
    values = (
        ((-0.5 * f + 1) * f - 0.5) * f,
        (1.5 * f - 2.5) * f * f + 1,
        ((-1.5 * f + 2) * f + 0.5) * f,
        0.5 * (f - 1) * f * f,
    )
    slopes = ((-1.5 * f + 2) * f - 0.5, (4.5 * f - 5) * f, (-4.5 * f + 4) * f + 0.5, (1.5 * f - 1) * f)
    return values, slopes


def _finer(coarse: Tensor, coarse_box: Box, box: Box) -> Tensor:
    """Bilinear doubling of a flow correction onto the finer rectangle, values doubled too."""
    parts = []
    for axis, low, high, begin in ((2, box[0], box[2], coarse_box[0]), (3, box[1], box[3], coarse_box[1])):
        place = torch.arange(low, high, device=coarse.device, dtype=coarse.dtype) * 0.5 - begin
        size = coarse.shape[axis]
        place = place.clamp(0, size - 1)
        near = place.floor().clamp(max=max(size - 2, 0))
        parts.append((near.long(), (near.long() + 1).clamp(max=size - 1), place - near))
    (top, low_, fy), (left, right, fx) = parts
    rows = coarse[:, :, top] + fy[:, None] * (coarse[:, :, low_] - coarse[:, :, top])
    return 2 * (rows[..., left] + fx * (rows[..., right] - rows[..., left]))
