"""Caches that hold files of others, are shared by runs, are damaged unnoticed, or lose workers to the system."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.faults.bench import (
    ROOT,
    STAGE,
    Bench,
    Outcome,
    command,
    configured,
    damaged,
    equal_arrays,
    run_in_process,
)
from data.errors import UsageError
from data.store import hdf5 as store
from data.store.files import TEMPORARY
from data.video import Record, find_videos
from pipeline.cache import Cache, collect_garbage
from pipeline.observer import Observer
from pipeline.run import Planner, extract_and_read, prune

ADDRESS_SPACE = 1 << 30
"""Bytes of `ulimit -v`: enough to start, too few for the work."""

WRITER = """
import os, sys, time
from pathlib import Path
from data.store import atomic_path
os.getpid = lambda: 999_999_999
with atomic_path(Path(sys.argv[1])):
    print("writing", flush=True)
    time.sleep(60)
"""
"""Writes a file under a process number that is nobody's here, as a process of another container does."""


def foreign_files(bench: Bench) -> Outcome:
    """Housekeeping in a folder that is no cache, and in a cache that holds files of other programs."""
    outcome = Outcome("housekeeping among files of others")
    project, cache = bench.fresh("project"), bench.fresh("foreign")
    shutil.copytree(bench.whole, cache)
    theirs = [project / "models/best.h5", cache / STAGE / "notes.h5", cache / "models/best.h5", cache / ".runs/a.jsonl"]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not ours")
    for path in (*project.rglob("*.*"), *cache.rglob("*.*")):
        os.utime(path, (0, 0))
    for place in (project, cache):
        try:
            collect_garbage(configured(place), 0.0, 0.0, True, Observer())
            prune([configured(place)], [bench.videos / "0"], (), True, Observer())
        except UsageError as error:
            outcome.notes.append(error.what)
        outcome.disturbed += 1
    outcome.wrong += sum(not path.exists() for path in theirs) + (len(list(project.rglob("*"))) != 2)
    for path in theirs[1:]:
        path.unlink(missing_ok=True)
    return bench.judge(outcome, cache)


def mixed_videos(bench: Bench) -> Outcome:
    """Two runs on one cache take other videos of the same names; the second extracts before the first reads."""
    outcome = Outcome("two runs, same names, one cache")
    days = [bench.fresh("day-1"), bench.fresh("day-2")]
    shutil.copytree(bench.videos, days[0])
    for path, other in zip(
        sorted(days[0].rglob("*.mp4")), sorted(bench.videos.rglob("*.mp4"), reverse=True), strict=True
    ):
        target = days[1] / path.relative_to(days[0])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(other, target)
    config = configured(bench.fresh("mixed"))
    planner = Planner(config, Cache(config.cache))
    records = find_videos([days[0]]).records

    def read(record: Record, keys: Mapping[str, str]) -> store.Stored:
        return planner.cache.read(STAGE, record.id, keys[STAGE])

    def other_run(_: object) -> None:
        if not outcome.disturbed:
            run_in_process(days[1], config.cache)
            outcome.disturbed += 1

    values, errors = extract_and_read(records, planner, read, on_result=other_run)
    outcome.wrong += len(errors) + len(records) - len(values)
    for video_id, stored in values.items():
        whole = bench.whole / STAGE / Path(video_id).parent
        outcome.wrong += not equal_arrays(stored, store.read(next(whole.glob(f"{Path(video_id).name}.*.h5"))))
    planner.cache.close()
    return bench.judge(outcome, config.cache)


def no_memory(bench: Bench) -> Outcome:
    """The system's memory guard kills a worker once; a whole run lacks memory. Neither becomes the videos' fault."""
    outcome = Outcome("memory guard, ulimit -v")
    cache = bench.fresh("memory")

    def guard(*_: object) -> None:
        children = multiprocessing.active_children()
        if not outcome.disturbed and children:
            outcome.disturbed += 1
            os.kill(children[0].pid or 0, signal.SIGKILL)

    outcome.wrong += len(run_in_process(bench.videos, cache, workers=1, on_frames=guard).failed)
    shutil.rmtree(cache)
    limit = (ADDRESS_SPACE, ADDRESS_SPACE)
    subprocess.run(
        command(bench.videos, cache, 0), capture_output=True, check=False, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )  # fmt: skip
    outcome.disturbed += 1
    outcome.damaged += damaged(cache)
    kept = len(list(cache.rglob("*.failed.json")))
    outcome.wrong += kept + len(run_in_process(bench.videos, cache).failed)  # without being asked to retry
    outcome.notes.append(f"{kept} failures kept")
    return bench.judge(outcome, cache)


def unnoticed_damage(bench: Bench) -> Outcome:
    """A disk damages outputs, which shows when they are read."""
    outcome = Outcome("damage without a time stamp")
    config = configured(bench.fresh("rotten"))
    run_in_process(bench.videos, config.cache)
    planner = Planner(config, Cache(config.cache))
    for path in sorted(config.cache.rglob("*.h5"))[:3]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :: 50] = bytes(255 - byte for byte in content[len(content) // 2 :: 50])
        path.write_bytes(content)
        outcome.disturbed += 1
    records = find_videos([bench.videos]).records
    values, errors = extract_and_read(
        records, planner, lambda record, keys: planner.cache.read(STAGE, record.id, keys[STAGE]),
        note=outcome.notes.append,
    )  # fmt: skip
    outcome.wrong += len(errors) + len(records) - len(values) + (len(outcome.notes) != outcome.disturbed)
    planner.cache.close()
    return bench.judge(outcome, config.cache)


def one_host_name(bench: Bench) -> Outcome:
    """Another container under our host name writes into the cache while a run here sweeps it."""
    outcome = Outcome("two containers, one host name")
    cache = bench.fresh("container")
    target = cache / STAGE / "0/elsewhere.mp4.h5"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        run_in_process(bench.videos, cache)
        outcome.disturbed += 1
        outcome.wrong += len(list(target.parent.glob(f"{TEMPORARY}*"))) != 1
    finally:
        writer.kill()
        writer.wait()
    time.sleep(0.1)
    return bench.judge(outcome, cache)
