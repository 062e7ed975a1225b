"""Runs the scenarios, prints the table and writes the JSON; see the package's text."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.faults.bench import Bench, Outcome
from benchmarks.faults.kills import killed_actors, killed_commands, killed_runs, killed_workers, many_processes
from benchmarks.faults.shared import foreign_files, mixed_videos, no_memory, one_host_name, unnoticed_damage
from benchmarks.faults.surroundings import changing_input, clock_back, full_disk, read_only

BY_HAND = 10
"""Kills of one worker while the run goes on, per engine."""


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
    yield "foreign", foreign_files
    yield "mixed", mixed_videos
    yield "memory", no_memory
    yield "damage", unnoticed_damage
    yield "host", one_host_name


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
