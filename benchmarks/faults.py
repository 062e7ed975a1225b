"""Kills, full disks, read-only caches, wrong clocks and changing inputs: what is left, and is it right?

    python -m benchmarks.faults [--kills 200] [--out FILE]

Every scenario ends with an undisturbed run; then each output must be whole and equal, array for array, to the one of a
run that nothing disturbed. During the scenario every output that has its final name is read and checked. Counted are

    disturbed    kills, or runs that hit the fault
    unfinished   disturbances that came before the run had ended
    damaged      outputs under their final name that were not whole (must be 0)
    wrong        outputs that differ from the undisturbed ones in the end (must be 0)
    left         temporaries that the last run did not sweep (must be 0)

The Ray scenario runs where Ray is installed, those that mount a small file system where mounting is allowed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from data import store
from data.errors import CacheError
from data.files import TEMPORARY
from data.video_writer import write_video
from data.videos import find_videos
from pipeline.cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.extract import Summary, pick_engine, run_extract
from pipeline.extraction.runner import Planner

ROOT = Path(__file__).resolve().parent.parent
STAGE = "camera_flow"
VIDEOS = 12
BY_HAND = 10
"""Kills of one worker while the run goes on, per engine."""

Hooks = dict[str, Any]


@dataclass
class Outcome:
    """What one scenario did; see the module's text."""

    scenario: str
    disturbed: int = 0
    unfinished: int = 0
    damaged: int = 0
    wrong: int = 0
    left: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Nothing damaged, wrong or left, and the scenario did disturb something."""
        return not (self.damaged or self.wrong or self.left) and self.disturbed > 0


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
    chosen = pick_engine(engine, config)
    try:
        return run_extract(find_videos([videos]).records, config, kept, planner, engine=chosen, **hooks)
    finally:
        kept.close()


def command(videos: Path, cache: Path, workers: int) -> list[str]:
    """`extract` as a person types it."""
    program = [sys.executable, str(ROOT / "run_pipeline.py"), "extract", str(videos), "--cache", str(cache)]
    return [*program, "--stages", STAGE, "--workers", str(workers)]


def damaged(cache: Path) -> int:
    """Outputs under their final name that cannot be read whole."""
    count = 0
    for path in cache.rglob("*.h5"):
        if not path.name.startswith("."):
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
        same = ours.header == theirs.header and all(
            np.array_equal(array.values, theirs.output.arrays[name].values, equal_nan=array.values.dtype.kind == "f")
            for name, array in ours.output.arrays.items()
        )
        count += not same
    return count


def killed_runs(bench: Bench, kills: int) -> Outcome:
    """The whole run is killed at a random moment, again and again on one cache.

    Runs are forked from this process, which has everything imported, so that the kills fall into the work. A finished
    cache is thrown away, so that there is always something to interrupt.
    """
    outcome = Outcome("kill the run (forked)")
    cache, times = bench.fresh("killed"), random.Random(1)
    context = multiprocessing.get_context("fork")
    took = _typical_seconds(bench, context)
    for _ in range(kills):
        process = context.Process(target=run_in_process, args=(bench.videos, cache), daemon=True)
        process.start()
        process.join(times.uniform(0.02, took))
        outcome.disturbed += 1
        outcome.unfinished += process.is_alive()
        process.kill()
        process.join()
        outcome.damaged += damaged(cache)
        if len([p for p in cache.rglob("*.h5") if not p.name.startswith(".")]) == len(list(bench.whole.rglob("*.h5"))):
            outcome.wrong += differing(bench.whole, cache)
            shutil.rmtree(cache)
    return bench.judge(outcome, cache)


def _typical_seconds(bench: Bench, context: Any) -> float:
    start = time.monotonic()
    process = context.Process(target=run_in_process, args=(bench.videos, bench.fresh("timed")))
    process.start()
    process.join(timeout=300)
    process.kill()
    return time.monotonic() - start


def killed_commands(bench: Bench, kills: int) -> Outcome:
    """The same with the real command and a child process: children must die with it."""
    outcome = Outcome("kill the command, 1 worker")
    cache, times = bench.fresh("commands"), random.Random(2)
    for _ in range(kills):
        process = subprocess.Popen(command(bench.videos, cache, 1), stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(times.uniform(0.5, 3.5))
        outcome.disturbed += 1
        outcome.unfinished += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        outcome.damaged += damaged(cache)
    time.sleep(0.5)  # the last orphan has noticed by now
    return bench.judge(outcome, cache)


def killed_workers(bench: Bench, kills: int) -> Outcome:
    """One of two local workers is killed in the middle of a video: that video fails by name, the rest goes on."""
    outcome = Outcome("kill a worker (local)")
    cache = bench.fresh("workers")

    def kill(*_: object) -> None:
        children = multiprocessing.active_children()
        if outcome.disturbed < kills and children and random.random() < 0.2:
            outcome.disturbed += 1
            os.kill(random.choice(children).pid or 0, signal.SIGKILL)

    hooks: Hooks = {"on_frames": kill, "workers": 2, "retry_failed": True}
    _until(lambda: outcome.disturbed >= kills, lambda: run_in_process(bench.videos, cache, **hooks), cache, outcome)
    return bench.judge(outcome, cache)


def killed_actors(bench: Bench, kills: int) -> Outcome:
    """A Ray worker is killed; its video is done by another."""
    import ray

    outcome = Outcome("kill a worker (Ray)")
    cache = bench.fresh("actors")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

    def kill(*_: object) -> None:
        pids = [pid for pid in _actors() if pid]
        if outcome.disturbed < kills and pids and random.random() < 0.3:
            outcome.disturbed += 1
            with suppress(ProcessLookupError):
                os.kill(random.choice(pids), signal.SIGKILL)

    hooks: Hooks = {"on_frames": kill, "on_result": kill, "workers": 2, "engine": "ray", "retry_failed": True}
    _until(lambda: outcome.disturbed >= kills, lambda: run_in_process(bench.videos, cache, **hooks), cache, outcome)
    ray.shutdown()
    return bench.judge(outcome, cache)


def _actors() -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"ray::RayWorker" in (process / "cmdline").read_bytes():
                yield int(process.name)


def _until(enough: Callable[[], bool], run: Callable[[], Summary], cache: Path, outcome: Outcome) -> None:
    """Run on an emptied cache until enough was disturbed, at most fifty times."""
    for _ in range(50):
        before = outcome.disturbed
        summary = run()
        outcome.unfinished += min(len(summary.failed), outcome.disturbed - before)
        outcome.damaged += damaged(cache)
        if enough():
            return
        shutil.rmtree(cache)


def many_processes(bench: Bench, count: int) -> Outcome:
    """Several commands fill one cache at once."""
    outcome = Outcome(f"{count} commands on one cache")
    cache = bench.fresh(f"many-{count}")
    started = [
        subprocess.Popen(command(bench.videos, cache, 0), stderr=subprocess.PIPE, text=True) for _ in range(count)
    ]
    while any(process.poll() is None for process in started):
        outcome.damaged += damaged(cache)
        time.sleep(0.3)
    for process in started:
        _, said = process.communicate()
        outcome.disturbed += 1
        if process.returncode:
            outcome.notes.append(said.strip().splitlines()[-1] if said.strip() else f"code {process.returncode}")
    return bench.judge(outcome, cache)


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[bool]:
    """A file system of that size at `place`; False where mounting is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    options = f"size={kilobytes}k"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", str(place)], capture_output=True, check=False)


