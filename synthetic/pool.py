"""The indoor pool behind the divers (wall, windows, stands, tower, water), as one large picture for the camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from synthetic.dive_motion import PLATFORM
from synthetic.dive_scene import CameraView

Image = NDArray[np.uint8]
LEFT, RIGHT, BOTTOM, TOP = -11.0, 13.0, -6.0, 17.0  # extent of the picture, metres in its plane
DENSITY = 48  # pixels per metre of the picture
FAR_EDGE = -9.0  # end of the water behind the divers, metres along z


def to_canvas(flat: Floats) -> Floats:
    """Metres (..., 2) in the picture's plane to pixels of the pool picture."""
    return np.stack([(flat[..., 0] - LEFT) * DENSITY, (TOP - flat[..., 1]) * DENSITY], axis=-1)


def paint_pool(view: CameraView, rng: np.random.Generator) -> Image:
    """The pool as seen by `view`: (height, width, 3) RGB."""
    width, height = int((RIGHT - LEFT) * DENSITY), int((TOP - BOTTOM) * DENSITY)
    canvas = _wall(width, height, rng)
    shore = float(view.project(np.array([0.0, 0.0, FAR_EDGE]))[1])
    row = int((TOP - shore) * DENSITY)
    _stands(canvas, row, rng)
    canvas[:] = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(1.2, 2.2))
    _water(canvas, row, rng)
    _tower(canvas, view, rng)
    grain = _noise(width, height, 1, rng)[..., None] * 3.0
    return np.clip(canvas.astype(np.float32) + grain, 0, 255).astype(np.uint8)


