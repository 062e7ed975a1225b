"""Motion of the whole border between two pictures: four numbers by direct, robust alignment, and a fit to flow cells.

The motion is that of the picture's content, a similarity about the picture's centre (cx, cy):

    u = pan_x + a (x - cx) - b (y - cy)        a = s cos(angle) - 1
    v = pan_y + b (x - cx) + a (y - cy)        b = s sin(angle)

in pixels; s > 1 is zooming in, angle > 0 turns the content clockwise on the screen (y points down). A camera that
pans to the right moves its content to the left, so pan_x < 0.

Alignment goes from coarse to fine. An exhaustive search over whole-pixel shifts at 1/8 and 1/4 of the size finds the
basin (no gradient step can, beyond a pixel or two); Gauss-Newton steps with Tukey's weights then reach a few
hundredths of a pixel. People on the border, overlays and new content are outliers of that fit. Brightness may change
by a gain and an offset, as in flashes and fades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.camera_flow.alignment_kernels import FEWEST, NOISE, TUKEY, Motion, gauss_newton, residuals, shift_costs
from models.tvl1_kernels import Image

LEVELS = 4  # pyramid levels: full, 1/2, 1/4, 1/8

SMOOTHING = 1.0
"""Pixels (sigma) of smoothing before anything else. Interpolation smooths noise between pixels and not on them, which
draws every estimate towards half a pixel; smooth noise has no such preference. At noise of 2 grey levels the mean error
is .019 px with .6, .008 with 1.0, .010 with 1.5."""

FLASH = 5.0  # change of a picture's median, in grey levels, from which the search also tries a change of brightness


@dataclass(frozen=True)
class Ring:
    """Border pixels of one pyramid level: coordinates (n,), and the picture's centre (cx, cy) on this level."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    centre: tuple[float, float]


@dataclass(frozen=True)
class Alignment:
    """Result of the direct alignment."""

    motion: Motion  # (4,) motion in pixels of the finest level
    light: tuple[float, float]  # gain and offset that take the first picture to the second
    residual: float  # median absolute grey difference left on the ring
    contrast: float  # median absolute deviation of the first picture's ring from its own median, for comparison
    agreement: float  # correlation (-1..1) of the two pictures on the ring after alignment, outliers weighted down


def pyramid(grey: NDArray[np.uint8] | Image) -> list[Image]:
    """`LEVELS` float levels, finest first, each half the size; pixel i of a level is pixel 2i of the finer one."""
    levels = [np.ascontiguousarray(cv2.GaussianBlur(grey.astype(np.float32), (5, 5), SMOOTHING))]
    while len(levels) < LEVELS:
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.float32))
    return levels


def flow_of(motion: Motion, x: Image, y: Image, centre: tuple[float, float]) -> Image:
    """(2, ...) flow in pixels of `motion` at pixels (x, y)."""
    tx, ty, a, b = (np.float32(value) for value in motion)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    out = np.empty((2, *x.shape), np.float32)
    np.add(a * dx - b * dy, tx, out=out[0])
    np.add(b * dx + a * dy, ty, out=out[1])
    return out


def rings(usable: NDArray[np.bool_]) -> list[Ring]:
    """The alignment's pixels on every level, from the (H, W) mask of usable border pixels on the finest.

    The finer levels take every third or second row and column only; thousands of pixels are left.
    """
    level_rings = []
    height, width = usable.shape
    for level in range(LEVELS):
        factor = 1 << level
        y, x = np.nonzero(usable[::factor, ::factor])
        thin = (3, 2, 1, 1)[level]
        keep = (y % thin == 0) & (x % thin == 0)
        centre = ((width - 1) / 2 / factor, (height - 1) / 2 / factor)
        level_rings.append(Ring(x[keep].astype(np.float32), y[keep].astype(np.float32), centre))
    return level_rings


