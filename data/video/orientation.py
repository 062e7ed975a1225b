"""Orientation of a video's pictures: players rotate and mirror them, as for videos of phones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to show a picture: first transposed, then flipped."""

    transposed: bool = False  # rows and columns exchanged
    flip_rows: bool = False  # the last row is shown first
    flip_columns: bool = False  # the last column is shown first

    @property
    def mirrored(self) -> bool:
        """Whether the picture is mirrored, not only rotated."""
        return self.transposed ^ self.flip_rows ^ self.flip_columns

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (height, width, 3) as shown; the same array if nothing changes."""
        if self.transposed:
            image = image.swapaxes(0, 1)
        if self.flip_rows:
            image = image[::-1]
        if self.flip_columns:
            image = image[:, ::-1]
        return np.ascontiguousarray(image)


def orientation_of(frame: Any) -> Orientation:
    """The orientation of a decoded frame by its display matrix, to the nearest quarter turn.

    A display matrix (ISO/IEC 14496-12, section 8.3.2) has the rows a b u, c d v, x y w: the point (p, q), p to the
    right and q down, is shown at (a p + c q, b p + d q). Scale and translation are ignored.
    """
    kind = _display_matrix()
    side_data = frame.side_data.get(kind)
    if side_data is None:
        return Orientation()
    numbers = np.frombuffer(bytes(side_data), dtype=np.int32)
    if len(numbers) != 9:
        return Orientation()
    a, b, c, d = (int(numbers[index]) for index in (0, 1, 3, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, flip_rows=b < 0, flip_columns=c < 0)
    return Orientation(False, flip_rows=d < 0, flip_columns=a < 0)


@cache
def _display_matrix() -> Any:
    """The type of side data for display matrices; types unknown to PyAV become an unused type."""
    from av.sidedata.sidedata import Type

    kinds: Any = Type
    kinds._missing_ = classmethod(lambda known, _: known.PANSCAN)  # else EXIF data raise a ValueError
    return kinds.DISPLAYMATRIX
