"""`evaluate`, `leaderboard`, `reproduce` and `search` as one call each."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data.errors import UsageError, counted
from pipeline.config import BaseConfig
from pipeline.evaluate.cross_validation import Results
from pipeline.evaluate.expected_time import ExpectedTime, expected_time
from pipeline.evaluate.fold_summary import FEW, held_out_a_fold
from pipeline.evaluate.grid_search import Candidate, write_search
from pipeline.evaluate.grid_search import search as search_grid
from pipeline.evaluate.leaderboard import PUBLISHED, TABLES, table_names
from pipeline.evaluate.paper_tables import TABLES as PAPER
from pipeline.evaluate.protocols import TableRows, audit_lines, results_tables, run_protocol
from pipeline.evaluate.spread import Run
from pipeline.features import FeatureSet
from pipeline.observer import Observer
from pipeline.outputs import writing
from pipeline.systems import System

QUICK_RUNS = 2
"""Networks a fold of `evaluate --quick`."""


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation."""

    results: Results  # content of `results.json` (`pipeline.evaluate.cross_validation`)
    folder: Path  # holds `results.json`, `config.json` and `report.html`
    config: BaseConfig
    systems: str = "aim"  # as asked for: "aim", "all", or the number of one of the paper's tables
    quick: bool = False  # there was no inner validation
    expected: ExpectedTime | None = None  # the time that it would take, where nothing was run
    only: str = ""  # the rows that were asked for; empty: all

    def notes(self) -> list[str]:
        """The leak audit, and notes that a reader of the tables needs."""
        if self.expected is not None:
            return [str(self.expected)]
        results, lines = self.results, audit_lines(self.results["audit"], self.results["left_out"])
        if (few := held_out_a_fold(results)) < FEW:
            lines.append(
                f"note: a fold holds out {few:.3g} performances, fewer than {FEW}: correlations per fold are mostly "
                "noise, so read the table of all ranked together, and its intervals"
            )
        if results["videos"] > (count := results["performances"]):
            lines.append(f"note: {count} trials in {results['videos']} videos; each counts once, its views averaged")
        if self.quick:
            runs = self.config.scorer[1].runs
            lines.append(f"note: --quick: {runs} networks a fold, no inner validation; equal weights where combined")
        asked = {part.strip().lower() for part in self.only.split(",")} - {""}
        if self.systems == "all" and "MUSDL" not in results["systems"] and (not asked or PUBLISHED in asked):
            lines.append("note: MUSDL is left out: not every performance has the scores of single judges")
        if self.systems in TABLES:
            if not results["paper"]:
                theirs = f"{PAPER[self.systems].kind}, {PAPER[self.systems].protocol}"
                lines.append(f"note: the paper's rows are of {theirs}, so this table leaves them out")
            names = table_names(self.systems, results["systems"])
            if missing := [name for name in names if name not in results["systems"]]:
                lines.append(f"note: these features cannot feed {', '.join(missing)}")
        return lines

    def tables(self) -> list[TableRows]:
        """The tables in the paper's form."""
        if self.expected is not None:
            return []
        name = f"{self.config.name}, {self.config.protocol}"
        return [(f"{name}: {title}", columns, rows) for title, columns, rows in results_tables(self.results)]


@dataclass(frozen=True)
class SearchRun:
    """Result of a search."""

    found: dict[str, Any]  # content of `search.json` (`pipeline.evaluate.grid_search`)
    table: Path  # `search.json`
    best: Path  # `best.yaml`, a whole configuration
    config: BaseConfig  # of the first candidate

    def notes(self) -> list[str]:
        """The leak audit, and notes that a reader of the table needs."""
        lines, found = audit_lines(self.found["audit"]), self.found
        if not found["test_seen"]:
            return [*lines, "the test part was not used"]
        distinct = len(set(found["by_fold"].values()))
        chosen = "the same in every fold" if distinct == 1 else f"{distinct} different ones over the folds"
        return [
            *lines,
            f"best inside the training part of each fold: {chosen}",
            f"note: under {found['protocol']['name']} each performance is in some training part: `evaluate` with"
            " best.yaml on the same performances overestimates it; `evaluate` with the same --grid does not",
        ]

    def tables(self) -> list[TableRows]:
        """The candidates, the best first."""
        keys, rows = tuple(self.found["grid"]), []
        for row in sorted(self.found["candidates"], key=lambda row: math.inf if row["mean"] is None else -row["mean"]):
            number = f"{row['candidate']}{' (best)' if row['candidate'] == self.found['best'] else ''}"
            rows.append((number, *(json.dumps(row["settings"][key]) for key in keys), row["mean"], row["spread"]))
        columns = ("candidate", *keys, "rho inside the training part", "spread over inner folds")
        return [(f"{self.config.name}, {self.config.protocol}: {counted(len(rows), 'candidate')}", columns, rows)]


def table_protocol(table: str) -> tuple[str, str]:
    """The kind of data set and the protocol of a table of the paper. Raises UsageError for an unknown table."""
    if table not in PAPER:
        raise UsageError(f"the paper has no results table '{table}'", fix=f"One of {', '.join(PAPER)}")
    return PAPER[table].kind, PAPER[table].protocol


def evaluate_features(
    features: FeatureSet,
    config: BaseConfig,
    folder: Path,
    *,
    systems: str,
    only: str,
    oracle: bool,
    quick: bool,
    dry_run: bool,
    more: Sequence[System],
    run: Run,
    observer: Observer,
) -> Evaluation:
    """Train and test systems by the configuration's protocol; nothing but checkpoints is written.

    `quick` takes `QUICK_RUNS` networks at most and no inner validation. `dry_run` only tells the expected time.
    Raises DataError where the performances cannot be split or the split leaks, Cancelled after a stop.
    """
    stop = observer.stop_event().is_set
    if quick:
        recipe = config.scorer[1]
        fewer = recipe.model_copy(update={"runs": min(QUICK_RUNS, recipe.runs)})
        config = config.model_copy(update={"train": fewer})
    protocol = partial(
        run_protocol, config, features, systems=systems, only=only, oracle=oracle, quick=quick,
        checkpoints=folder / "checkpoints", more=more, stop=stop,
    )  # fmt: skip
    if dry_run:
        expected = expected_time(lambda noting: protocol(run=noting), stop)
        return Evaluation({}, folder, config, systems, quick, expected)
    with observer.progress("trainings") as progress:
        results = protocol(run=run, progress=progress)
    return Evaluation(results, folder, config, systems, quick, only=only)


def search_features(
    features: FeatureSet,
    tried: Sequence[Candidate],
    folder: Path,
    *,
    folds: int,
    runs: int,
    run: Run,
    observer: Observer,
) -> SearchRun:
    """Try every candidate by inner validation; writes `search.json` and `best.yaml`. Raises as `search_grid`."""
    with observer.progress("trainings") as progress:
        results = search_grid(
            features, tried, folds=folds, runs=runs,
            checkpoints=folder / "checkpoints", run=run, progress=progress, stop=observer.stop_event().is_set,
        )  # fmt: skip
    with writing(folder):
        table, best = write_search(results, tried, folder)
    return SearchRun(results, table, best, tried[0].config)
