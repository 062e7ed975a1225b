"""Scenes with planted camera motion: a background moved by a known similarity, with people, bars, graphics and noise.

One cubic resampling of a larger picture gives a frame at twice its size, which is then averaged down. So each frame
samples the moved scene, not another frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 340, 256
OVERSAMPLING = 2
Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class CameraMotion:
    """Motion of the content about the picture's centre: pixels, scale factor, radians clockwise."""

    pan_x: float = 0.0
    pan_y: float = 0.0
    scale: float = 1.0
    angle: float = 0.0

    def vector(self) -> NDArray[np.float64]:
        """(4,) pan_x, pan_y, a, b as in `extractors/camera_flow/border_alignment.py`."""
        return np.array([self.pan_x, self.pan_y, self.scale * np.cos(self.angle) - 1, self.scale * np.sin(self.angle)])

    def errors(self, estimated: NDArray[np.float64]) -> tuple[float, float]:
        """Root mean square and largest error in pixels of an estimated (4,) motion, over the picture's border."""
        d = estimated - self.vector()
        side = np.linspace(-0.5, 0.5, 21)
        end = np.full(21, 0.5)
        x = np.concatenate([side, side, end, -end]) * WIDTH
        y = np.concatenate([end, -end, side, side]) * HEIGHT
        length = np.hypot(d[0] + d[2] * x - d[3] * y, d[1] + d[3] * x + d[2] * y)
        return float(np.sqrt((length**2).mean())), float(length.max())


@lru_cache(maxsize=8)
def background(seed: int, grain: float = 2.5) -> Grey:
    """(900, 1200) picture with structure on all scales from `grain` pixels up, with some hard edges."""
    rng, size = np.random.default_rng(seed), (900, 1200)
    total = np.zeros(size, np.float32)
    for k in range(6):
        coarse = (max(size[1] >> k, 8), max(size[0] >> k, 8))
        grains = cv2.GaussianBlur(rng.standard_normal(coarse[::-1]).astype(np.float32), (0, 0), grain)
        total += cv2.resize(grains, size[::-1], interpolation=cv2.INTER_CUBIC) * 2 ** (0.65 * k)
    picture = (total - total.mean()) / total.std() * 30 + 120
    for _ in range(40):
        corner, extent = rng.integers(0, size[1], 2), rng.integers(20, 160, 2)
        x, y = int(corner[0]), int(corner[1] % size[0])
        cv2.rectangle(picture, (x, y), (x + int(extent[0]), y + int(extent[1])), float(rng.uniform(30, 220)), -1)
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), grain / 2), 0, 255), np.uint8)


def render(
    scene: Grey,
    motion: CameraMotion,
    person: tuple[float, float] | None = None,
    noise: float = 2.0,
    rng: np.random.Generator | None = None,
) -> Grey:
    """(256, 340) frame of `scene` after `motion`, with a person whose whole body is shifted by `person` pixels."""
    height, width = scene.shape
    fit = min(width / (WIDTH + 80), height / (HEIGHT + 80))
    smooth = cv2.GaussianBlur(scene, (0, 0), fit * 0.35) if fit > 1 else scene
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    c, s = np.cos(motion.angle) / motion.scale, np.sin(motion.angle) / motion.scale
    inverse = fit * np.array([[c, s], [-s, c]])
    pan = np.array([motion.pan_x, motion.pan_y])
    shift = np.array([(width - 1) / 2, (height - 1) / 2]) - inverse @ (centre + pan)
    k = OVERSAMPLING
    matrix = np.column_stack([inverse / k, shift + inverse @ np.full(2, 0.5 / k - 0.5)])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(
        smooth.astype(np.float32), matrix, (WIDTH * k, HEIGHT * k), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    if person is not None:
        _draw_person(large, person)
    frame = cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    if noise and rng is not None:
        frame = frame + rng.normal(0, noise, frame.shape)
    return np.asarray(np.clip(np.round(frame), 0, 255), np.uint8)


def _cloth() -> NDArray[np.float32]:
    grain = np.random.default_rng(5).random((600, 600)).astype(np.float32)
    cloth = cv2.GaussianBlur(grain, (0, 0), 4)
    return np.asarray((cloth - cloth.min()) / (cloth.max() - cloth.min()) * 255, np.float32)


CLOTH = _cloth()


def _draw_person(large: NDArray[np.float32], shift: tuple[float, float]) -> None:
    """Draw textured bodies over the centre, the lower border and the right border (a fifth of it)."""
    k = OVERSAMPLING
    for x, y, wide, high in ((170, 130, 35, 95), (60, 235, 40, 60), (320, 100, 30, 50)):
        cx, cy = (x + shift[0]) * k, (y + shift[1]) * k
        mask = np.zeros(large.shape, np.uint8)
        cv2.ellipse(
            mask, (round(cx * 16), round(cy * 16)), (wide * k * 16, high * k * 16), 0, 0, 360, 255, -1, cv2.LINE_8, 4
        )
        move = np.array([[1, 0, cx - 250], [0, 1, cy - 250]], np.float64)
        body = cv2.warpAffine(CLOTH, move, large.shape[::-1], borderMode=cv2.BORDER_WRAP)
        large[mask > 0] = body[mask > 0]


def motions(count: int, largest: float, seed: int) -> Iterator[CameraMotion]:
    """Alternating pans, zooms, rotations and mixtures that move the picture's corner by up to `largest` pixels."""
    rng = np.random.default_rng(seed)
    radius = np.hypot(WIDTH / 2, HEIGHT / 2)
    for k in range(count):
        size, towards = rng.uniform(0, largest), rng.uniform(0, 2 * np.pi)
        share = np.eye(3)[k % 4] if k % 4 < 3 else rng.dirichlet(np.ones(3))
        pan, zoom, turn = share * size * np.where(rng.random(3) < 0.5, -1, 1)
        yield CameraMotion(pan * np.cos(towards), pan * np.sin(towards), 1 + zoom / radius, turn / radius)


def compose(steps: Sequence[CameraMotion]) -> list[CameraMotion]:
    """Position of the camera before the first step and after each of them."""
    places, shift, scale, angle = [CameraMotion()], np.zeros(2), 1.0, 0.0
    for step in steps:
        c, s = np.cos(step.angle), np.sin(step.angle)
        shift = step.scale * np.array([[c, -s], [s, c]]) @ shift + [step.pan_x, step.pan_y]
        scale, angle = scale * step.scale, angle + step.angle
        places.append(CameraMotion(float(shift[0]), float(shift[1]), scale, angle))
    return places
