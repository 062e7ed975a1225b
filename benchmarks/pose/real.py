"""Clips composed of real footage whose joints are known: turned, turning, small, poor, crossing, among bystanders.

Every clip is 455 x 256 as broadcast dives are, 30 frames a second. People are cut out of ../shared/views
(`sprites.py`) and moved over real backgrounds that pan; `surroundings` footage keeps the rectangle around the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pose.rendered import spoilt
from benchmarks.pose.sprites import Sprite, read_background, read_sprite

SIZE, RATE, SUPERSAMPLING = (455, 256), 30.0, 2
SIDE = 5
"""Number of the camera of one_person_sports2d.mp4, which shows a crouching athlete from the side."""

SHUTTER = 0.35
"""Share of the time between two frames over which motion blurs."""

Spot = tuple[float, float]


@dataclass(frozen=True)
class Actor:
    """One person (or one person's footage) in a clip.

    Attributes:
        camera: number of the view.
        height: pixels from head to feet.
        route: places of the footage's middle, in sizes of the picture, reached at equal times.
        angle: degrees clockwise at the start.
        spin: turns a second.
        other: the second person of two_people instead of the athlete.
        surroundings: keep the rectangle around the person ("one_person" or "two_people"), which shows all its people.
        labelled: whether this is an agent; bystanders are not.
        phase: first frame of the footage, which plays forwards and backwards.
    """

    camera: int
    height: float
    route: tuple[Spot, ...] = ((0.5, 0.5),)
    angle: float = 0.0
    spin: float = 0.0
    other: bool = False
    surroundings: str = ""
    labelled: bool = True
    phase: int = 0
    still: bool = False

    def sprite(self, folder: Path) -> Sprite:
        """The footage."""
        if self.surroundings:
            return read_sprite(folder, self.surroundings, self.camera, None)
        if self.camera == SIDE:
            return read_sprite(folder, "crouch", SIDE, 0)
        group, person = ("two_people", 1) if self.other else ("one_person", 0)
        return read_sprite(folder, group, self.camera, person)

    def matrix(self, sprite: Sprite, time: float, duration: float) -> NDArray[np.float64]:
        """(2, 3) map from the footage to the picture at `time` seconds."""
        knots = np.linspace(0, duration, max(len(self.route), 2))
        route = np.array(self.route if len(self.route) > 1 else self.route * 2)
        middle = np.array([np.interp(time, knots, route[:, axis]) for axis in (0, 1)]) * SIZE
        turn = np.deg2rad(self.angle) + 2 * np.pi * self.spin * time
        scale = self.height / sprite.height
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        pivot = np.array(sprite.images.shape[2:0:-1]) / 2
        if self.surroundings:
            pivot = np.nanmedian(sprite.joints, axis=(0, 1, 2))
        return np.column_stack([linear, middle - linear @ pivot])


@dataclass(frozen=True)
class Case:
    """What a clip shows; `kind` names the group of its mean."""

    name: str
    kind: str
    actors: tuple[Actor, ...]
    background: str = "park"
    pan: Spot = (0.0, 0.0)
    poor: bool = False
    frames: int = 60

    @property
    def camera(self) -> int:
        """The view that shows the labelled people."""
        return self.actors[0].camera

    @property
    def split(self) -> str:
        """`held out` for clips from the held-out camera, else `tuning`."""
        return "held out" if any(actor.camera == 4 for actor in self.actors) else "tuning"

    @property
    def agents(self) -> int:
        """People with labels."""
        return sum((2 if actor.surroundings == "two_people" else 1) for actor in self.actors if actor.labelled)


@dataclass(frozen=True)
class Clip:
    """A composed case.

    Attributes:
        images: (N, 256, 455, 3) uint8 RGB.
        times: (N,) seconds.
        truth: (N, P, 17, 2) pixels, NaN where unknown.
        visible: (N, P, 17) inside the picture and not behind somebody else.
    """

    images: NDArray[np.uint8]
    times: NDArray[np.float64]
    truth: NDArray[np.float64]
    visible: NDArray[np.bool_]


def read_clip(folder: Path, case: Case) -> Clip:
    """The clip of a case, composed once and kept in `folder`."""
    # The description is part of the name: a changed case is made anew.
    stored = folder / f"clip_{case.name.replace(' ', '_')}_{crc32(repr(case).encode()):08x}.npz"
    if not stored.is_file():
        made = make_clip(folder, case)
        np.savez(stored, images=made.images, times=made.times, truth=made.truth, visible=made.visible)
    with np.load(stored) as file:
        return Clip(file["images"], file["times"], file["truth"], file["visible"])


def make_clip(folder: Path, case: Case) -> Clip:
    """Compose a case."""
    background = read_background(folder, case.background)
    sprites = [actor.sprite(folder) for actor in case.actors]
    times = np.arange(case.frames) / RATE
    images, truth, visible = [], [], []
    for number, time in enumerate(times):
        blurred = [
            _picture(case, background, sprites, float(t), number)
            for t in time + SHUTTER / RATE * np.array([-0.5, 0.0, 0.5])
        ]
        image = np.mean(blurred, axis=0).astype(np.uint8)
        images.append(spoilt(image, number) if case.poor else image)
        joints, shown = _labels(case, sprites, float(time), number)
        truth.append(joints)
        visible.append(shown)
    return Clip(np.stack(images), times, np.stack(truth), np.stack(visible))


def _picture(
    case: Case, background: NDArray[np.uint8], sprites: Sequence[Sprite], time: float, number: int
) -> NDArray[np.float32]:
    size = (SIZE[0] * SUPERSAMPLING, SIZE[1] * SUPERSAMPLING)
    height, width = background.shape[:2]
    # The background's crop is as wide as the picture where nothing pans, and pans within what is left.
    share = 0.5 + np.array(case.pan) * (time * RATE / case.frames - 0.5)
    scale = size[0] / (0.72 * width)
    corner = share * (np.array([width, height]) - np.array(size) / scale)
    canvas = cv2.warpAffine(
        background, np.column_stack([scale * np.eye(2), -scale * corner]), size, flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    ).astype(np.float32)  # fmt: skip
    for actor, sprite in zip(case.actors, sprites, strict=True):
        layer = _layer(case, actor, sprite, time, number)
        alpha = layer[..., 3:].astype(np.float32) / 255
        canvas += alpha * (layer[..., :3] - canvas)
    return np.asarray(cv2.resize(canvas, SIZE, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _layer(case: Case, actor: Actor, sprite: Sprite, time: float, number: int) -> NDArray[np.uint8]:
    size = (SIZE[0] * SUPERSAMPLING, SIZE[1] * SUPERSAMPLING)
    matrix = SUPERSAMPLING * actor.matrix(sprite, time, case.frames / RATE)
    layer = cv2.warpAffine(sprite.images[_shown(actor, sprite, number)], matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(layer, dtype=np.uint8)


def _shown(actor: Actor, sprite: Sprite, number: int) -> int:
    """The footage's frame shown in frame `number` of a clip: forwards, then backwards."""
    count = len(sprite.images)
    step = (0 if actor.still else number + actor.phase) % (2 * count - 2)
    return step if step < count else 2 * count - 2 - step


def _labels(
    case: Case, sprites: Sequence[Sprite], time: float, number: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(P, 17, 2) joints and (P, 17) visible ones of one frame."""
    joints: list[NDArray[np.float64]] = []
    hidden: list[NDArray[np.bool_]] = []
    for actor, sprite in zip(case.actors, sprites, strict=True):
        alpha = cv2.resize(_layer(case, actor, sprite, time, number)[..., 3], SIZE, interpolation=cv2.INTER_AREA)
        for row, pose in enumerate(joints):  # somebody drawn later is in front
            pixels = np.nan_to_num(pose).astype(int)
            inside = (pixels >= 0).all(axis=1) & (pixels < SIZE).all(axis=1)
            x, y = np.clip(pixels, 0, np.array(SIZE) - 1).T
            hidden[row] |= inside & (alpha[y, x] > 128)
        if actor.labelled:
            matrix = actor.matrix(sprite, time, case.frames / RATE)
            for pose in sprite.joints[_shown(actor, sprite, number)]:
                joints.append(pose @ matrix[:, :2].T + matrix[:, 2])
                hidden.append(np.zeros(17, dtype=bool))
    there = np.stack(joints)
    inside = (np.nan_to_num(there, nan=-1) >= 0).all(axis=-1) & (np.nan_to_num(there, nan=-1) < SIZE).all(axis=-1)
    return there, inside & ~np.stack(hidden)


def with_camera(case: Case, camera: int) -> Case:
    """The same case from another view."""
    moved = tuple(replace(actor, camera=camera) for actor in case.actors)
    return replace(case, name=f"{case.name} cam{camera}", actors=moved)
