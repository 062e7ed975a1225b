"""What the scenarios share: the videos, the undisturbed cache, runs, and the judgement of what is left."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.small_world import World
from data.errors import CacheError
from data.store import files_below
from data.store import hdf5 as store
from data.store.files import TEMPORARY
from data.video import find_videos, write_video
from pipeline.cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.run import Planner, Summary, run_extract
from pipeline.run.engine import pick_pool

ROOT = Path(__file__).resolve().parent.parent.parent
STAGE = "camera_flow"
VIDEOS = 12


@dataclass
class Outcome:
    """What one scenario did; see the text of `benchmarks.faults`."""

    scenario: str
    disturbed: int = 0
    unfinished: int = 0
    damaged: int = 0
    wrong: int = 0
    left: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    must_interrupt: bool = False

    @property
    def skipped(self) -> bool:
        """Whether it could not be tried here."""
        return any(note.startswith("skipped") for note in self.notes)

    @property
    def passed(self) -> bool:
        """Nothing damaged, wrong or left, and the scenario did disturb something; kills must come before the end."""
        disturbed = self.unfinished if self.must_interrupt else self.disturbed
        return not (self.damaged or self.wrong or self.left) and disturbed > 0


class Bench:
    """Videos, the undisturbed cache, and a folder for the scenarios.

    Args:
        folder: where everything is made.
        videos: how many.
        frames: of each.
    """

    def __init__(self, folder: Path, videos: int = VIDEOS, frames: int = 12) -> None:
        self.folder = folder
        self.videos = folder / "in"
        picture = np.random.default_rng(3).integers(0, 255, (96, 128, 3), dtype=np.uint8)
        for number in range(videos):
            pictures = (np.roll(picture, (number + 1) * i, axis=1) for i in range(frames))
            write_video(self.videos / f"{number % 3}/{number:02}.mp4", pictures, 25)
        self.whole = folder / "whole"
        forked = multiprocessing.get_context("fork").Process(target=run_in_process, args=(self.videos, self.whole))
        forked.start()  # this process starts no threads yet, so that it can be forked again and again
        forked.join(timeout=300)

    @cached_property
    def world(self) -> World:
        """A trained model with its videos, made when a scenario first asks for it."""
        return World(self.folder / "world")

    def fresh(self, name: str) -> Path:
        """An empty place for a cache."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        return place

    def judge(self, outcome: Outcome, cache: Path, videos: Path | None = None, whole: Path | None = None) -> Outcome:
        """Run undisturbed on what the scenario left, then compare."""
        summary = run_in_process(videos or self.videos, cache, retry_failed=True)
        for result in summary.failed:
            outcome.notes.append(f"failed: {result.record.id}: {next(iter(result.failed.values()))}")
        outcome.wrong += differing(whole or self.whole, cache)
        outcome.left += sum(1 for _ in cache.rglob(f"{TEMPORARY}*"))
        return outcome


def configured(cache: Path, workers: int = 0, **run: float) -> BaseConfig:
    """One stage, everything else as it comes."""
    return validate({"stages": [STAGE], "cache": str(cache), "run": {"workers": workers, **run}})


def run_in_process(
    videos: Path, cache: Path, *, workers: int = 0, engine: str = "local", retry_failed: bool = False, **hooks: Any
) -> Summary:
    """`extract` without the command line."""
    config = configured(cache, workers)
    kept = Cache(cache)
    planner = Planner(config, kept, retry_failed=retry_failed)
    pool = pick_pool(engine, config.run)
    try:
        return run_extract(find_videos([videos]).records, planner, pool=pool, **hooks)
    finally:
        kept.close()


def command(videos: Path, cache: Path, workers: int) -> list[str]:
    """`extract` as a person types it."""
    program = [sys.executable, str(ROOT / "run_pipeline.py"), "extract", str(videos), "--cache", str(cache)]
    return [*program, "--stages", STAGE, "--workers", str(workers)]


def damaged(cache: Path) -> int:
    """Outputs under their final name that cannot be read whole."""
    count = 0
    for path, _ in files_below(cache):
        if path.suffix == ".h5" and not path.name.startswith("."):
            try:
                store.read(path)
            except FileNotFoundError:
                continue
            except CacheError:
                count += 1
    return count


def differing(whole: Path, cache: Path) -> int:
    """Outputs of the undisturbed run that are missing or differ in any array."""
    count = 0
    for path in whole.rglob("*.h5"):
        try:
            ours, theirs = store.read(path), store.read(cache / path.relative_to(whole))
        except (FileNotFoundError, CacheError):
            count += 1
            continue
        count += not (ours.header == theirs.header and equal_arrays(ours, theirs))
    return count


def equal_arrays(ours: store.Stored, theirs: store.Stored) -> bool:
    """Whether two outputs hold the same arrays."""
    return ours.output.arrays.keys() == theirs.output.arrays.keys() and all(
        np.array_equal(array.values, theirs.output.arrays[name].values, equal_nan=array.values.dtype.kind == "f")
        for name, array in ours.output.arrays.items()
    )
