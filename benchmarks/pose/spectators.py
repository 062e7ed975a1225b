"""People on the stands, who must not be taken for divers."""

from __future__ import annotations

import numpy as np

from synthetic.body import BodyPose, points
from synthetic.rendered_people import Figure, Image, Look

SCALE = 34.0  # pixels per metre: farther away than the divers, so smaller


def seat_people(canvas: Image, row: int, rng: np.random.Generator) -> None:
    """Draw spectators above pixel row `row` of the pool picture, and some standing at the pool's edge."""
    width = canvas.shape[1]
    for level in range(5, -1, -1):
        for x in np.arange(rng.uniform(0, 20), width, 21.0):
            if rng.random() < 0.55:
                _person(canvas, np.array([x + rng.uniform(-4, 4), row - 72.0 - 26 * level]), True, rng)
    for x in np.arange(rng.uniform(0, 150), width, 150.0):
        _person(canvas, np.array([x, row - 12.0]), False, rng)


def _person(
    canvas: Image, feet: np.ndarray[tuple[int], np.dtype[np.float64]], sits: bool, rng: np.random.Generator
) -> None:
    """One person in day clothes, lowest point at pixel `feet`, turned roughly to the camera."""
    pose = BodyPose(
        spine=rng.uniform(-5, 20, 1),
        neck=rng.uniform(-15, 10, 1),
        hip=np.full((1, 2), 82.0 if sits else 0.0) + rng.uniform(-4, 8, (1, 2)),
        knee=np.full((1, 2), 84.0 if sits else 3.0) + rng.uniform(0, 8, (1, 2)),
        split=rng.uniform(2, 12, (1, 2)),
        foot=np.zeros(1),
        arm=rng.uniform(5, 60, 1) if rng.random() < 0.9 else np.array([165.0]),
        arm_out=rng.uniform(5, 20, 1),
        reach=rng.uniform(0.6, 0.95, 1),
        grab=np.zeros(1),
        grab_at=0.5,
    )
    turn = np.radians(rng.uniform(40.0, 140.0))
    body = points(pose)
    x, y, z = body[..., 0], body[..., 1], body[..., 2]
    right, toward = np.cos(turn) * x + np.sin(turn) * z, np.sin(turn) * x - np.cos(turn) * z
    pixels = np.stack([right, -y - 0.12 * toward], axis=-1) * SCALE
    pixels += feet - np.array([0.0, pixels[..., 1].max()])
    colours = rng.integers(30, 230, (2, 3)).astype(float)
    skin = np.array((214.0, 168.0, 138.0)) * rng.uniform(0.6, 1.1)
    look = Look(tuple(skin), (40.0, 30.0, 24.0), tuple(colours[0]), False, bool(rng.random() < 0.3))
    facing = np.array([np.sin(turn)])
    Figure(pixels, toward, np.array([SCALE]), facing, look).draw(canvas, 0)
