"""One frame pair: global motion, TV-L1 on the border strips, cells, robust fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.camera_border import Border, Overlays, cell_flow
from extractors.camera_fit import fit_cells
from extractors.camera_motion import Alignment, Ring, align, flow_of, pyramid, rings
from models.tvl1 import TVL1, rectangle_flow
from models.tvl1_kernels import Image

MIN_AGREEMENT = 0.75
"""Correlation of the aligned borders below which two frames show different scenes: a cut, or nothing to compare."""

MAX_TURN = 0.2
"""Zoom (share) and rotation (rad) together, beyond which no camera turns from one frame to the next."""

MIN_CONTRAST = 2.0
"""Grey levels of spread below which a border is too plain to say anything, as in a black picture."""

MIN_TEXTURED = 0.03
"""Share of textured pixels from which a cell is usable."""

ENOUGH = 0.1
"""Share of textured pixels that gives a cell its full say; a person's busy clothes shall not outvote a plain wall."""

MIN_USABLE = 0.4
"""Share of pixels with a partner, and free of graphics, from which a cell is usable."""


@dataclass(frozen=True)
class Pair:
    """What one frame pair gave, in pixels of the working size.

    Attributes:
        flow: (cell, 2).
        mask: (cell,) usable.
        weight: (cell,) say in the fit.
        covered: (cell,) graphics cover most of what is textured there.
        motion: (4,) pan_x, pan_y, a, b of the fit, see `extractors/camera_motion.py`.
        inliers: share of usable cells that agree.
        kind: "ok", "cut" (the frames show different scenes) or "plain" (nothing to see at the border).
    """

    flow: NDArray[np.float64]
    mask: NDArray[np.bool_]
    weight: NDArray[np.float64]
    covered: NDArray[np.bool_]
    motion: NDArray[np.float64]
    inliers: float
    kind: Literal["ok", "cut", "plain"]


class PairFlow:
    """Computes pairs of one video. Keeps the last frame's pyramid and motion, the graphics seen, and nothing else.

    Args:
        border: the layout.
        frames: some grey frames at the working size, for graphics that are there from the start.
        backend: "strips" (ours) or "opencv" (DualTVL1 on the full frame with its defaults).
        solver: parameters of our TV-L1.
        reach: pixels of shift that the search for the global motion covers.
    """

    def __init__(
        self, border: Border, frames: Sequence[NDArray[np.uint8]], backend: str, solver: TVL1, reach: float
    ) -> None:
        self.border = border
        self.backend = backend
        self.solver = solver
        self.reach = reach
        self.height, self.width = frames[0].shape
        self.centre = ((self.width - 1) / 2, (self.height - 1) / 2)
        self.overlays = Overlays(border, frames)
        self._on = border.mask(self.height, self.width)
        self._at = border.cells[:, [1, 0]] * 0.5 + (border.cells[:, [3, 2]] - 1) * 0.5 - np.array(self.centre)
        self._area = np.prod(border.cells[:, 2:] - border.cells[:, :2], axis=1) / border.cells.shape[0]
        self._grid = [
            np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
            for y0, x0, y1, x1 in border.strips
        ]
        self._rings: list[Ring] | None = None
        self._last: tuple[int, list[Image]] | None = None
        self._previous = np.zeros(4)

    def pair(self, first: tuple[int, NDArray[np.uint8]], second: tuple[int, NDArray[np.uint8]]) -> Pair:
        """Flow from `first` to `second`, each (frame index, (H, W) grey)."""
        known = self._last is not None and self._last[0] == first[0]
        levels = self._last[1] if self._last is not None and known else pyramid(first[1])
        further = pyramid(second[1])
        self._last = (second[0], further)
        if self._rings is None:
            self._rings = rings(self._on & (self.overlays.free > 0))
        found = align(levels, further, self._rings, [np.zeros(4), self._previous], self.reach)
        kind = self._kind(found)
        if kind != "ok":
            self._previous = np.zeros(4)
            none = np.zeros(len(self.border.cells))
            return Pair(np.zeros((len(none), 2)), none > 0, none, none > 0, np.zeros(4), 0.0, kind)
        camera = [flow_of(found.motion, x, y, self.centre) for x, y in self._grid]
        strips = self._strips(levels, further, found, camera, first[1], second[1])
        result = self._fit(strips, camera, levels[0], found)
        camera = [flow_of(result.motion, x, y, self.centre) for x, y in self._grid]
        before = self.overlays.free
        self.overlays.add(levels[0], further[0], camera)
        if self.overlays.free is not before:
            self._rings = None
        self._previous = result.motion
        return result

    def _kind(self, found: Alignment) -> Literal["ok", "cut", "plain"]:
        if found.contrast < MIN_CONTRAST and found.residual < MIN_CONTRAST:
            return "plain"
        possible = float(np.hypot(found.motion[2], found.motion[3])) <= MAX_TURN
        return "ok" if possible and found.agreement >= MIN_AGREEMENT else "cut"

    def _strips(
        self,
        levels: list[Image],
        further: list[Image],
        found: Alignment,
        camera: list[Image],
        first: NDArray[np.uint8],
        second: NDArray[np.uint8],
    ) -> list[Image]:
        """(2, h, w) flow of each strip by the chosen backend."""
        if self.backend == "opencv":
            optflow: Any = cv2.optflow
            whole = optflow.DualTVL1OpticalFlow_create().calc(first, second, None)
            return [
                np.ascontiguousarray(whole[y0:y1, x0:x1].transpose(2, 0, 1)) for y0, x0, y1, x1 in self.border.strips
            ]
        flows = []
        for box, start in zip(self.border.strips, camera, strict=True):
            free = self.overlays.free[box[0] : box[2], box[1] : box[3]]
            flows.append(rectangle_flow(levels, further, box, start, free, self.solver, found.light))
        return flows

    def _fit(self, strips: list[Image], camera: list[Image], first: Image, found: Alignment) -> Pair:
        free = self.overlays.free
        beyond, textured, usable = cell_flow(self.border, strips, camera, first, free)
        flow = flow_of(found.motion, self._at[:, 0], self._at[:, 1], (0.0, 0.0)).T + beyond
        with_graphics = textured
        if not free.all():
            _, with_graphics, _ = cell_flow(self.border, strips, camera, first, np.ones_like(free))
        covered = (with_graphics >= MIN_TEXTURED) & (textured < 0.5 * with_graphics)
        mask = (textured >= MIN_TEXTURED) & (usable >= MIN_USABLE) & ~covered
        weight = np.where(mask, self._area * np.minimum(textured, ENOUGH), 0.0)
        motion, inliers = fit_cells(flow, weight, self._at, found.motion)
        return Pair(np.where(mask[:, None], flow, 0.0), mask, weight, covered, motion, inliers, "ok")

    def refit(self, pair: Pair, allowed: NDArray[np.bool_]) -> Pair:
        """`pair` without the cells that are not `allowed`."""
        if pair.kind != "ok" or not (pair.mask & ~allowed).any():
            return pair
        mask = pair.mask & allowed
        weight = np.where(mask, pair.weight, 0.0)
        motion, inliers = fit_cells(pair.flow, weight, self._at, pair.motion)
        return Pair(np.where(mask[:, None], pair.flow, 0.0), mask, weight, pair.covered, motion, inliers, "ok")
