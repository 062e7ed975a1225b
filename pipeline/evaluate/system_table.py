"""A table of systems as values, for the terminal, the page, CSV and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pipeline.checks.accuracy import Interval
from pipeline.systems.system import RowKind

Kind = Literal[RowKind, "paper"]
"""The kind of a row; "paper": published in a paper."""

Better = Literal["high", "low", "neither"]
"""Which values of a column are good."""

Cell = float | str | Interval | None
"""A number, a text, both ends of an interval, or None for undefined."""


@dataclass(frozen=True)
class TableRow:
    """One system: its name, one value per column, its kind."""

    name: str
    values: tuple[Cell, ...]
    kind: Kind = "other"


@dataclass(frozen=True)
class Table:
    """A table of systems."""

    title: str
    columns: tuple[str, ...]  # names of the value columns
    rows: tuple[TableRow, ...]
    note: str = ""  # how the values were computed
    better: tuple[Better, ...] = ()  # by column
    head: str = "system"  # name of the first column


def by_result(rows: Iterable[TableRow], column: int = 0) -> tuple[TableRow, ...]:
    """The rows sorted by a column: the highest first, then undefined ones; baselines follow in the same order.

    A baseline is a reference, not a result, even if luck ranks it first.
    """
    return tuple(sorted(rows, key=lambda row: (row.kind == "baseline", -number_of(row.values[column]))))


def number_of(value: Cell) -> float:
    """The number of a cell; minus infinity if it has none."""
    return value if isinstance(value, (int, float)) else -math.inf
