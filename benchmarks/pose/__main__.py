"""Accuracy of the pose stage on real people with known joints, and on rendered dives; one row a setting.

    python -m benchmarks.pose [--settings NAME ...] [--quick] [--workers 2] [--folder FOLDER] [--out FILE]

Parts (`--parts`): `real` (clips composed of ../shared/views, by kind; `real.py`, `cases.py`), `athlete` (the right
person of a real clip with a passer-by; `athlete.py`) and `rendered` (rendered dives; `rendered.py`). The first two are
skipped where ../shared (or the folder that AIM_SHARED names) is absent. Columns of `real` are those of `measure.py`;
`held out` rows are of the camera that is not used for tuning the stage.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.pose import athlete, real_rows, rendered
from benchmarks.pose.box import SETTINGS
from benchmarks.pose.cases import CASES, QUICK, SPLITS
from benchmarks.pose.labels import SHARED
from data.weights import fetch

PARTS = ("real", "athlete", "rendered")


def chosen_cases(quick: bool, split: str | None, beginnings: Sequence[str] | None) -> list[str]:
    """Names of the real cases to run."""
    names = [name for name in (QUICK if quick else CASES) if split in (None, CASES[name].split)]
    return [name for name in names if not beginnings or name.startswith(tuple(beginnings))]


def main() -> None:
    """Run every setting, print the tables and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--cases", nargs="*", help="names or beginnings of names of real cases")
    parser.add_argument("--quick", action="store_true", help="a few real cases only")
    parser.add_argument("--split", choices=SPLITS, help="only one of the two")
    parser.add_argument("--dives", type=int, default=4, help="rendered clips of each kind")
    parser.add_argument("--workers", type=int, default=2, help="runs side by side, each in one thread")
    parser.add_argument("--folder", type=Path, help="where composed clips are kept (default: a temporary folder)")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/pose.json"))
    given = parser.parse_args()
    fetch("movenet-multipose")
    console = Console(width=200)
    settings = {name: SETTINGS[name] for name in given.settings}
    parts = [part for part in given.parts if part == "rendered" or (SHARED / "views").is_dir()]
    if len(parts) < len(given.parts):
        console.print(f"Parts real and athlete are skipped: they need {SHARED}, which is absent.")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if "real" in parts:
            names = chosen_cases(given.quick, given.split, given.cases)
            results |= real_rows.run_all(folder, settings, names, pool)
            for split in SPLITS:
                if any(CASES[name].split == split for name in names):
                    console.print(real_rows.table_of(results["real"], split))
        if "athlete" in parts:
            results["athlete"] = athlete.run_all(settings, pool)
            console.print(athlete.table_of(results["athlete"]))
        if "rendered" in parts:
            results["rendered"] = rendered.run_all(folder, settings, given.dives, pool)
            console.print(rendered.table_of(results["rendered"]))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
