"""Four processes score, extract, re-extract with other settings and prune one cache, and kill each other.

Whatever is printed meanwhile must be right: each score equals that of an undisturbed run, or its video has an error.
Afterwards an undisturbed run on the same cache gives every score, and every output equals the undisturbed one.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.bench import Bench, Outcome, damaged, differing
from benchmarks.faults.forked_command import Done, Forked
from benchmarks.faults.small_world import World, scores_of
from data.store.files import TEMPORARY

PROCESSES = 4
OTHER = ("--set", "camera_flow.columns=6", "--set", "pose.cleaning.smoothing_s=0.1")
"""Settings with which the outputs of the others become stale."""

ACTIONS = {
    **{"score": 8, "extract": 4, "other settings": 4},
    **{"prune": 2, "prune others": 2, "collect garbage": 1, "kill": 8},
}
"""What a free process does next, and how often."""

LIMIT_S = 120


@dataclass
class _Slot:
    forked: Forked
    action: str
    started: float = field(default_factory=time.monotonic)
    killed: bool = False


def stress(bench: Bench, minutes: float, seed: int = 0) -> Outcome:
    """Run for so long; see the module's text."""
    outcome, world, drawn = Outcome("stress"), bench.world, random.Random(seed)
    place = bench.fresh("stress")
    place.mkdir()
    actions, ends, errors = Counter[str](), Counter[str](), Counter[str]()
    slots: list[_Slot] = []
    end = time.monotonic() + 60 * minutes
    while slots or time.monotonic() < end:
        while len(slots) < PROCESSES and time.monotonic() < end:
            (action,) = drawn.choices(list(ACTIONS), list(ACTIONS.values()))
            alive = [slot for slot in slots if not slot.killed]
            if action != "kill":
                actions[action] += 1
                workers = "1" if drawn.random() < 0.05 else "0"
                slots.append(_Slot(Forked(_command(action, world, place, workers), place, [place], LIMIT_S), action))
            elif alive and drawn.random() < 0.5:
                victim = drawn.choice(alive)
                victim.killed = True
                victim.forked.kill_alone()
                outcome.disturbed += 1
            else:
                time.sleep(drawn.uniform(0, 0.2))
        for slot in list(slots):
            done = slot.forked.poll()
            if done is not None:
                slots.remove(slot)
                outcome.unfinished += slot.killed and done.code == -9
                ends["killed" if done.code == -9 else "hangs" if done.code is None else str(done.code)] += 1
                outcome.wrong += _wrong(slot, done, world, errors)
        outcome.damaged += damaged(place / "cache") if drawn.random() < 0.02 else 0
        time.sleep(0.005)
    time.sleep(1)  # the last orphan has noticed by now
    last = Forked(_command("score", world, place, "0"), place, [place], LIMIT_S)
    while (done := last.poll()) is None:
        time.sleep(0.01)
    outcome.wrong += done.code != 0 or scores_of(done) != world.scores
    outcome.wrong += differing(world.cache, place / "cache")
    outcome.left += sum(1 for _ in (place / "cache").rglob(f"{TEMPORARY}*"))
    outcome.counts = {
        "actions": actions,
        "kills": outcome.disturbed,
        "ends": ends,
        "errors": dict(errors.most_common(30)),
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


def _wrong(slot: _Slot, done: Done, world: World, errors: Counter[str]) -> int:
    """How much of what a command printed is wrong; counts the sentences of its errors."""
    if done.code == -9:
        return 0
    wrong = int("Traceback" in done.err or done.code not in (0, 1, 2) or bool(done.outside))
    if wrong:
        errors[f"{slot.action}: exit code {done.code}: {done.err[-400:]} {done.outside[:2]}"] += 1
    if slot.action == "score" and done.code in (0, 1):
        for row in json.loads(done.out)["videos"]:
            wrong += row["score"] is not None and row["score"] != world.scores[row["id"]]
            wrong += row["score"] is None and done.code == 0
            if row["error"]:
                errors[f"{slot.action}: {row['error']}"] += 1
    elif done.code:
        lines = [line for line in done.err.splitlines() if line.startswith(("error", "failed"))]
        errors[f"{slot.action}: {lines[0] if lines else done.err[-200:]}"] += 1
    return wrong
