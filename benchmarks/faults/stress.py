"""Four processes score, extract, re-extract with other settings and prune one cache, and kill each other.

Whatever is printed meanwhile must be right: each score equals that of an undisturbed run, or its video has an error.
Afterwards an undisturbed run on the same cache gives every score, and every output equals the undisturbed one.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.bench import Bench, Outcome, damaged, differing
from benchmarks.faults.forked_command import Done, Forked, run_forked
from benchmarks.faults.small_world import World, scores_of
from data.store.files import TEMPORARY

PROCESSES = 4
OTHER = ("--set", "camera_flow.columns=6", "--set", "pose.cleaning.smoothing_s=0.1")
"""Settings with which the outputs of the others become stale."""

ACTIONS = {"score": 8, "extract": 4, "other settings": 4, "prune": 2, "prune others": 2, "collect garbage": 1}
"""What a free process does next, and how often."""

KILLED, WITH_WORKER = 0.4, 0.05
"""Shares of the commands that are to be killed, and that extract in a worker of their own."""

LIMIT_S = 120


@dataclass
class _Slot:
    """A running command; `dies` is when it is killed, in seconds of the monotonic clock."""

    forked: Forked
    action: str
    started: float
    dies: float = float("inf")


def stress(bench: Bench, minutes: float, seed: int = 0) -> Outcome:
    """Run for so long; see the module's text."""
    outcome, world, drawn = Outcome("stress"), bench.world, random.Random(seed)
    place = bench.fresh("stress")
    actions, ends, errors = Counter[str](), Counter[str](), Counter[str]()
    slots: list[_Slot] = []
    end, typical = time.monotonic() + 60 * minutes, 1.0
    while slots or time.monotonic() < end:
        while len(slots) < PROCESSES and time.monotonic() < end:
            (action,) = drawn.choices(list(ACTIONS), list(ACTIONS.values()))
            actions[action] += 1
            command = _command(action, world, place, "1" if drawn.random() < WITH_WORKER else "0")
            slots.append(_Slot(Forked(command, place, [place], LIMIT_S), action, time.monotonic()))
            if drawn.random() < KILLED:
                slots[-1].dies = time.monotonic() + drawn.uniform(0.02, 1.5 * typical)
        for slot in list(slots):
            if time.monotonic() > slot.dies:
                slot.forked.kill_alone()
                slot.dies = float("inf")
                outcome.disturbed += 1
            done = slot.forked.poll()
            if done is not None:
                slots.remove(slot)
                outcome.unfinished += done.code == -9
                ends["killed" if done.code == -9 else "hangs" if done.code is None else str(done.code)] += 1
                outcome.wrong += _wrong(slot.action, done, world, errors)
                typical = 0.9 * typical + 0.1 * done.seconds
        outcome.damaged += damaged(place / "cache") if drawn.random() < 0.01 else 0
        time.sleep(0.005)
    time.sleep(1)  # the last orphan has noticed by now
    done = run_forked(_command("score", world, place, "0"), place, [place], LIMIT_S)
    outcome.wrong += done.code != 0 or scores_of(done) != world.scores
    outcome.wrong += differing(world.cache, place / "cache")
    outcome.left += sum(1 for _ in (place / "cache").rglob(f"{TEMPORARY}*"))
    outcome.counts = {
        "actions": dict(actions),
        "kills": outcome.disturbed,
        "ends": dict(ends),
        "errors": dict(errors.most_common()),
    }
    outcome.notes.append(f"{sum(actions.values())} commands, {outcome.disturbed} kills, {sum(errors.values())} errors")
    return outcome


def _command(action: str, world: World, place: Path, workers: str) -> list[str]:
    new, cache = str(world.new), ["--cache", str(place / "cache")]
    config = ["--config", str(world.config), *cache]
    lines = {
        "score": ["score", new, "--model", str(world.run), "--json", "--workers", workers, *cache],
        "extract": ["extract", new, "--workers", workers, *config],
        "other settings": ["extract", new, "--workers", workers, *config, *OTHER],
        "prune": ["cache", "prune", new, "--yes", *config],
        "prune others": ["cache", "prune", new, "--yes", *config, *OTHER],
        "collect garbage": ["cache", "gc", "--max-gb", "0", "--yes", *config],
    }
    return lines[action]


def _wrong(action: str, done: Done, world: World, errors: Counter[str]) -> int:
    """How much of what a command printed is wrong; counts the sentences of its errors."""
    if done.code == -9:
        return 0
    wrong = int("Traceback" in done.err or done.code not in (0, 1, 2) or bool(done.outside))
    if wrong:
        errors[f"{action}: exit code {done.code}: {done.err[-400:]} {done.outside[:2]}"] += 1
    if action == "score" and done.code in (0, 1):
        for row in json.loads(done.out)["videos"]:
            wrong += row["score"] is not None and row["score"] != world.scores[row["id"]]
            wrong += row["score"] is None and done.code == 0
            if row["error"]:
                errors[f"{action}: {row['error']}"] += 1
    elif done.code:
        lines = [line for line in done.err.splitlines() if line.startswith(("error", "failed"))]
        errors[f"{action}: {lines[0] if lines else done.err[-200:]}"] += 1
    return wrong
