"""Runs, commands and workers that are killed, and many commands on one cache."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.faults.bench import Bench, Outcome, command, damaged, differing, run_in_process
from pipeline.run import Summary

Hooks = dict[str, Any]


def killed_runs(bench: Bench, kills: int) -> Outcome:
    """The whole run is killed at a random moment, again and again on one cache.

    Runs are forked from this process, which has everything imported, so that the kills fall into the work. A finished
    cache is thrown away, so that there is always something to interrupt.
    """
    outcome = Outcome("kill the run (forked)", must_interrupt=True)
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
        _look_at(cache, bench, outcome)
    return bench.judge(outcome, cache)


def _look_at(cache: Path, bench: Bench, outcome: Outcome) -> None:
    """Count what a kill has damaged; a finished cache is compared and thrown away."""
    outcome.damaged += damaged(cache)
    if len([p for p in cache.rglob("*.h5") if not p.name.startswith(".")]) == len(list(bench.whole.rglob("*.h5"))):
        outcome.wrong += differing(bench.whole, cache)
        shutil.rmtree(cache)


def _typical_seconds(bench: Bench, context: Any) -> float:
    start = time.monotonic()
    process = context.Process(target=run_in_process, args=(bench.videos, bench.fresh("timed")))
    process.start()
    process.join(timeout=300)
    process.kill()
    return time.monotonic() - start


def killed_commands(bench: Bench, kills: int) -> Outcome:
    """The same with the real command and a child process: children must die with it."""
    outcome = Outcome("kill the command, 1 worker", must_interrupt=True)
    cache, times = bench.fresh("commands"), random.Random(2)
    start = time.monotonic()
    subprocess.run(command(bench.videos, bench.fresh("timed"), 1), capture_output=True, check=True)
    took = time.monotonic() - start
    for _ in range(kills):
        process = subprocess.Popen(command(bench.videos, cache, 1), stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(times.uniform(0.2 * took, took))
        outcome.disturbed += 1
        outcome.unfinished += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        _look_at(cache, bench, outcome)
    time.sleep(0.5)  # the last orphan has noticed by now
    return bench.judge(outcome, cache)


def killed_workers(bench: Bench, kills: int) -> Outcome:
    """One of two local workers is killed in the middle of a video, which starts again; twice, it fails by name."""
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
