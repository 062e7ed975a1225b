"""The picture's border, where the camera's motion is measured: divided into cells, without bars and graphics.

The order of the cells: `columns` along the top from left to right, `columns` along the bottom, `rows` down the left
side, `rows` down the right side. The corners belong to top and bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Bools, Floats, Integers, Singles
from models.tvl1_kernels import Box, Image, compiled

BAR_SHARE = 0.3  # bars may take up to this share of the picture on each side
TEXTURE = 2.5  # least gradient of a textured pixel, in grey levels per pixel
EVIDENCE_MOTION = 0.7  # least camera motion, in pixels, for which an unchanged pixel is evidence of a graphic
EVIDENCE_CHANGE = 8.0  # least expected change of a pixel, in grey levels, for evidence
REFRESH = 4  # pairs between two updates of the mask of graphics


@dataclass(frozen=True)
class Border:
    """The border of one video, in pixels of the working size."""

    strips: tuple[Box, ...]  # top, bottom, left and right rectangles
    cells: Integers  # (cell, 4) y0, x0, y1, x1
    strip_of: Integers  # (cell,) index of each cell's strip

    def mask(self, height: int, width: int) -> Bools:
        """(H, W) true on the border."""
        mask = np.zeros((height, width), bool)
        for y0, x0, y1, x1 in self.strips:
            mask[y0:y1, x0:x1] = True
        return mask


def lay_out(area: Box, border: float, columns: int, rows: int) -> Border:
    """Strips of `border` times the shorter side of `area`, and their cells."""
    y0, x0, y1, x1 = area
    wide = max(4, round(border * min(y1 - y0, x1 - x0)))
    strips = (
        (y0, x0, y0 + wide, x1),
        (y1 - wide, x0, y1, x1),
        (y0 + wide, x0, y1 - wide, x0 + wide),
        (y0 + wide, x1 - wide, y1 - wide, x1),
    )
    cells, strip_of = [], []
    for k, (top, left, bottom, right) in enumerate(strips):
        horizontal = k < 2
        edges = np.linspace(left, right, columns + 1) if horizontal else np.linspace(top, bottom, rows + 1)
        cuts = np.round(edges).astype(int)
        for a, b in pairwise(cuts):
            cells.append((top, a, bottom, b) if horizontal else (a, left, b, right))
            strip_of.append(k)
    return Border(strips, np.array(cells, np.int64), np.array(strip_of, np.int64))


def picture_area(frames: Sequence[NDArray[np.uint8]]) -> Box:
    """y0, x0, y1, x1 of the picture inside letterbox or pillarbox bars, from some frames of a video.

    A bar is a band at the edge that has nearly one grey value in every frame and ends in a step. A plain sky lacks the
    step, and a fade from black lacks the end, so neither is a bar.
    """
    pictures = np.stack(frames)
    height, width = pictures.shape[1:]
    rows = _bar(pictures), _bar(pictures[:, ::-1])
    turned = pictures[:, rows[0] : height - rows[1]].transpose(0, 2, 1)
    columns = _bar(turned), _bar(turned[:, ::-1])
    return rows[0], columns[0], height - rows[1], width - columns[1]


def _bar(pictures: NDArray[np.uint8]) -> int:
    """Height in rows of the bar at the top of frames (n, h, w), plus two for its blurred edge; 0 without a bar."""
    height = pictures.shape[1]
    low, high = np.quantile(pictures[:, : int(BAR_SHARE * height) + 3], [0.03, 0.97], axis=(0, 2))
    level = low[0]
    plain = (high - low <= 10) & (np.abs(high - high[0]) <= 6) & (np.abs(low - level) <= 6)
    size = int(np.argmin(plain)) if not plain.all() else len(plain)
    if size == 0 or size > int(BAR_SHARE * height):
        return 0
    beyond = pictures[:, size : size + 3].astype(np.float32).mean(axis=1)
    before = pictures[:, max(size - 3, 0) : size].astype(np.float32).mean(axis=1)
    step = np.abs(beyond - before).max(axis=0)
    return size + 2 if np.mean(step > 12) > 0.3 else 0


class Overlays:
    """Finds border pixels that do not move with the camera: logos, score graphics, clocks, captions.

    A pair gives evidence on a textured pixel if the camera's motion should change it. Old evidence decays, so graphics
    may appear and disappear.
    """

    def __init__(self, border: Border, frames: Sequence[NDArray[np.uint8]]) -> None:
        height, width = frames[0].shape
        self.border = border
        self.still = np.zeros((height, width), np.float32)
        self.moved = np.zeros((height, width), np.float32)
        self._added = 0
        # `frames` give the first evidence, so the first pairs are masked too.
        pictures = np.stack([cv2.GaussianBlur(frame, (5, 5), 1.0) for frame in frames[:: max(1, len(frames) // 8)]])
        on_border = self.border.mask(*pictures.shape[1:])
        grey_range = pictures.max(axis=0).astype(np.int16) - pictures.min(axis=0)
        across, down = (cv2.Sobel(pictures[0], cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
        textured = on_border & (cv2.magnitude(across, down) > 3 * TEXTURE)
        steady, varied = textured & (grey_range <= 8), textured & (grey_range >= 24)
        counts = [np.array([part[a:c, b:d].sum() for a, b, c, d in self.border.cells]) for part in (textured, varied)]
        judged = counts[0] >= 10
        # Steady pixels are evidence only if most cells change; otherwise people may move before a still camera.
        if np.sum(counts[1][judged] >= 0.5 * counts[0][judged]) >= 0.6 * max(judged.sum(), 8):
            self.still[steady] = 6.0
        self.free = self._free()

    def add(self, first: Image, second: Image, flow: Sequence[Image]) -> None:
        """Add the evidence of one pair; `flow` is the camera's motion on each strip, (2, h, w) pixels."""
        for box, field in zip(self.border.strips, flow, strict=True):
            _evidence(first, second, box, field, self.still, self.moved)
        self._added += 1
        if self._added % REFRESH == 0 and ((free := self._free()) != self.free).any():
            self.free = free

    def _free(self) -> Singles:
        """(H, W) 0 on and around graphics, else 1."""
        graphics = (self.still >= 4) & (self.still > 2.5 * self.moved)
        around = cv2.dilate(graphics.astype(np.uint8), np.ones((5, 5), np.uint8))
        return np.asarray(1 - around.astype(np.float32))


