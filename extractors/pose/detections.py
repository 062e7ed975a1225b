"""People of one picture, and the views of a frame in which a pose network detects them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extractors.keypoints import boxes_of, iou, oks

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Detections:
    """The people that a network detects in one picture."""

    keypoints: NDArray[np.float32]  # (P, 17, 3) COCO-17: x, y in pixels (pixel centres at .5) and score 0..1
    scores: NDArray[np.float32]  # (P,) score of each person, 0..1

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """No people."""
        return cls(np.zeros((0, 17, 3), np.float32), np.zeros(0, np.float32))

    @classmethod
    def of(cls, keypoints: NDArray[np.floating], scores: NDArray[np.floating]) -> Detections:
        """People from arrays of any floating type."""
        return cls(np.asarray(keypoints, dtype=np.float32), np.asarray(scores, dtype=np.float32))

    def take(self, rows: Sequence[int] | NDArray[np.intp] | NDArray[np.bool_]) -> Detections:
        """The people at `rows`, in that order."""
        index = np.asarray(rows) if len(rows) else np.zeros(0, dtype=np.intp)
        return Detections(self.keypoints[index], self.scores[index])

    def best(self, min_score: float, most: int | None = None) -> Detections:
        """People with finite joints and at least this score, best first, `most` of them."""
        usable = np.isfinite(self.keypoints).all(axis=(1, 2)) & (self.scores >= min_score)
        order = np.argsort(-self.scores, kind="stable")
        return self.take(order[usable[order]][:most])

    @staticmethod
    def joined(groups: Sequence[Detections]) -> Detections:
        """All people of several groups, in order."""
        groups = groups or [Detections.none()]
        return Detections(np.concatenate([g.keypoints for g in groups]), np.concatenate([g.scores for g in groups]))

    def distinct(self, max_oks: float = 0.35, max_iou: float = 0.5) -> Detections:
        """Each person once, best first (non-maximum suppression).

        Two detections are one person where their OKS exceeds `max_oks`, their boxes overlap by more than `max_iou` (the
        same body with its sides or ends confused), or one with a clearly lower score is on the middle of the other.
        """
        boxes = boxes_of(self.keypoints)
        overlap = iou(boxes, boxes)
        middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1.0)
        apart = np.linalg.norm(middles[:, None] - middles[None], axis=-1) / sides[None]
        inside = (apart < 0.25) & (overlap > 0.2) & (self.scores[:, None] < 0.7 * self.scores[None])
        same = (oks(self.keypoints, self.keypoints) > max_oks) | (overlap > max_iou) | inside
        kept: list[int] = []
        for row in np.argsort(-self.scores, kind="stable"):
            if not same[row, kept].any():
                kept.append(int(row))
        return self.take(kept)


@dataclass(frozen=True)
class View:
    """What the network gets of a frame: all of it in a quarter turn, or a turned square of it."""

    matrix: NDArray[np.float64]  # (2, 3) affine map from frame pixels to view pixels
    size: tuple[int, int]  # (width, height) of the view in pixels
    turns: int | None = None  # clockwise quarter turns of the whole frame; None for a square

    @classmethod
    def whole(cls, image: Image, turns: int = 0) -> View:
        """All of a frame, turned clockwise by quarter turns."""
        height, width = image.shape[:2]
        matrix = (
            ((1, 0, 0), (0, 1, 0)),
            ((0, -1, height), (1, 0, 0)),
            ((-1, 0, width), (0, -1, height)),
            ((0, 1, 0), (-1, 0, width)),
        )[turns % 4]
        size = (width, height) if turns % 2 == 0 else (height, width)
        return cls(np.array(matrix, dtype=np.float64), size, turns % 4)

    @classmethod
    def around(cls, centre: NDArray[np.floating], side: float, angle: float, pixels: int) -> View:
        """A square of `side` frame pixels around `centre` (2,), in `pixels`; black outside the frame.

        A body at `angle` radians clockwise from upright is upright in it.
        """
        scale, cos, sin = pixels / max(side, 8.0), np.cos(angle), np.sin(angle)
        linear = scale * np.array([[cos, sin], [-sin, cos]])
        shift = pixels / 2 - linear @ np.asarray(centre, dtype=np.float64)
        return cls(np.column_stack([linear, shift]), (pixels, pixels))

    def draw(self, image: Image) -> Image:
        """The picture that the network gets, (H, W, 3)."""
        import cv2

        if self.turns is not None:
            return np.ascontiguousarray(np.rot90(image, -self.turns))
        matrix = self.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV counts pixels from their centres
        return np.asarray(cv2.warpAffine(image, matrix, self.size, flags=cv2.INTER_LINEAR), dtype=np.uint8)

    def in_frame(self, detections: Detections) -> Detections:
        """Detections in this view's pixels, in pixels of the frame."""
        inverse = np.linalg.inv(self.matrix[:, :2])
        keypoints = detections.keypoints.astype(np.float64)
        keypoints[..., :2] = (keypoints[..., :2] - self.matrix[:, 2]) @ inverse.T
        return Detections.of(keypoints, detections.scores)
