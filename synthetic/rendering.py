"""Renders one dive as frames, with the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from synthetic.body import P
from synthetic.dive_scene import CameraView, between_steps, follow, set_scene
from synthetic.judging import ExecutionErrors, Shape, SynchronisationErrors
from synthetic.pool import look_at, paint_pool
from synthetic.rendered_people import Image, RenderedPerson, draw_appearances


@dataclass(frozen=True)
class Options:
    """Options of a rendered video."""

    frames: int = 102
    rate: int = 25  # frames per second
    size: tuple[int, int] = (448, 256)  # (width, height) in pixels, both even
    divers: int = 2  # 1 or 2


@dataclass(frozen=True)
class Truth:
    """Truth of a rendered clip. A body part behind another one counts as visible."""

    time: Floats  # (frame,) seconds
    keypoints: Floats  # (frame, diver, 17, 2) pixels, COCO order, continuous (0, 0 is the picture's outer corner)
    visible: NDArray[np.bool_]  # (frame, diver, 17) inside the picture and above the water
    camera: Floats  # (frame, 3) centre right and up in metres, scale in px/m; the background moves with it


@dataclass(frozen=True)
class Film:
    """A dive ready to be rendered; `frames()` renders it, `truth` describes it. Arrays are (frame, ...)."""

    options: Options
    view: CameraView
    venue: int
    people: tuple[RenderedPerson, ...]
    water: Floats
    foam: _Foam
    truth: Truth

    @cached_property
    def pool(self) -> Image:
        """Background behind the divers, painted on first use."""
        return paint_pool(self.view, np.random.default_rng(self.venue))

    def frames(self) -> Iterator[Image]:
        """The (height, width, 3) RGB pictures in order."""
        return (self._picture(index) for index in range(self.options.frames))

    def _picture(self, index: int) -> Image:
        image = look_at(self.pool, self.truth.camera[index], self.options.size)
        for diver in reversed(range(len(self.people))):
            row = float(self.water[index, diver])
            self.people[diver].draw(image, index, row)
            self.foam.draw(image, index, diver, row, self.people[diver])
        return image


class _Foam:
    """White water around each entry."""

    def __init__(self, times: Floats, entries: tuple[float, ...], rng: np.random.Generator) -> None:
        self.age = times[:, None] - np.array(entries)
        self.speed = rng.normal(size=(len(entries), 60, 2)) * (0.5, 0.7) + (0.0, 2.2)
        self.radius = rng.uniform(0.012, 0.05, (len(entries), 60))

    def draw(self, image: Image, index: int, diver: int, row: float, person: RenderedPerson) -> None:
        """Draw drops on ballistic trajectories from the point of entry, in pixel row `row`."""
        age = float(self.age[index, diver])
        if age <= 0:
            return
        scale = float(person.scale[index])
        hands_x = float(person.pixels[index, [P["left_hand"], P["right_hand"]], 0].mean())
        drops = self.speed[diver] * age - np.array([0.0, 4.9 * age * age])
        spread = min(0.15 + 1.6 * age, 0.5) * scale
        axes = int(spread), int(spread * 0.22)
        cv2.ellipse(image, (int(hands_x), int(row)), axes, 0, 0, 360, (225, 236, 240), -1, 16)
        for (right, up), radius in zip(drops, self.radius[diver], strict=True):
            if up > -0.02:
                place = (int(hands_x + right * scale), int(row - up * scale))
                cv2.circle(image, place, max(1, int(radius * scale)), (232, 240, 244), -1, cv2.LINE_AA)


def film_dive(
    shape: Shape,
    execution: tuple[ExecutionErrors, ...],
    pair: SynchronisationErrors,
    rng: np.random.Generator,
    options: Options,
) -> Film:
    """Set the scene, place the cameras and prepare every person; nothing is drawn yet.

    `rng` draws properties without effect on the score: venue, colours, camera work.
    """
    times = np.arange(options.frames) / options.rate
    steps, entries = set_scene(shape, execution[: options.divers], pair, options.frames / options.rate)
    appearances = draw_appearances(rng, options.divers)
    view = CameraView(rng.uniform(40.0, 48.0), rng.uniform(4.0, 8.0))
    world = between_steps(steps, times)
    flat = view.project(world)
    above = world[..., 1] > 0.0
    camera = follow(flat[..., :2], above, options.size, rng)
    size = np.array(options.size)
    scale = camera[:, None, None, 2:]
    offset = (flat[..., :2] - camera[:, None, None, :2]) * np.array([1.0, -1.0])
    pixels = offset * scale + size / 2
    surface = world[:, :, P["waist"]] * np.array([1.0, 0.0, 1.0])
    water = (camera[:, None, 1] - view.project(surface)[..., 1]) * camera[:, None, 2] + size[1] / 2
    toward = view.axes()[2]
    front = world[:, :, P["nose"]] - (world[:, :, P["left_ear"]] + world[:, :, P["right_ear"]]) / 2
    facing = front @ toward / np.maximum(np.linalg.norm(front, axis=-1), 1e-9)
    people = tuple(
        RenderedPerson(pixels[:, k], flat[:, k, :, 2], camera[:, 2], facing[:, k], appearance)
        for k, appearance in enumerate(appearances)
    )
    visible = above & ((pixels >= 0) & (pixels < size)).all(axis=-1)
    venue = int(rng.integers(1 << 62))
    foam = _Foam(times, entries, rng)
    truth = Truth(times, pixels[:, :, :17], visible[:, :, :17], camera)
    return Film(options, view, venue, people, water, foam, truth)