def align(
    first: Sequence[Image], second: Sequence[Image], ring: Sequence[Ring], guesses: Sequence[Motion], reach: float
) -> Alignment:
    """Global motion of the ring (from `rings`) between two pyramids.

    `guesses` are motions worth trying beside the search, such as the previous pair's; `reach` is the shift in pixels
    that the exhaustive search covers in each direction.
    """
    options = [np.array([*guess, 1.0, 0.0]) for guess in guesses]
    for offset in _offsets(first[3], second[3]):
        wide = _state(_search(first, second, ring, 3, reach, offset), offset)
        options.append(_refine(first, second, ring, 3, wide, 5))
        options.append(_state(_search(first, second, ring, 2, min(reach, 32.0), offset), offset))
    costs = [_cost(first, second, ring, 2, option) for option in options]
    tried = [_refine(first, second, ring, 2, options[k], 6) for k in np.argsort(costs)[:2]]
    best = tried[int(np.argmin([_cost(first, second, ring, 2, option) for option in tried]))]
    state = _refine(first, second, ring, 0, _refine(first, second, ring, 1, best, 4), 3)
    return Alignment(state[:4], (float(state[4]), float(state[5])), *_agreement(first[0], second[0], ring[0], state))


def _offsets(first: Image, second: Image) -> tuple[float, ...]:
    """Brightness changes worth trying: none, and that of the medians (a flash, or only a pan to a darker wall)."""
    change = float(np.median(second) - np.median(first))
    return (0.0, change) if abs(change) > FLASH else (0.0,)


def _state(shift: NDArray[np.float64], offset: float) -> Motion:
    """(6,) motion, gain and offset of a plain shift."""
    return np.array([shift[0], shift[1], 0.0, 0.0, 1.0, offset])


def _on_level(state: Motion, level: int) -> Motion:
    """`state` in pixels of a pyramid level."""
    factor = float(1 << level)
    scaled: Motion = state / np.array([factor, factor, 1.0, 1.0, 1.0, 1.0])
    return scaled


def _search(
    first: Sequence[Image], second: Sequence[Image], ring: Sequence[Ring], level: int, reach: float, offset: float
) -> NDArray[np.float64]:
    """(2,) shift in pixels of the finest level, a whole number of pixels on `level`, with the least difference."""
    place, factor = ring[level], 1 << level
    if place.x.size == 0:
        return np.zeros(2)
    r = max(int(np.ceil(reach / factor)), 1)
    cost = shift_costs(first[level], second[level], place.x, place.y, np.float32(offset), r)
    k = int(np.argmin(cost))
    return np.array([k % (2 * r + 1) - r, k // (2 * r + 1) - r], np.float64) * factor


def _refine(
    first: Sequence[Image], second: Sequence[Image], ring: Sequence[Ring], level: int, state: Motion, steps: int
) -> Motion:
    """Gauss-Newton steps with Tukey weights on one level; `state` in pixels of the finest level."""
    place = ring[level]
    if place.x.size < FEWEST:
        return state
    moved = gauss_newton(first[level], second[level], place.x, place.y, *place.centre, _on_level(state, level), steps)
    return moved / _on_level(np.ones(6), level)


def _cost(first: Sequence[Image], second: Sequence[Image], ring: Sequence[Ring], level: int, state: Motion) -> float:
    """Mean truncated residual; infinite when less than half of the ring has a partner."""
    place = ring[level]
    residual, _ = residuals(first[level], second[level], place.x, place.y, *place.centre, _on_level(state, level), 1)
    if 2 * residual.size < place.x.size or not residual.size:
        return float("inf")
    return float(np.minimum(np.abs(residual), 40).mean())


def _agreement(first: Image, second: Image, ring: Ring, state: Motion) -> tuple[float, float, float]:
    """Median absolute residual, the first picture's median deviation on the ring, and the weighted correlation."""
    residual, values = residuals(first, second, ring.x, ring.y, *ring.centre, state, 1)
    if not residual.size:
        return float("inf"), 0.0, 0.0
    middle = float(np.median(np.abs(residual)))
    contrast = float(np.median(np.abs(values - np.median(values))))
    q = np.clip(residual / (TUKEY * max(1.4826 * middle, NOISE)), -1, 1)
    weight = (1 - q * q) ** 2
    a = values * np.float32(state[4])
    return middle, contrast, _correlation(a, a + residual, weight)


def _correlation(a: Image, b: Image, weight: Image) -> float:
    total = float(weight.sum())
    if total <= 0:
        return 0.0
    da, db = a - (weight @ a) / total, b - (weight @ b) / total
    norm = float(np.sqrt((weight @ (da * da)) * (weight @ (db * db))))
    return float((weight * da) @ db) / norm if norm > 1e-6 else 0.0
