"""The disk is full or read-only, the clock is wrong, the input changes meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.bench import STAGE, Bench, Outcome, damaged, run_in_process


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
