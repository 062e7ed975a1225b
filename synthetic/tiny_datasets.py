"""Tiny data sets in the official layouts and with their traps, for tests and examples; made in seconds.

Scores depend on how closely one agent follows the other (`synthetic.planted_relation`). Pictures show simple shapes,
for decoding, camera motion and viewing. `synthetic.dives` renders people.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.datasets.aqa7 import ACTIONS
from data.store import atomic_path, write_text
from data.store.arrays import Floats
from data.video import Picture, write_video
from synthetic.planted_relation import Relation, follow

WIDTH, HEIGHT = 96, 72  # of the pictures


def draw_spots(spots: Floats, camera: Floats, seed: int) -> Iterator[Picture]:
    """Frames (height, width, 3) uint8 of a textured scene seen by a moving camera, with coloured spots in it.

    Args:
        spots: (frame, spot, 2) positions in picture widths and heights from the centre, before camera motion.
        camera: (frame, 2) target of the camera, in the same unit.
        seed: of the scene's texture.
    """
    coarse = np.random.default_rng(seed).uniform(40, 160, (24, 32, 3))
    scene = np.kron(coarse, np.ones((HEIGHT // 12, WIDTH // 12, 1))).astype(np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for places, centre in zip(spots, camera, strict=True):
        x, y = round(float(centre[0]) * WIDTH), round(float(centre[1]) * HEIGHT)
        image = np.roll(scene, (-y, -x), axis=(0, 1))[:HEIGHT, :WIDTH].copy()
        for number, (u, v) in enumerate(places):
            px, py = (0.5 + u - centre[0]) * WIDTH, (0.5 + v - centre[1]) * HEIGHT
            near = (columns - px) ** 2 + (rows - py) ** 2 < (0.06 * WIDTH) ** 2
            image[near] = (255, 230 - 200 * (number % 2), 30)
        yield image


def write_avi(path: Path, pictures: Iterator[Picture], rate: float) -> None:
    """Write an AVI file, the format of the official copies."""
    write_video(path, pictures, rate, codec="mjpeg", pixel_format="yuvj420p", options={"qscale": "4"})


def make_tasd2(root: Path, *, count: int = 12, frames: int = 24, seed: int = 0) -> Path:
    """A TASD-2 set of two synchronised spots, with a mirrored copy of every original; returns `root`.

    Synchronisation depends on how closely the second spot follows the first; execution is random. The final score is
    difficulty x (.6 execution + .4 synchronisation). Half of the originals are 3 m, half 10 m. Every fourth of an event
    is in the test part.
    """
    relation = Relation.draw(2, seed, symmetric=True)  # the two divers are equal, as in the paper's table 6
    fall = np.linspace(-0.35, 0.35, frames)[:, None] * [0.0, 1.0]
    lines = ["video,final,execution,synchronisation,difficulty,split,original,event"]
    for index in range(count):
        rng = np.random.default_rng([seed, 2, index])
        quality, execution = float(rng.uniform(0, 1)), round(float(rng.uniform(4, 9.5)), 1)
        signals = follow(rng, relation, quality, frames, 25.0)
        spots = [0.05 * signal + fall + [side, 0.0] for signal, side in zip(signals, (-0.15, 0.15), strict=True)]
        pictures = list(draw_spots(np.stack(spots, axis=1), np.zeros((frames, 2)), index))
        event, split = ("3m", "10m")[index % 2], "test" if index // 2 % 4 == 3 else "train"
        together, difficulty = round(10 * quality, 1), (2.0, 3.1, 3.4)[index % 3]
        final = f"{difficulty * (0.6 * execution + 0.4 * together):.2f}"
        for turn, tail, original in ((1, "", ""), (-1, "_mirrored", f"{event}/{index:03d}")):
            name = f"{event}/{index:03d}{tail}.mp4"
            write_video(root / name, (picture[:, ::turn] for picture in pictures), 25.0)
            lines.append(f"{name},{final},{execution},{together},{difficulty},{split},{original},{event}")
    write_text(root / "labels.csv", "\n".join(lines) + "\n")
    return root


def athlete_and_camera(
    rng: np.random.Generator, seed: int, quality: float, frames: int, texture: int
) -> Iterator[Picture]:
    """The pictures of an athlete whom a camera follows, more closely at higher quality."""
    athlete, camera = (0.08 * signal for signal in follow(rng, Relation.draw(2, seed), quality, frames, 25.0))
    return draw_spots(athlete[:, None], camera, texture)


def make_aqa7(root: Path, *, count: int = 6, frames: int = 24, seed: int = 0) -> Path:
    """An AQA-7 set: one spot and a camera that follows it more closely at higher scores; returns `root`.

    The lists are in hundredths of a point and have a duplicate row; the last action lacks its last video. The second
    of every three videos of an action is in the test part.
    """
    rows: dict[str, list[tuple[int, int, int]]] = {"train": [], "test": []}
    for action, name in enumerate(ACTIONS, start=1):
        for index in range(1, count + 1):
            rng = np.random.default_rng([seed, 7, action, index])
            quality = float(rng.uniform(0, 1))
            rows["test" if index % 3 == 2 else "train"].append((action, index, round(100 * (20 + 80 * quality))))
            if (action, index) == (len(ACTIONS), count):
                continue
            pictures = athlete_and_camera(rng, seed, quality, frames, action)
            write_avi(root / "Actions" / name / f"{index:03d}.avi", pictures, 25.0)
    for side, listed in rows.items():
        matrix = np.array([*listed, *listed[:1]], dtype=np.float64)
        write_matrix(root / "Split_4" / f"split_4_{side}_list.mat", f"consolidated_{side}_list", matrix)
    return root


def write_matrix(path: Path, variable: str, values: NDArray[np.floating]) -> None:
    """Write a MATLAB file with one matrix."""
    import scipy.io

    with atomic_path(path) as temporary:
        scipy.io.savemat(str(temporary), {variable: values}, appendmat=False, do_compression=True)
