"""A whole installation in a folder: labelled videos with keypoint files, a trained model, new videos, a filled cache.

The stages are cheap (`pose` from files, `camera_flow`), so that a command takes a fraction of a second.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.faults.forked_command import Done, preload
from data.video import write_video
from synthetic.tiny_jigsaws import make_jigsaws

SETTINGS: dict[str, Any] = {
    "name": "faults",
    "stages": ["timesteps"],
    "run": {"workers": 0},
    "pose": {"backend": "import", "agents": 1},
    "camera_flow": {"columns": 4, "rows": 2},
    "timesteps": {"steps": 4, "primary": "pose:0", "secondary": ["camera_flow"], "scene": ""},
    "train": {"runs": 2, "epochs": 4},
    "model": {"width": 4, "regression_width": 4},
}
TRAINING, NEW, FRAMES = 8, 3, 10
SIZE = (96, 128)


def write_film(path: Path, number: int, frames: int = FRAMES) -> None:
    """A small video of a texture that moves, with a keypoint file of one person beside it."""
    rng = np.random.default_rng(number)
    picture = rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    write_video(path, (np.roll(picture, (number + 1) * i, axis=1) for i in range(frames)), 25)
    body = np.concatenate([rng.uniform(20, 70, (17, 2)), np.full((17, 1), 0.8)], axis=1)
    people = []
    for frame in range(frames):
        joints = body + np.array([number * frame / 4, rng.uniform(0, 2), 0])
        people.append({"image_id": frame, "category_id": 1, "score": 0.9, "keypoints": joints.ravel().tolist()})
    path.with_suffix(".json").write_text(json.dumps(people))


class World:
    """The folders, all below one: nothing of it is written after it was made.

    Attributes:
        train: labelled videos, with `scores.csv`.
        new: videos to score.
        config: the YAML file of all commands.
        run: the trained run.
        cache: filled by scoring the new videos.
        scores: of the new videos by id.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.train, self.new, self.run, self.cache = (folder / name for name in ("train", "new", "run", "cache"))
        self.config = folder / "world.yaml"
        for number in range(TRAINING):
            write_film(self.train / f"{number}.mp4", number)
        for number in range(NEW):
            write_film(self.new / f"day/{number}.mp4", TRAINING + number)
        with (self.train / "scores.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([("video", "score"), *((f"{n}.mp4", 5 + 3 * n) for n in range(TRAINING))])
        settings = {**SETTINGS, "dataset": {"root": str(self.train)}, "cache": str(folder / "training-cache")}
        self.config.write_text(yaml.safe_dump(settings))
        options = ["--config", str(self.config)]
        self._made("extract", *options)
        self._made("pack", *options, "--out", str(folder / "pack.h5"))
        make_jigsaws(folder / "jigsaws", trials=3, tasks=["Suturing"], rows=40, videos=False)
        self._made("train", *options, "--out", str(self.run), "--folds", "2")
        score = ["score", str(self.new), "--model", str(self.run), "--cache", str(self.cache), "--json"]
        self.scores = scores_of(self._made(*score))
        self._first = self._state()

    def _made(self, *arguments: str) -> Done:
        done = preload(arguments, self.folder, [self.folder])
        if done.code:
            raise SystemExit(f"{' '.join(arguments)}: {done.err}")
        return done

    def changed(self) -> list[str]:
        """Files of this folder that are new, gone, or not as they were when it was made, or last looked at."""
        first, self._first = self._first, self._state()
        return sorted(name for name in {*first, *self._first} if first.get(name) != self._first.get(name))

    def _state(self) -> dict[str, tuple[int, int]]:
        facts = {}
        for path in self.folder.rglob("*"):
            if "home" not in path.parts and not path.is_dir():
                status = path.lstat()
                facts[str(path.relative_to(self.folder))] = status.st_mtime_ns, status.st_size
        return facts

    def copy(self, name: str, target: Path) -> Path:
        """A copy of one of the folders."""
        return Path(shutil.copytree(self.folder / name, target, symlinks=True))


def scores_of(done: Done) -> dict[str, float | None]:
    """The scores that `score --json` printed, by the video's id."""
    return {row["id"]: row["score"] for row in json.loads(done.out)["videos"]}
