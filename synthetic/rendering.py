"""One dive becomes frames and its truth."""

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
from synthetic.pool import Audience, look_at, paint_pool
from synthetic.rendered_people import Figure, Image, draw_looks

BLUR_SAMPLES = 6  # pictures that are averaged for one with motion blur


@dataclass(frozen=True)
class Options:
    """How a dive is filmed, beyond the plain way."""

    frames: int = 102
    rate: int = 25  # frames per second
    size: tuple[int, int] = (448, 256)  # (width, height) in pixels, both even
    divers: int = 2  # 1 or 2
    audience: Audience | None = None  # people on the stands
    motion_blur: float = 0.0  # share of the frame time that the shutter is open, 0 (sharp) to 1


@dataclass(frozen=True)
class Truth:
    """Truth of a rendered clip. A body part behind another one counts as visible."""

    time: Floats  # (frame,) seconds
    keypoints: Floats  # (frame, diver, 17, 2) pixels, COCO order, continuous (0, 0 is the picture's outer corner)
    visible: NDArray[np.bool_]  # (frame, diver, 17) inside the picture and above the water
    camera: Floats  # (frame, 3) centre right and up in metres, scale in px/m; the background moves with it


@dataclass(frozen=True)
class Film:
    """A dive ready to be rendered; `frames()` renders it, `truth` describes it.

    Arrays are (sample, ...) over all frames and shutter samples, `samples` of each frame.
    """

    options: Options
    samples: int
    view: CameraView
    venue: int
    camera: Floats
    figures: tuple[Figure, ...]
    water: Floats
    foam: _Foam
    truth: Truth

    @cached_property
    def pool(self) -> Image:
        """Background behind the divers, painted on first use."""
        return paint_pool(self.view, np.random.default_rng(self.venue), self.options.audience)

    def frames(self) -> Iterator[Image]:
        """The (height, width, 3) RGB pictures in order."""
        for index in range(self.options.frames):
            takes = [self._picture(index * self.samples + k) for k in range(self.samples)]
            yield takes[0] if len(takes) == 1 else np.mean(takes, axis=0).round().astype(np.uint8)

    def _picture(self, sample: int) -> Image:
        image = look_at(self.pool, self.camera[sample], self.options.size)
        for diver in reversed(range(len(self.figures))):
            row = float(self.water[sample, diver])
            self.figures[diver].draw(image, sample, row)
            self.foam.draw(image, sample, diver, row, self.figures[diver])
        return image


class _Foam:
    """White water thrown up around each entry."""

    def __init__(self, times: Floats, entries: tuple[float, ...], rng: np.random.Generator) -> None:
        self.age = times[:, None] - np.array(entries)
        self.speed = rng.normal(size=(len(entries), 60, 2)) * (0.5, 0.7) + (0.0, 2.2)
        self.radius = rng.uniform(0.012, 0.05, (len(entries), 60))

    def draw(self, image: Image, sample: int, diver: int, row: float, figure: Figure) -> None:
        """Drops on ballistic paths from the place where the diver meets the water, in pixel row `row`."""
        age = float(self.age[sample, diver])
        if age <= 0:
            return
        scale = float(figure.scale[sample])
        hands_x = float(figure.pixels[sample, [P["left_hand"], P["right_hand"]], 0].mean())
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
    """Set the scene, place the cameras and prepare every figure; nothing is drawn yet.

    `rng` decides what has no bearing on the score: venue, colours, camera work.
    """
    samples = BLUR_SAMPLES if options.motion_blur > 0 else 1
    frame_times = np.arange(options.frames) / options.rate
    shutter = np.arange(samples) / max(samples, 1) * options.motion_blur / options.rate
    times = (frame_times[:, None] + shutter).ravel()
    steps, entries = set_scene(shape, execution[: options.divers], pair, options.frames / options.rate)
    looks = draw_looks(rng, options.divers)
    view = CameraView(rng.uniform(40.0, 48.0), rng.uniform(4.0, 8.0))
    world = between_steps(steps, times)
    flat = view.project(world)
    above = world[..., 1] > 0.0
    camera = _every(follow(flat[::samples, ..., :2], above[::samples], options.size, rng), samples, options.motion_blur)
    size = np.array(options.size)
    scale = camera[:, None, None, 2:]
    offset = (flat[..., :2] - camera[:, None, None, :2]) * np.array([1.0, -1.0])
    pixels = offset * scale + size / 2
    surface = world[:, :, P["waist"]] * np.array([1.0, 0.0, 1.0])
    water = (camera[:, None, 1] - view.project(surface)[..., 1]) * camera[:, None, 2] + size[1] / 2
    toward = view.axes()[2]
    front = world[:, :, P["nose"]] - (world[:, :, P["left_ear"]] + world[:, :, P["right_ear"]]) / 2
    facing = front @ toward / np.maximum(np.linalg.norm(front, axis=-1), 1e-9)
    figures = tuple(
        Figure(pixels[:, k], flat[:, k, :, 2], camera[:, 2], facing[:, k], look) for k, look in enumerate(looks)
    )
    visible = above & ((pixels >= 0) & (pixels < size)).all(axis=-1)
    venue = int(rng.integers(1 << 62))
    foam = _Foam(times, entries, rng)
    middle = slice(samples // 2, None, samples)  # the truth is that of the middle of the shutter
    truth = Truth(frame_times, pixels[middle, :, :17], visible[middle, :, :17], camera[middle])
    return Film(options, samples, view, venue, camera, figures, water, foam, truth)


def _every(camera: Floats, samples: int, shutter: float) -> Floats:
    """Camera at each shutter sample, spread over the share `shutter` of a frame, from the camera at each frame."""
    if samples == 1:
        return camera
    after = np.concatenate([camera[1:], 2 * camera[-1:] - camera[-2:-1]])
    share = (np.arange(samples) / samples * shutter)[None, :, None]
    return (camera[:, None] * (1 - share) + after[:, None] * share).reshape(-1, 3)
