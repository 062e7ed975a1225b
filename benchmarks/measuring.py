"""Shared parts of the benchmarks: options, tables, and JSON results."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def options(about: str | None, out: str) -> argparse.ArgumentParser:
    """The options of a benchmark with this docstring; `--out` names its file of results."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks") / out, help="JSON file to write")
    return parser


def show(title: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Print a table of rows with the same columns; numbers have four significant digits."""
    (first, *_) = rows = list(rows)
    table = Table(*first, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row.values()))
    Console(width=160).print(table)


def write(out: Path, results: Mapping[str, Any]) -> None:
    """Write results with the number of available cores."""
    out.parent.mkdir(parents=True, exist_ok=True)
    made = {"cores": len(os.sched_getaffinity(0)), **results}
    out.write_text(json.dumps(made, indent=1, default=float) + "\n", encoding="utf-8")