def _noise(width: int, height: int, cell: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Unit noise (height, width), smooth over `cell` pixels."""
    small = rng.normal(size=(height // cell + 2, width // cell + 2)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) if cell > 1 else small[:height, :width]


def _wall(width: int, height: int, rng: np.random.Generator) -> Image:
    """A tiled wall with pillars and windows, unevenly lit."""
    base = np.array(((150, 168, 182), (120, 138, 150), (176, 176, 168), (96, 116, 140))[rng.integers(4)], np.float32)
    light = 1.0 + 0.05 * _noise(width, height, 160, rng) + 0.035 * _noise(width, height, 24, rng)
    light += np.linspace(0.12, -0.16, height, dtype=np.float32)[:, None]
    wall = base * light[..., None]
    step = int(rng.integers(26, 40))
    wall[::step] *= 0.90
    wall[:, :: 2 * step] *= 0.92
    for x in range(int(rng.integers(0, 120)), width, int(rng.integers(190, 280))):
        wall[:, x : x + 26] *= 0.80
        if rng.random() < 0.7:
            top = int(rng.integers(40, 200))
            wall[top : top + 150, x + 50 : x + 140] = np.array((205, 222, 235)) * rng.uniform(0.85, 1.05)
            wall[top + 72 : top + 78, x + 50 : x + 140] *= 0.7
    return np.clip(wall, 0, 255).astype(np.uint8)


def _stands(canvas: Image, row: int, rng: np.random.Generator) -> None:
    """Rows of seats and a band of advertising above the far edge of the water."""
    width = canvas.shape[1]
    seat = np.array(((40, 66, 110), (98, 44, 44), (60, 64, 70))[rng.integers(3)], np.float32)
    for level in range(6):
        y = row - 70 - 26 * level
        canvas[y - 26 : y] = seat * (0.75 + 0.06 * level)
        for x in range(int(rng.integers(0, 14)), width, 15):
            cv2.rectangle(canvas, (x, y - 20), (x + 10, y - 4), tuple(map(float, seat * rng.uniform(1.0, 1.4))), -1)
    x = 0
    while x < width:
        step = int(rng.integers(70, 200))
        colour = rng.integers(40, 235, 3)
        canvas[row - 68 : row - 22, x : x + step] = colour
        canvas[row - 54 : row - 36, x + 12 : x + step - 16] = 255 - colour // 2
        x += step
    canvas[row - 22 : row] = (196, 200, 198)


def _water(canvas: Image, row: int, rng: np.random.Generator) -> None:
    """Rippled water, lighter towards the far edge, with lane ropes."""
    height, width = canvas.shape[0] - row, canvas.shape[1]
    base = np.array(((38, 128, 176), (30, 140, 168), (52, 120, 190))[rng.integers(3)], np.float32)
    ripple = cv2.resize(rng.normal(size=(height // 5 + 2, width // 22 + 2)).astype(np.float32), (width, height))
    fine = cv2.resize(rng.normal(size=(height // 2 + 2, width // 9 + 2)).astype(np.float32), (width, height))
    light = 1.0 + 0.09 * ripple + 0.07 * fine + np.linspace(0.18, -0.10, height, dtype=np.float32)[:, None]
    water = base * light[..., None] + 60.0 * np.clip(ripple + fine - 2.0, 0, 1)[..., None]
    canvas[row:] = np.clip(water, 0, 255).astype(np.uint8)
    for share in (0.12, 0.25):
        y = row + int(share * height)
        for x in range(0, width, 16):
            colour = (200.0, 60.0, 50.0) if (x // 16) % 2 else (225.0, 225.0, 225.0)
            cv2.rectangle(canvas, (x, y), (x + 13, y + 3), colour, -1)


def _tower(canvas: Image, view: CameraView, rng: np.random.Generator) -> None:
    """The tower with its platforms: blocks with visible front, side and top."""
    grey = np.array((168, 170, 172)) * rng.uniform(0.8, 1.1)
    for extent in (
        ((-9.5, -5.2), (-4.0, PLATFORM - 0.3), (-1.0, 1.0)),
        ((-9.0, -1.6), (4.85, 5.1), (-1.6, 1.6)),
        ((-9.0, 0.0), (PLATFORM - 0.32, PLATFORM), (-2.2, 2.2)),
    ):
        _block(canvas, view, extent, grey)
    for edge in (-2.2, 2.2):
        posts = np.array([[x, PLATFORM + h, edge] for x in np.arange(-9.0, -1.9, 1.0) for h in (0.0, 0.95)])
        pixels = to_canvas(view.project(posts)[:, :2]).round().astype(int).reshape(-1, 2, 2)
        for foot, head in pixels:
            cv2.line(canvas, foot.tolist(), head.tolist(), (205, 208, 212), 2, cv2.LINE_AA)
        for share in (0.5, 1.0):
            rail = (pixels[:, 0] * (1 - share) + pixels[:, 1] * share).round().astype(np.int32)
            cv2.polylines(canvas, [rail], False, (205, 208, 212), 2, cv2.LINE_AA)


def _block(canvas: Image, view: CameraView, extent: tuple[tuple[float, float], ...], colour: Floats) -> None:
    (x0, x1), (y0, y1), (z0, z1) = extent
    faces = (
        (((x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)), 1.15),
        (((x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)), 0.92),
        (((x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)), 0.70),
    )
    for corners, bright in faces:
        flat = to_canvas(view.project(np.array(corners))[:, :2]).round().astype(np.int32)
        cv2.fillConvexPoly(canvas, flat, tuple(map(float, np.clip(colour * bright, 0, 255))), cv2.LINE_AA)


def look_at(pool: Image, camera: Floats, size: tuple[int, int]) -> Image:
    """The part of the pool picture in a camera's view (centre right, centre up, px/m), `size` (width, height)."""
    u, v, scale = camera
    ratio = DENSITY / scale
    centre = to_canvas(np.array([u, v]))
    x = centre[0] + (0.5 - size[0] / 2) * ratio - 0.5
    y = centre[1] + (0.5 - size[1] / 2) * ratio - 0.5
    matrix = np.array([[ratio, 0.0, x], [0.0, ratio, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pool, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT))