def remount(place: Path, options: str) -> None:
    """Change a mounted small disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], capture_output=True, check=True)


def full_disk(bench: Bench) -> Outcome:
    """The disk of the cache is full in the middle of a write; then it has room again."""
    outcome = Outcome("disk full, then not")
    size = sum(path.stat().st_size for path in bench.whole.rglob("*.h5"))
    with small_disk(bench.folder / "small", size // 2048) as mounted:
        if not mounted:
            outcome.notes.append("skipped: mounting is not allowed here")
            return outcome
        cache = bench.folder / "small/cache"
        summary = run_in_process(bench.videos, cache)
        outcome.disturbed += 1
        outcome.unfinished += bool(summary.failed)
        reasons = sorted({why for result in summary.failed for why in result.failed.values()})
        outcome.notes.append(f"{len(summary.failed)} videos: {'; '.join(reasons)}")
        outcome.damaged += damaged(cache)
        remount(cache.parent, f"size={size // 1024 * 3 + 4096}k")
        again = run_in_process(bench.videos, cache)  # without being asked to retry
        outcome.wrong += len(again.failed)
        return bench.judge(outcome, cache)


def read_only(bench: Bench) -> Outcome:
    """The cache cannot be written: what is fresh is found, a new video fails by name, nothing else happens."""
    outcome = Outcome("read-only cache")
    with small_disk(bench.folder / "fixed", 1 << 16) as mounted:
        if not mounted:
            outcome.notes.append("skipped: mounting is not allowed here")
            return outcome
        cache = bench.folder / "fixed/cache"
        shutil.copytree(bench.whole, cache)
        gone = sorted((cache / STAGE).rglob("*.h5"))[0]
        gone.unlink()
        remount(cache.parent, "ro")
        summary = run_in_process(bench.videos, cache)
        outcome.disturbed += 1
        outcome.unfinished += bool(summary.failed)
        fresh = len(list(bench.whole.rglob("*.h5"))) - 1
        outcome.wrong += summary.fresh != fresh
        outcome.notes += [f"{summary.fresh} fresh; {next(iter(r.failed.values()))}" for r in summary.failed]
        remount(cache.parent, "rw")
        return bench.judge(outcome, cache)


def clock_back(bench: Bench) -> Outcome:
    """Everything seems to be from the future; a video then changes under an older date than the one it had."""
    outcome = Outcome("clock set back")
    videos, cache = bench.fresh("clock-in"), bench.fresh("clock")
    shutil.copytree(bench.videos, videos)
    run_in_process(videos, cache)
    ahead = time.time() + 400 * 86400
    for path in (*videos.rglob("*.mp4"), *cache.rglob("*.h5")):
        os.utime(path, (ahead, ahead))
    outcome.wrong += len(run_in_process(videos, cache).results)
    changed, other = sorted(videos.rglob("*.mp4"))[:2]
    changed.write_bytes(other.read_bytes())
    os.utime(changed, (0, 0))
    summary = run_in_process(videos, cache)
    outcome.disturbed += 2
    outcome.unfinished += 1
    outcome.wrong += [result.record.path for result in summary.results] != [changed]
    outcome.notes.append("the changed video alone ran again" if not outcome.wrong else "the wrong videos ran")
    whole = bench.fresh("clock-whole")
    run_in_process(videos, whole)
    return bench.judge(outcome, cache, videos, whole)


def changing_input(bench: Bench) -> Outcome:
    """A video is replaced while it is read, and another one between planning and reading."""
    outcome = Outcome("input changes meanwhile")
    videos, cache = bench.fresh("changing-in"), bench.fresh("changing")
    shutil.copytree(bench.videos, videos)
    paths = sorted(videos.rglob("*.mp4"))
    lock = threading.Lock()

    def change(video: str, done: int, total: int, _: tuple[str, ...]) -> None:
        with lock:
            if done == 3 and not outcome.disturbed:
                outcome.disturbed += 2
                for target in (videos / video, next(p for p in reversed(paths) if p != videos / video)):
                    swap = target.with_suffix(".new")
                    shutil.copy(paths[1], swap)
                    os.replace(swap, target)

    summary = run_in_process(videos, cache, on_frames=change)
    outcome.unfinished += len(summary.failed)
    outcome.notes += sorted({why for result in summary.failed for why in result.failed.values()})
    outcome.wrong += len(summary.failed) != 2
    outcome.damaged += damaged(cache)
    outcome.wrong += len(run_in_process(videos, cache).failed)  # both run again without being asked to
    whole = bench.fresh("changing-whole")
    run_in_process(videos, whole)
    return bench.judge(outcome, cache, videos, whole)


def scenarios(kills: int) -> Iterator[tuple[str, Callable[[Bench], Outcome]]]:
    """All of them, in order."""
    yield "kill", lambda bench: killed_runs(bench, kills)
    yield "command", lambda bench: killed_commands(bench, max(1, kills // 20))
    yield "worker", lambda bench: killed_workers(bench, min(BY_HAND, kills))
    if find_spec("ray"):
        yield "ray", lambda bench: killed_actors(bench, min(BY_HAND, kills))
    yield "two", lambda bench: many_processes(bench, 2)
    yield "eight", lambda bench: many_processes(bench, 8)
    yield "full", full_disk
    yield "read-only", read_only
    yield "clock", clock_back
    yield "input", changing_input


def show(outcomes: list[Outcome], console: Console) -> None:
    """The table."""
    table = Table(title="faults: what is left and is it right?", title_justify="left")
    for name in ("scenario", "disturbed", "unfinished", "damaged", "wrong", "left", "seconds", "notes"):
        table.add_column(name, justify="left" if name in ("scenario", "notes") else "right", overflow="fold")
    for outcome in outcomes:
        cells = [str(getattr(outcome, name)) for name in ("disturbed", "unfinished", "damaged", "wrong", "left")]
        table.add_row(outcome.scenario, *cells, f"{outcome.seconds:.0f}", "; ".join(outcome.notes[:3]))
    console.print(table)


def main() -> None:
    """Run all scenarios, print the table, write the JSON; exit code 1 where one is not passed."""
    parser = argparse.ArgumentParser(description="What faults leave behind.")
    parser.add_argument("--kills", type=int, default=200, help="kills of the whole run")
    parser.add_argument("--only", default="", help="scenarios, comma separated")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/faults.json"))
    asked = parser.parse_args()
    console = Console(width=150)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="aim-faults-") as folder:
        bench = Bench(Path(folder))
        for name, scenario in scenarios(asked.kills):
            if asked.only and name not in asked.only.split(","):
                continue
            start = time.monotonic()
            outcome = scenario(bench)
            outcome.seconds = time.monotonic() - start
            console.print(f"{outcome.scenario}: {'passed' if outcome.passed else 'see the table'}")
            outcomes.append(outcome)
    show(outcomes, console)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps([asdict(o) | {"passed": o.passed} for o in outcomes], indent=1) + "\n")
    skipped = [o for o in outcomes if any(note.startswith("skipped") for note in o.notes)]
    sys.exit(any(not o.passed for o in outcomes if o not in skipped))


if __name__ == "__main__":
    main()
