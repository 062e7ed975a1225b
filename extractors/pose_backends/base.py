"""The contract of a pose network, and the pictures it is shown: rotated, cropped, mirrored views of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from extractors.people.oks import MIRRORED, boxes_of

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class People:
    """The people of one picture.

    Attributes:
        keypoints: (P, 17, 3) float32, x and y in pixels of the picture (pixel centres at .5) and score 0..1, COCO-17.
        scores: (P,) float32, how sure the network is of each person, 0..1.
        boxes: (P, 4) float32, x1 y1 x2 y2 in pixels.
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> People:
        """An empty picture."""
        return cls(np.zeros((0, 17, 3), np.float32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))

    @classmethod
    def of(cls, keypoints: NDArray[np.floating], scores: NDArray[np.floating]) -> People:
        """People with boxes drawn around their joints."""
        points = np.asarray(keypoints, dtype=np.float32)
        return cls(points, np.asarray(scores, dtype=np.float32), boxes_of(points))

    def take(self, rows: Sequence[int] | NDArray[np.intp] | NDArray[np.bool_]) -> People:
        """The people at `rows`, in that order."""
        index = np.asarray(rows) if len(rows) else np.zeros(0, dtype=np.intp)
        return People(self.keypoints[index], self.scores[index], self.boxes[index])

    def best(self, min_score: float, most: int | None = None) -> People:
        """People with finite joints and at least this score, best first, `most` of them."""
        usable = np.isfinite(self.keypoints).all(axis=(1, 2)) & (self.scores >= min_score)
        order = np.argsort(-self.scores, kind="stable")
        return self.take(order[usable[order]][:most])

    def mapped(self, matrix: NDArray[np.floating]) -> People:
        """The same people after an affine map (2, 3) of the picture; boxes are drawn anew around the joints."""
        points = self.keypoints.copy()
        points[..., :2] = points[..., :2] @ matrix[:, :2].T.astype(np.float32) + matrix[:, 2].astype(np.float32)
        return People.of(points, self.scores)

    @staticmethod
    def joined(groups: Sequence[People]) -> People:
        """All people of several groups, in order."""
        if not groups:
            return People.none()
        return People(
            np.concatenate([g.keypoints for g in groups]),
            np.concatenate([g.scores for g in groups]),
            np.concatenate([g.boxes for g in groups]),
        )


class PoseBackend(Protocol):
    """One pose network, loaded and ready."""

    def detect(self, image: Image) -> People:
        """The people in `image` (H, W, 3) uint8 RGB, best first; keypoints in pixels of that image.

        The image may be of any size, also a crop; the backend resizes it to what its network takes.
        """

    def close_up(self, image: Image) -> People:
        """As `detect`, for a square crop around one person: a one-stage network may use a smaller input."""


@dataclass(frozen=True)
class View:
    """A picture of part of a frame: turned, scaled and cropped.

    Attributes:
        matrix: (2, 3) affine map from frame pixels to view pixels.
        size: (width, height) of the view in pixels.
    """

    matrix: NDArray[np.float64]
    size: tuple[int, int]

    @classmethod
    def quarter(cls, turns: int, width: int, height: int) -> View:
        """The whole frame of `width` x `height`, turned clockwise by `turns` quarter turns."""
        w, h = float(width), float(height)
        maps = {0: ((1, 0, 0), (0, 1, 0)), 1: ((0, -1, h), (1, 0, 0)), 2: ((-1, 0, w), (0, -1, h))}
        maps[3] = ((0, 1, 0), (-1, 0, w))
        size = (width, height) if turns % 2 == 0 else (height, width)
        return cls(np.array(maps[turns % 4], dtype=np.float64), size)

    @classmethod
    def around(cls, centre: NDArray[np.floating], side: float, angle: float, out: int, mirror: bool = False) -> View:
        """A square of `side` frame pixels around `centre`, turned so that a body leaning by `angle` stands upright.

        Args:
            centre: (2,) x, y in frame pixels.
            side: side of the square in frame pixels.
            angle: radians clockwise from upright at which the body leans in the frame.
            out: side of the view in pixels.
            mirror: left and right exchanged; `seen` exchanges the joints' names back.
        """
        scale, cos, sin = out / max(side, 1e-6), np.cos(angle), np.sin(angle)
        linear = scale * np.array([[cos, sin], [-sin, cos]])
        if mirror:
            linear[0] *= -1
        shift = out / 2 - linear @ np.asarray(centre, dtype=np.float64)
        return cls(np.column_stack([linear, shift]), (out, out))

    def draw(self, image: Image) -> Image:
        """This view of `image`, black outside the frame."""
        import cv2

        turn = np.round(self.matrix[:, :2]).astype(int)
        if np.array_equal(turn, self.matrix[:, :2]) and abs(turn).sum() == 2 and self.size[0] * self.size[1] > 0:
            quarter = next(k for k in range(4) if np.array_equal(View.quarter(k, 1, 1).matrix[:, :2], turn))
            return np.ascontiguousarray(np.rot90(image, -quarter))
        matrix = self.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV counts pixels from their centres
        drawn = cv2.warpAffine(image, matrix, self.size, flags=cv2.INTER_LINEAR)
        return np.asarray(drawn, dtype=np.uint8)

    def seen(self, people: People) -> People:
        """People found in this view, in frame pixels and with the frame's left and right."""
        linear = np.linalg.inv(self.matrix[:, :2])
        back = people.mapped(np.column_stack([linear, -linear @ self.matrix[:, 2]]))
        if np.linalg.det(self.matrix[:, :2]) > 0:
            return back
        return People(back.keypoints[:, MIRRORED], back.scores, back.boxes)
