"""Runs the scenarios, prints the tables and writes the JSON; see the package's text."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

import pipeline.cli  # noqa: F401 -- forked commands find it imported
from benchmarks.faults import inputs_and_models, shared
from benchmarks.faults.bench import Bench, Outcome
from benchmarks.faults.corpus import corpus
from benchmarks.faults.kills import killed_actors, killed_commands, killed_runs, killed_workers, many_processes
from benchmarks.faults.stress import stress
from benchmarks.faults.surroundings import changing_input, clock_back, full_disk, read_only

BY_HAND = 10
"""Kills of one worker while the run goes on, per engine."""

RIGHT = "outputs are whole and equal to the undisturbed ones"
LONG = ("corpus", "stress")
"""Scenarios that run only where they are named."""


@dataclass(frozen=True)
class Scenario:
    """One scenario: what is done, what must hold, how it is run, and whether it takes the small model."""

    done: str
    holds: str
    run: Callable[[Bench], Outcome]
    world: bool = False


def scenarios(kills: int, minutes: float, cases: int) -> dict[str, Scenario]:
    """All of them by name, in order; the second group follows the points of an attack."""
    named = {
        "kill": Scenario("the run is killed at any moment", RIGHT, partial(killed_runs, kills=kills)),
        "command": Scenario(
            "the command is killed with its worker", RIGHT, partial(killed_commands, kills=max(1, kills // 20))
        ),
        "worker": Scenario("a local worker is killed", RIGHT, partial(killed_workers, kills=min(BY_HAND, kills))),
        "ray": Scenario("a Ray worker is killed", RIGHT, partial(killed_actors, kills=min(BY_HAND, kills))),
        "two": Scenario("two commands fill one cache", RIGHT, partial(many_processes, count=2)),
        "eight": Scenario("eight commands fill one cache", RIGHT, partial(many_processes, count=8)),
        "full": Scenario("the disk is full, then not", "videos fail by name and are tried again", full_disk),
        "read-only": Scenario("the cache cannot be written", "fresh outputs are read", read_only),
        "clock": Scenario("the clock is set back", "a changed video runs again", clock_back),
        "input": Scenario("inputs change while they are read", "they fail by name and are tried again", changing_input),
        "foreign": Scenario("prune and gc on files of others", "none is deleted", shared.foreign_files),
        "mixed": Scenario("two runs, same names, other videos", "each reads its own outputs", shared.mixed_videos),
        "paths": Scenario("names such as file:real.mp4", "the named file is decoded", inputs_and_models.paths),
        "orientation": Scenario(
            "eight display matrices, a default stream", "decoded as players show them", inputs_and_models.orientation
        ),
        "settings": Scenario(
            "settings that leave no feature", "refused, exit code 2", inputs_and_models.settings, True
        ),
        "models": Scenario(
            "NaN weights, flipped bits", "refused, or an error per video", inputs_and_models.models, True
        ),
        "left-out": Scenario(
            "unreadable folder, dangling link, pipe", "every command names them", inputs_and_models.left_out, True
        ),
        "memory": Scenario("memory guard, ulimit -v", "no failure is kept", shared.no_memory),
        "damage": Scenario("damage without a time stamp", "computed again with a note", shared.unnoticed_damage),
        "host": Scenario("two containers, one host name", "a file being written stays", shared.one_host_name),
        "corpus": Scenario(
            "hostile bundles, caches, packs, labels, YAML, videos, keypoints, kinematics, command lines",
            "no traceback, no hang, nothing outside, nothing of others changed",
            partial(corpus, cases=cases),
            True,
        ),
        "stress": Scenario(
            f"{minutes:g} minutes of four processes that kill each other",
            "every score is right",
            partial(stress, minutes=minutes),
        ),
    }
    if not find_spec("ray"):
        del named["ray"]
    return named


def run_alone(scenario: Scenario, bench: Bench) -> Outcome:
    """Run in a forked process: threads that one scenario starts cannot stop the processes that another one forks."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    start = time.monotonic()
    process = context.Process(target=lambda: there.send(scenario.run(bench)))
    process.start()
    there.close()
    try:
        outcome: Outcome = here.recv()
    except EOFError:
        outcome = Outcome("", wrong=1, notes=["the scenario itself failed"])
    process.join()
    outcome.seconds = time.monotonic() - start
    return outcome


def show(outcomes: dict[str, Outcome], named: dict[str, Scenario], console: Console) -> None:
    """The table."""
    table = Table(title="faults: what was done, what must hold, and does it?", title_justify="left")
    for name in ("scenario", "what was done", "what must hold", "passed"):
        table.add_column(name, overflow="fold")
    for name in ("disturbed", "unfinished", "damaged", "wrong", "left", "seconds"):
        table.add_column(name, justify="right")
    for name, outcome in outcomes.items():
        counts = [str(getattr(outcome, c)) for c in ("disturbed", "unfinished", "damaged", "wrong", "left")]
        passed = "skipped" if outcome.skipped else "yes" if outcome.passed else "NO"
        table.add_row(name, named[name].done, named[name].holds, passed, *counts, f"{outcome.seconds:.0f}")
    console.print(table)
    for name, outcome in outcomes.items():
        for note in outcome.notes[: 3 if outcome.passed else 30]:
            console.print(f"{name}: {note}", markup=False, soft_wrap=True)


def main() -> None:
    """Run scenarios, print the table, write the JSON; exit code 1 where one is not passed."""
    parser = argparse.ArgumentParser(description="What faults leave behind.")
    parser.add_argument("--scenarios", nargs="+", default=[], help=f"default: all but {' and '.join(LONG)}")
    parser.add_argument("--kills", type=int, default=200, help="kills of the whole run")
    parser.add_argument("--minutes", type=float, default=10, help="of the scenario stress")
    parser.add_argument("--cases", type=int, default=0, help="of the scenario corpus, evenly picked; 0: all")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/faults.json"))
    asked = parser.parse_args()
    named, console = scenarios(asked.kills, asked.minutes, asked.cases), Console(width=150)
    if unknown := sorted(set(asked.scenarios) - set(named)):
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(named)}")
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="aim-faults-") as folder:
        bench = Bench(Path(folder))
        chosen = asked.scenarios or [name for name in named if name not in LONG]
        if any(named[name].world for name in chosen):
            console.print(f"{len(bench.world.scores)} videos are scored by a small model")
        for name in chosen:
            outcomes[name] = run_alone(named[name], bench)
            console.print(f"{name}: {'passed' if outcomes[name].passed else 'see the table'}")
    show(outcomes, named, console)
    rows = [
        asdict(o) | {"name": name, "done": named[name].done, "holds": named[name].holds, "passed": o.passed}
        for name, o in outcomes.items()
    ]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(any(not o.passed for o in outcomes.values() if not o.skipped))


if __name__ == "__main__":
    main()
