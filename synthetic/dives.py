"""A labelled data set of synchronised dives: rendered mp4 files, labels of simulated judges, and the truth.

    FOLDER/videos/dive_000.mp4 ...   H.264, 102 frames at 25 per second by default
    FOLDER/truth/dive_000.npz ...    keypoints, visibility, camera and hidden errors (`read_truth`)
    FOLDER/labels.csv                video, final, execution, synchronisation, difficulty, split, original, event

Dive number i depends only on the seed and i, so a longer data set contains the shorter one's videos. The split is drawn
over the whole set, so held-out dives span the same range of scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.store import atomic_path, write_text
from data.video import write_video
from synthetic.judging import ExecutionErrors, Scores, Shape, SynchronisationErrors, draw_errors, judge, shapes
from synthetic.rendering import Film, Options, Truth, film_dive

COLUMNS = ("video", "final", "execution", "synchronisation", "difficulty", "split", "original", "event")

EVENT = "10m"  # the column `event` of every dive: all are filmed from a platform

ENCODING = {"crf": "18", "preset": "veryfast"}
"""Options of x264; with `data.video.writer`, equal pictures give equal bytes."""

TEST_SHARE = 2 / 11  # share of held-out dives: 16 of 88; 4 of 24, which leaves 20 for 95 % intervals


@dataclass(frozen=True)
class Dive:
    """One dive of the data set, before or after rendering."""

    name: str  # file name without suffix, such as "dive_007"
    shape: Shape  # the kind of the dive
    execution: tuple[ExecutionErrors, ExecutionErrors]  # hidden errors of the first (left) and second (right) diver
    pair: SynchronisationErrors  # hidden errors of their synchronisation
    scores: Scores  # awards and labels
    split: str  # "train" or "test"
    key: tuple[int, int]  # (seed, number), which determines the dive

    @property
    def video(self) -> str:
        """Path of the video below the data set's folder."""
        return f"videos/{self.name}.mp4"


def plan_dives(count: int, seed: int) -> list[Dive]:
    """Draw `count` dives without rendering them. Raises ValueError: a negative count."""
    if count < 0:
        raise ValueError(f"cannot make {count} dives")
    dives, every_shape = [], shapes()
    for number in range(count):
        rng = np.random.default_rng([seed, 3, number])
        first, second, pair = draw_errors(rng)
        round_, place = divmod(number, len(every_shape))  # each round contains all shapes once, in random order
        order = np.random.default_rng([seed, 2, round_]).permutation(len(every_shape))
        shape = every_shape[int(order[place])]
        scores = judge(shape, first, second, pair, rng)
        dives.append(Dive(f"dive_{number:03d}", shape, (first, second), pair, scores, "train", (seed, number)))
    # Held out: two random dives of every eleven in the order of final scores.
    rng, ranked = np.random.default_rng([seed, 1]), sorted(range(count), key=lambda number: dives[number].scores.final)
    for block in (ranked[start : start + 11] for start in range(0, count, 11)):
        for number in rng.permutation(block)[: round(len(block) * TEST_SHARE)]:
            dives[number] = replace(dives[number], split="test")
    return dives


def render_dive(dive: Dive, folder: Path, options: Options) -> None:
    """Write one dive's video and truth below `folder`; can run in any process."""
    film = write_film(dive, folder / dive.video, options)
    with atomic_path(folder / "truth" / f"{dive.name}.npz") as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            **asdict(film.truth),
            execution_errors=np.array([astuple(errors) for errors in dive.execution]),
            pair_errors=np.array(astuple(dive.pair)),
            awards=np.array(dive.scores.awards),
            shape=np.array(dive.shape.code),
        )


def write_film(dive: Dive, path: Path, options: Options) -> Film:
    """Render one dive to a video."""
    film = film_of(dive, options)
    write_video(path, film.frames(), options.rate, options=ENCODING)
    return film


def film_of(dive: Dive, options: Options) -> Film:
    """A dive ready to be rendered."""
    rng = np.random.default_rng([dive.key[0], 4, dive.key[1]])
    return film_dive(dive.shape, dive.execution, dive.pair, rng, options)


def render_dives(folder: Path, count: int, seed: int, **options: Any) -> list[Dive]:
    """Render a data set (layout in the module's docstring); `labels.csv` is written last, so it means "complete".

    Equal seeds give equal bytes on one machine. `options` are fields of `Options`, such as frames=51.
    """
    dives = plan_dives(count, seed)
    for dive in dives:
        render_dive(dive, folder, Options(**options))
    write_labels(folder, dives)
    return dives


def write_labels(folder: Path, dives: list[Dive]) -> None:
    """Write `labels.csv` of `dives` in one step."""
    rows: list[Sequence[str]] = [COLUMNS]
    for dive in dives:
        s = dive.scores
        numbers = (f"{s.final:.2f}", f"{s.execution:.1f}", f"{s.synchronisation:.1f}", f"{s.difficulty:.1f}")
        rows.append((dive.video, *numbers, dive.split, dive.name, EVENT))
    write_text(folder / "labels.csv", "".join(f"{','.join(row)}\n" for row in rows))


def read_truth(path: Path) -> Truth:
    """The truth of a rendered dive from its .npz file."""
    with np.load(path, allow_pickle=False) as stored:
        return Truth(stored["time"], stored["keypoints"], stored["visible"], stored["camera"])
