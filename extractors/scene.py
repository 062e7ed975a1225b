"""What the camera did from one frame to the next: a coarse shift of the background, and cuts.

Both come from a thumbnail of about 128 pixels, so they cost a fraction of a millisecond. The shift only helps the
tracker to predict people; the measured camera motion is the business of the `camera_flow` stage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THUMBNAIL = 128
"""Longer side of the thumbnail in pixels."""


@dataclass(frozen=True)
class Step:
    """From the previous frame to this one.

    Attributes:
        shift: (2,) pixels of the frame by which the background moved, (0, 0) at a cut and at the first frame.
        cut: true where this frame begins a new shot.
        change: 0..1, how far the colour histogram moved.
    """

    shift: NDArray[np.float64]
    cut: bool
    change: float


class SceneWatch:
    """Follows the background of one video, frame by frame.

    A cut is a frame whose colour histogram differs from the last one's by more than `threshold` (half the L1
    distance, 0..1), by more than four times what this shot's frames usually differ by, and whose picture cannot
    be explained by a shift of the last one: fast pans change the histogram too, but they correlate.
    """

    def __init__(self, threshold: float = 0.35) -> None:
        self.threshold = threshold
        self._grey: NDArray[np.float32] | None = None
        self._colours: NDArray[np.float32] | None = None
        self._usual: list[float] = []

    def step(self, image: NDArray[np.uint8]) -> Step:
        """Take the next frame, (H, W, 3) uint8 RGB."""
        import cv2

        ratio = min(1.0, THUMBNAIL / max(image.shape[:2]))
        size = (max(8, round(image.shape[1] * ratio)), max(8, round(image.shape[0] * ratio)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.float32)
        colours = _histogram(np.asarray(small, dtype=np.uint8))
        last_grey, last_colours = self._grey, self._colours
        self._grey, self._colours = grey, colours
        if last_grey is None or last_colours is None or last_grey.shape != grey.shape:
            return Step(np.zeros(2), False, 0.0)
        window = cv2.createHanningWindow(size, cv2.CV_32F)
        (dx, dy), response = cv2.phaseCorrelate(last_grey, grey, window)
        change = float(np.abs(colours - last_colours).sum() / 2)
        usual = float(np.median(self._usual)) if self._usual else 0.0
        cut = change > max(self.threshold, 4 * usual) and response < 0.2
        self._usual = [] if cut else [*self._usual[-24:], change]
        trusted = not cut and response > 0.05
        shift = np.array([dx * image.shape[1] / size[0], dy * image.shape[0] / size[1]])
        return Step(shift if trusted else np.zeros(2), cut, change)


def _histogram(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(512,) share of pixels in each of 8 x 8 x 8 colours, blurred over neighbours so that a small change is small."""
    import cv2

    counts = cv2.calcHist([image], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
    for axis in range(3):
        counts = 0.5 * counts + 0.25 * (np.roll(counts, 1, axis) + np.roll(counts, -1, axis))
    return np.asarray(counts.ravel() / max(counts.sum(), 1.0), dtype=np.float32)
