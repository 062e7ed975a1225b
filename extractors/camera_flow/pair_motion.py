"""One frame pair: global motion, TV-L1 on the border strips, cells, robust fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Bools, Floats
from extractors.camera_flow.border import Border, Overlays, cell_flow
from extractors.camera_flow.border_alignment import Alignment, Ring, align, flow_of, pyramid, rings
from models.tvl1 import rectangle_flow
from models.tvl1_kernels import Image

Grey = NDArray[np.uint8]

MIN_AGREEMENT = 0.75
"""Correlation of the aligned borders below which two frames show different scenes: a cut, or nothing to compare."""

MAX_TURN = 0.2  # largest norm of zoom (share) and rotation (rad) between two frames for a camera's motion
MIN_CONTRAST = 2.0  # spread in grey levels below which a border is too plain to align, as in a black picture
MIN_TEXTURED = 0.03  # least share of textured pixels in a usable cell

ENOUGH = 0.1
"""Share of textured pixels that gives a cell its full weight, so that patterned clothes do not outvote a plain wall."""

MIN_USABLE = 0.4  # least share of pixels with a partner, and free of graphics, in a usable cell

INLIER = 0.5  # pixels of the working size by which a cell may differ from the fit and still count as an inlier
CUT = 3.0  # Tukey's cut-off in robust deviations, not 4.7: people on the border often move almost like the camera
CEILING = 0.5  # pixels; largest robust scale. Cells far from the start are people, even if they are the majority
FLOOR = 0.05  # pixels; floor of the robust scale, the flow's own error


@dataclass(frozen=True)
class AlignedPair:
    """A frame pair whose global motion is known."""

    frames: tuple[Grey, Grey]  # the two (H, W) grey frames
    first: list[Image]  # pyramid of the first
    second: list[Image]
    alignment: Alignment  # of their borders
    camera: list[Image]  # (2, h, w) flow of each strip by that motion alone
    free: Image  # (H, W) 0 on graphics, else 1


class PairMotion(NamedTuple):
    """Motion of one frame pair, in pixels of the working size."""

    flow: Floats  # (cell, 2), 0 where the weight is 0
    weight: Floats  # (cell,) weight in the fit, above 0 for usable cells
    covered: Bools  # (cell,) true if graphics cover most textured pixels
    motion: Floats  # (4,) pan_x, pan_y, a, b of the fit, see `extractors/camera_flow/border_alignment.py`
    inliers: float  # share of usable cells that agree
    cut: bool  # whether the frames show different scenes


def pair_table(most: int, cells: int) -> NDArray[np.void]:
    """An empty table of `most` rows with the fields of `PairMotion`, as objects for each pair take too much memory."""
    numbers: list[Any] = [("flow", "f8", (cells, 2)), ("weight", "f8", cells), ("covered", "?", cells)]
    return np.zeros(most, [*numbers, ("motion", "f8", 4), ("inliers", "f8"), ("cut", "?")])


class PairFlow:
    """Computes the pairs of one video, keeping only the last frame's pyramid and motion and the mask of graphics.

    Args:
        frames: some grey frames at the working size, for graphics that are present from the start.
        reach: range in pixels of the search for the global motion.
    """

    def __init__(self, border: Border, frames: Sequence[Grey], reach: float) -> None:
        self.border = border
        self.reach = reach
        self.height, self.width = frames[0].shape
        self.centre = ((self.width - 1) / 2, (self.height - 1) / 2)
        self.overlays = Overlays(border, frames)
        self._on = border.mask(self.height, self.width)
        self._centres = border.cells[:, [1, 0]] * 0.5 + (border.cells[:, [3, 2]] - 1) * 0.5 - np.array(self.centre)
        self._area = np.prod(border.cells[:, 2:] - border.cells[:, :2], axis=1) / border.cells.shape[0]
        self._grid = [
            np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
            for y0, x0, y1, x1 in border.strips
        ]
        self._rings: tuple[Image, list[Ring]] | None = None
        self._last: tuple[Grey, list[Image]] | None = None
        self._previous = np.zeros(4)

    def pair(self, first: Grey, second: Grey) -> PairMotion:
        """Flow between two (H, W) grey frames; the first may be the second array of the previous call."""
        prepared = self._prepare(first, second)
        if not _one_scene(prepared.alignment):
            none = np.zeros(len(self.border.cells))
            return PairMotion(
                np.zeros((len(none), 2)), none, none > 0, np.zeros(4), 0.0, not _plain(prepared.alignment)
            )
        return self._fit(prepared, self.strip_flow(prepared))

    def strip_flow(self, pair: AlignedPair) -> list[Image]:
        """(2, h, w) TV-L1 flow in pixels of every strip of the border."""
        free = [pair.free[y0:y1, x0:x1] for y0, x0, y1, x1 in self.border.strips]
        return [
            rectangle_flow(pair.first, pair.second, box, start, use, pair.alignment.light)
            for box, start, use in zip(self.border.strips, pair.camera, free, strict=True)
        ]

    def _prepare(self, first: Grey, second: Grey) -> AlignedPair:
        levels = self._last[1] if self._last is not None and self._last[0] is first else pyramid(first)
        further = pyramid(second)
        self._last = (second, further)
        free = self.overlays.free
        if self._rings is None or self._rings[0] is not free:
            self._rings = (free, rings(self._on & (free > 0)))
        alignment = align(levels, further, self._rings[1], [np.zeros(4), self._previous], self.reach)
        self._previous = alignment.motion if _one_scene(alignment) else np.zeros(4)
        camera = [flow_of(alignment.motion, x, y, self.centre) for x, y in self._grid]
        return AlignedPair((first, second), levels, further, alignment, camera, free)

    def _fit(self, pair: AlignedPair, strips: list[Image]) -> PairMotion:
        first, alignment, free = pair.first[0], pair.alignment, pair.free
        beyond, textured, usable = cell_flow(self.border, strips, pair.camera, first, free)
        flow = flow_of(alignment.motion, self._centres[:, 0], self._centres[:, 1], (0.0, 0.0)).T + beyond
        with_graphics = textured
        if not free.all():
            _, with_graphics, _ = cell_flow(self.border, strips, pair.camera, first, np.ones_like(free))
        covered = (with_graphics >= MIN_TEXTURED) & (textured < 0.5 * with_graphics)
        mask = (textured >= MIN_TEXTURED) & (usable >= MIN_USABLE) & ~covered
        weight = np.where(mask, self._area * np.minimum(textured, ENOUGH), 0.0)
        motion, inliers = fit_cells(flow, weight, self._centres, alignment.motion)
        self.overlays.add(first, pair.second[0], [flow_of(motion, x, y, self.centre) for x, y in self._grid])
        return PairMotion(np.where(mask[:, None], flow, 0.0), weight, covered, motion, inliers, cut=False)

    def leave_out(self, cells: Bools, table: NDArray[np.void]) -> None:
        """Refit the pairs of a `pair_table` without `cells` (cell,), in place."""
        changed = (table["weight"][:, cells] > 0).any(axis=1)
        table["weight"][:, cells], table["flow"][:, cells] = 0.0, 0.0
        for row in np.flatnonzero(changed):
            fitted = fit_cells(table["flow"][row], table["weight"][row], self._centres, table["motion"][row])
            table["motion"][row], table["inliers"][row] = fitted


def _plain(alignment: Alignment) -> bool:
    """Whether the border lacks contrast."""
    return alignment.contrast < MIN_CONTRAST and alignment.residual < MIN_CONTRAST


def _one_scene(alignment: Alignment) -> bool:
    """Whether both frames show one scene, with enough contrast to compare them."""
    possible = float(np.hypot(alignment.motion[2], alignment.motion[3])) <= MAX_TURN
    return not _plain(alignment) and possible and alignment.agreement >= MIN_AGREEMENT


def fit_cells(flow: Floats, weight: Floats, centre: Floats, start: Floats) -> tuple[Floats, float]:
    """Similarity of most cells, by iteratively reweighted least squares with Tukey's weights.

    Args:
        flow: (cell, 2) pixels.
        weight: (cell,) 0 for a cell that is left out.
        centre: (cell, 2) centre of the cells relative to the picture's centre, pixels.
        start: (4,) motion for the first weights.

    Returns:
        (4,) pan_x, pan_y, a, b, and the weighted share of cells within `INLIER` of it. With fewer than three usable
        cells, the start and a share of 0.
    """
    use = weight > 0
    if use.sum() < 3:
        return start.copy(), 0.0
    w, x, y = weight[use], centre[use, 0], centre[use, 1]
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    design = np.stack([np.stack([ones, zeros, x, -y], 1), np.stack([zeros, ones, y, x], 1)], 1).reshape(-1, 4)
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
        # The ridge pulls towards the current motion, not to zero, so undetermined unknowns keep their values.
        step = np.linalg.solve(matrix, (design * rows[:, None]).T @ (target - design @ motion))
        motion = motion + step
        if np.abs(step).max() < 1e-4:
            break
    distance = np.linalg.norm((target - design @ motion).reshape(-1, 2), axis=1)
    return motion / span, float(w[distance <= INLIER].sum() / w.sum())
