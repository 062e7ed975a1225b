"""What a person looks like, in colours: enough to tell an athlete from the stands, and to follow one who is a blur.

Pose networks lose people who are folded up and blurred by motion, and then read a body into whatever lies around.
Skin and suit keep their colours: a histogram of the pixels along the limbs, gathered while the person is surely
seen, against one of the surroundings, says of every pixel how likely it belongs to the person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extractors.people.bodies import size_of

BONES = ((5, 6), (5, 7), (6, 8), (5, 11), (6, 12), (11, 12), (11, 13), (12, 14), (13, 15), (14, 16))
"""Joints at both ends of the limbs whose colours are gathered; forearms and head are too thin or too varied."""

LEVELS = 12
"""Levels of each colour channel in a histogram."""

Image = NDArray[np.uint8]
Pose = NDArray[np.float32]


class Appearance:
    """Colours of one person and of what surrounds it."""

    def __init__(self) -> None:
        self.body = np.zeros(LEVELS**3)
        self.around = np.zeros(LEVELS**3)
        self.usual = 0.0
        self.seen = 0

    def learn(self, image: Image, pose: Pose) -> None:
        """Take a sure reading of the person in `image` (H, W, 3) uint8 RGB; `pose` is (17, 3) in its pixels."""
        limbs = _colours(image, _along_limbs(pose))
        if not len(limbs):  # all of the person lies outside the picture
            return
        self.learn_around(image, pose[5:, :2].mean(axis=0), size_of(pose))
        self.body = 0.9 * self.body + 0.1 * _histogram(limbs)
        self.seen += 1
        share = 0.3 if self.seen < 5 else 0.1
        self.usual = (1 - share) * self.usual + share * float(self._belongs(limbs).mean())

    def learn_around(self, image: Image, centre: NDArray[np.floating], size: float) -> None:
        """Take the surroundings of a person of `size` pixels at `centre`: a ring outside its reach."""
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        circle = size * np.column_stack([np.cos(angles), np.sin(angles)])
        rings = [np.asarray(centre) + radius * circle for radius in (0.75, 0.95)]
        self.around = 0.7 * self.around + 0.3 * _histogram(_colours(image, np.concatenate(rings)))

    @property
    def known(self) -> bool:
        """Whether enough has been seen, and whether the person's colours stand out from the surroundings."""
        return self.seen >= 3 and self.usual > 0.5

    def likeness(self, image: Image, pose: Pose) -> float:
        """How much a reading is coloured like the person: about 1 for the person, about 0 for anything else."""
        limbs = _colours(image, _along_limbs(pose))
        if not len(limbs):
            return 0.0
        return float(np.clip(self._belongs(limbs).mean() / max(self.usual, 1e-6), 0, 1))

    def locate(self, image: Image, centre: NDArray[np.floating], size: float) -> NDArray[np.float64] | None:
        """(2,) where the colours gather within half a body of `centre` (mean shift), None where they do not."""
        radius = 0.8 * size
        low = np.maximum(np.floor(np.asarray(centre) - radius), 0).astype(int)
        high = np.minimum(np.ceil(np.asarray(centre) + radius), image.shape[1::-1]).astype(int)
        step = max(1, int(radius / 40))
        part = image[low[1] : high[1] : step, low[0] : high[0] : step]
        if part.size == 0:
            return None
        share = self._belongs(part.reshape(-1, 3)).reshape(part.shape[:2])
        share = np.where(share > 0.6, share, 0.0)
        rows, columns = np.mgrid[: part.shape[0], : part.shape[1]]
        x, y = low[0] + columns * step + 0.5, low[1] + rows * step + 0.5
        place = np.asarray(centre, dtype=np.float64)
        for _ in range(6):
            weight = share * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * (0.3 * size) ** 2))
            mass = float(weight.sum())
            if mass * step**2 < 0.01 * size**2:
                return None
            place = np.array([(weight * x).sum() / mass, (weight * y).sum() / mass])
        return place

    def _belongs(self, colours: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probability 0..1 of each colour (M, 3) to be the person's rather than the surroundings'."""
        index = _index(colours)
        body, around = self.body / max(self.body.sum(), 1e-9), self.around / max(self.around.sum(), 1e-9)
        return np.asarray((body[index] + 1e-5) / (body[index] + around[index] + 2e-5))


def _along_limbs(pose: Pose) -> NDArray[np.float64]:
    """(M, 2) points along the limbs."""
    share = np.linspace(0.1, 0.9, 8)[:, None]
    return np.concatenate([pose[a, :2] * (1 - share) + pose[b, :2] * share for a, b in BONES])


def _colours(image: Image, points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(M, 3) colours at those of the points that lie in the picture."""
    at = np.floor(points).astype(int)
    inside = (at >= 0).all(axis=1) & (at[:, 0] < image.shape[1]) & (at[:, 1] < image.shape[0])
    return np.asarray(image[at[inside, 1], at[inside, 0]], dtype=np.uint8)


def _index(colours: NDArray[np.uint8]) -> NDArray[np.intp]:
    level = colours.astype(np.intp) * LEVELS // 256
    return level[..., 0] * LEVELS**2 + level[..., 1] * LEVELS + level[..., 2]


def _histogram(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Counts of colours, spread a little over neighbouring levels."""
    counts = np.bincount(_index(colours), minlength=LEVELS**3).reshape((LEVELS,) * 3).astype(np.float64)
    for axis in range(3):
        padded = np.pad(counts, [(1, 1) if k == axis else (0, 0) for k in range(3)], mode="edge")
        counts = 0.5 * counts + 0.25 * (np.delete(padded, [0, 1], axis) + np.delete(padded, [-1, -2], axis))
    return np.asarray(counts.ravel() / max(counts.sum(), 1.0))
