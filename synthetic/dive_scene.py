"""The scene of one or two divers: positions on the platform, relative timing, projection, and camera work.

World frame: x away from the platform, y up from the water, z towards the first diver's side, metres. The camera is far
away (parallel projection) and views the divers obliquely from the front. So the first diver is on the left of the
picture, the second on the right, and both somersault across it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from synthetic.body import P
from synthetic.dive_motion import STEP, flight_time, move
from synthetic.judging import ExecutionErrors, Shape, SynchronisationErrors

SPACING = 2.8  # distance of the two divers along the platform's edge, metres
AFTER_ENTRY = 0.07  # seconds of a clip after the first hands touch the water


@dataclass(frozen=True)
class CameraView:
    """A camera's direction."""

    azimuth: float  # degrees from the side (0) to the front (90) of the platform
    elevation: float  # degrees that the camera looks down

    def axes(self) -> Floats:
        """(3, 3) rows: right and up in the picture, towards the camera."""
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        level, up = np.array([np.sin(a), 0.0, np.cos(a)]), np.array([0.0, 1.0, 0.0])
        right = [np.cos(a), 0.0, -np.sin(a)]
        return np.stack([right, np.cos(e) * up - np.sin(e) * level, np.cos(e) * level + np.sin(e) * up])

    def project(self, world: Floats) -> Floats:
        """(..., 3) metres in the picture's plane (right, up) and towards the camera."""
        return np.asarray(world @ self.axes().T)


def set_scene(
    shape: Shape, execution: tuple[ExecutionErrors, ...], pair: SynchronisationErrors, length: float
) -> tuple[Floats, tuple[float, ...]]:
    """The last `length` seconds until just after the first entry, for one diver or two.

    Returns:
        (N, divers, len(POINTS), 3) world metres every `STEP`, and the time in seconds at which each diver's hands touch
        the water.
    """
    lags = (0.0, pair.lag)
    first_entry = min(lag + flight_time(errors) for lag, errors in zip(lags, execution, strict=False))
    start = first_entry + AFTER_ENTRY - length
    tempos = (0.0, pair.tempo)
    steps = int(np.ceil(length / STEP)) + 2
    clock = start + np.arange(steps, dtype=np.float64) * STEP
    placed, entries = [], []
    for index, errors in enumerate(execution):
        motion = move(shape, errors, start - lags[index] - 0.1, start + length - lags[index] + 0.1, tempos[index])
        local = between_steps(motion.points, clock - lags[index] - motion.time[0])
        side = (0.5, -0.5)[index] if len(execution) > 1 else 0.0
        apart = SPACING + pair.drift * np.clip((clock - lags[index]) / motion.entry, 0.0, 1.0)
        world = local * np.array([shape.facing, 1.0, shape.facing])
        world[..., 2] += (side * apart)[:, None]
        placed.append(world)
        entries.append(motion.entry + lags[index] - start)
    return np.stack(placed, axis=1), tuple(entries)


def between_steps(points: Floats, time: Floats) -> Floats:
    """`points` (N, ...), one row every `STEP` from 0 seconds, interpolated linearly at any times."""
    place = np.clip(time / STEP, 0, len(points) - 1.001)
    left = place.astype(int)
    share = (place - left).reshape(-1, *[1] * (points.ndim - 1))
    return np.asarray(points[left] * (1 - share) + points[left + 1] * share)


def follow(flat: Floats, above: NDArray[np.bool_], size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """(F, 3) picture centre (m, right and up) and scale (px/m) of a camera that keeps the divers in the picture.

    `flat` (F, divers, P, 2) are metres in the picture's plane, and `above` (F, divers, P) is true above the water.
    `rng` draws the style of the camera work: framing, delay, steadiness and zoom.
    """
    count = len(flat)
    middle = flat[:, :, [P["pelvis"], P["waist"], P["neck"]]].mean(axis=(1, 2))
    sigma = rng.uniform(2.0, 4.0)
    steady = _smooth(middle, sigma) + np.stack([_wander(count, rng), _wander(count, rng)], axis=1) * 0.06
    shown = (above | ~above.any(axis=(1, 2), keepdims=True))[..., None]  # all points if none is above the water
    low = np.where(shown, flat, np.inf).min(axis=(1, 2))
    high = np.where(shown, flat, -np.inf).max(axis=(1, 2))
    centre = 0.65 * steady + 0.35 * _smooth((low + high) / 2, sigma)
    need = 2 * np.maximum(np.abs(high - centre), np.abs(low - centre)) + 0.36
    tight = rng.uniform(3.5, 4.0) + rng.uniform(0.1, 0.4) * np.cos(np.linspace(0, rng.uniform(2.0, 5.0), count))
    tall = np.maximum.reduce([tight, need[:, 1], need[:, 0] * size[1] / size[0]])
    wide = cv2.dilate(tall[None].astype(np.float32), np.ones((1, 9), np.uint8))[0].astype(float)
    tall = np.maximum(tall, _smooth(wide[:, None], 2.0)[:, 0])
    return np.concatenate([centre, (size[1] / tall)[:, None]], axis=1)


def _smooth(values: Floats, sigma: float) -> Floats:
    """(F, C) smoothed over time by a Gaussian of `sigma` frames, ends repeated."""
    reach = int(4 * sigma) + 1
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], weights, mode="valid") for k in range(values.shape[1])], axis=1)


def _wander(count: int, rng: np.random.Generator) -> Floats:
    """(count,) slow shake of a hand-held camera, with deviation 1."""
    wave = _smooth(rng.normal(size=(count, 1)), 5.0)[:, 0]
    return wave / max(float(wave.std()), 1e-9)