@compiled
def _evidence(first: Image, second: Image, box: Box, flow: Image, still: Image, moved: Image) -> None:
    rows, columns = first.shape
    y0, x0, y1, x1 = box
    for y in range(max(y0, 1), min(y1, rows - 1)):
        for x in range(max(x0, 1), min(x1, columns - 1)):
            u, v = flow[0, y - y0, x - x0], flow[1, y - y0, x - x0]
            length = np.sqrt(u * u + v * v)
            if length < EVIDENCE_MOTION:
                continue
            gx = np.float32(0.5) * (first[y, x + 1] - first[y, x - 1])
            gy = np.float32(0.5) * (first[y + 1, x] - first[y - 1, x])
            # Beyond two pixels of motion, the gradient shows that a pixel changes, but not by how much.
            expected = abs(gx * u + gy * v) * min(np.float32(1), np.float32(2) / length)
            if expected < EVIDENCE_CHANGE:
                continue
            still[y, x] *= np.float32(0.97)
            moved[y, x] *= np.float32(0.97)
            if abs(second[y, x] - first[y, x]) < np.float32(0.3) * expected:
                still[y, x] += np.float32(1)
            else:
                moved[y, x] += np.float32(1)


def cell_flow(
    border: Border, flow: Sequence[Image], camera: Sequence[Image], first: Image, free: Image
) -> tuple[Floats, Floats, Floats]:
    """Median flow of each cell beyond the camera's motion, and its shares of textured and usable pixels.

    Args:
        flow, camera: (2, h, w) flow of each strip in pixels, measured and by the camera's motion alone.
        first: (H, W) first picture.
        free: (H, W) 0 on graphics, else 1.

    Returns:
        (cell, 2) median difference of the two flows over the textured usable pixels, or over all usable pixels if none
        is textured; (cell,) share of textured usable pixels; (cell,) share of usable pixels. A pixel is usable if no
        graphic covers it and its partner is inside the picture. Textured pixels are unevenly spread in a cell, so zoom
        and rotation would bias a median of the flow itself.
    """
    rows = [
        _cell(first, free, flow[strip], camera[strip], border.strips[strip][:2], cell)
        for cell, strip in zip(border.cells, border.strip_of, strict=True)
    ]
    u, v, textured, usable = np.array(rows).T
    return np.stack([u, v], axis=1), textured, usable


@compiled
def _cell(
    first: Image, free: Image, flow: Image, camera: Image, corner: tuple[int, int], cell: Integers
) -> tuple[float, float, float, float]:
    """Median difference (u, v), and the shares of textured and of usable pixels."""
    rows, columns = first.shape
    top, left = corner
    y0, x0, y1, x1 = cell
    size = (y1 - y0) * (x1 - x0)
    us, vs = np.empty(size, np.float32), np.empty(size, np.float32)
    plain_u, plain_v = np.empty(size, np.float32), np.empty(size, np.float32)
    sharp, plain = 0, 0
    for y in range(y0, y1):
        up, down = max(y - 1, 0), min(y + 1, rows - 1)
        for x in range(x0, x1):
            u, v = flow[0, y - top, x - left], flow[1, y - top, x - left]
            if free[y, x] <= 0 or not (0 <= x + u <= columns - 1 and 0 <= y + v <= rows - 1):
                continue
            before, after = max(x - 1, 0), min(x + 1, columns - 1)
            gx = (first[y, after] - first[y, before]) / np.float32(after - before)
            gy = (first[down, x] - first[up, x]) / np.float32(down - up)
            if gx * gx + gy * gy >= TEXTURE * TEXTURE:
                us[sharp], vs[sharp] = u - camera[0, y - top, x - left], v - camera[1, y - top, x - left]
                sharp += 1
            plain_u[plain] = u - camera[0, y - top, x - left]
            plain_v[plain] = v - camera[1, y - top, x - left]
            plain += 1
    textured, usable = sharp / size, plain / size
    if sharp > 0:
        return np.median(us[:sharp]), np.median(vs[:sharp]), textured, usable
    if plain > 0:
        return np.median(plain_u[:plain]), np.median(plain_v[:plain]), textured, usable
    return 0.0, 0.0, textured, usable
