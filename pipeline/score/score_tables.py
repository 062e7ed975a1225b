"""Writes scored videos as CSV, JSON and rows of a table; docs/scores.md lists keys and columns.

The score and its parts have nine decimals (six in CSV): constant + steps + other_share is the score, exactly.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from data.datasets.tables import csv_lines, spreadsheet_text
from data.errors import interval_text, printable
from data.store import write_text
from pipeline.checks.accuracy import as_printed
from pipeline.checks.flag_checks import PER_DIFFICULTY
from pipeline.observer import ShownResult, Table
from pipeline.score.path_redaction import redact_score
from pipeline.score.video_score import Score, ScoreParts

CSV_DECIMALS, JSON_DECIMALS = 6, 9

NUMBERS = (
    "score", "spread", "low80", "high80", "low95", "high95", "percentile", "execution", "synchronisation", "difficulty",
    "score_per_difficulty",
)  # fmt: skip


def write_csv(path: Path, rows: Sequence[Score]) -> None:
    """Write `csv_text` to `path`."""
    write_text(path, csv_text(rows))


def csv_text(rows: Sequence[Score]) -> str:
    """One line per video: `NUMBERS`, parts of the score, whether it is valid, flags, error, model, `unchecked_output`.

    The parts are those of `ScoreParts`: constant, steps, the rest, and the sum over the steps of each phase. Either
    `score` or `score_per_difficulty` is empty (`Score.quantity`); the parts belong to the other.

    No cell can start a spreadsheet formula. Flags and errors name no folders of this machine.
    """
    each = [(row, ScoreParts.of(row, CSV_DECIMALS)) for row in map(redact_score, rows)]
    steps = max((len(parts.steps) for _, parts in each if parts), default=0)
    phases = list(dict.fromkeys(phase.name for row in rows for phase in row.phases))
    shares = ["constant", *[f"step_{i + 1}" for i in range(steps)], "other_share"]
    shares += [cell(f"phase {name}") for name in phases]
    lines = [["video", *NUMBERS, *shares, "valid", "why", "level", "flags", "error", "model", "unchecked_output"]]
    for row, parts in each:
        ends = [*(row.interval80 or (None, None)), *(row.interval95 or (None, None))]
        of = {row.quantity: row.score}
        numbers: list[float | Decimal | None] = [of.get("score"), row.spread, *ends, row.percentile]
        numbers += [row.execution, row.synchronisation, row.difficulty, of.get(PER_DIFFICULTY)]
        constant, step_scores, other = (None, (), None) if parts is None else (parts.constant, parts.steps, parts.other)
        numbers += [constant, *step_scores, *[None] * (steps - len(step_scores)), other]
        numbers += [parts.phases.get(name) if parts else None for name in phases]
        *cells, raw = [
            "" if n is None else f"{as_printed(float(n), CSV_DECIMALS):f}" for n in (*numbers, row.raw_score)
        ]
        level = row.flags[0].level if row.flags else ""
        flags = "; ".join(f"{flag.level}: {flag.title}: {flag.detail}" for flag in row.flags)
        valid = [str(row.valid).lower(), cell(row.why)]
        lines.append([cell(row.id), *cells, *valid, level, cell(flags), cell(str(row.failure or "")), row.model, raw])
    return csv_lines(lines)


class Scores(ShownResult, list[Score]):
    """The scores of videos."""

    def table(self) -> Table:
        """Columns and cells of the table that a terminal and a notebook show."""
        heads = any(row.execution is not None for row in self)
        quantities = sorted({row.quantity for row in self if row.score is not None}) or ["score"]
        columns = (
            "video", *quantities, "80 %", "95 %", "percentile",
            *(("execution", "synchronisation") if heads else ()), "note",
        )  # fmt: skip
        cells = []
        for row in self:
            parts = (row.execution, row.synchronisation) if heads else ()
            percentile = None if row.percentile is None else f"{row.percentile:.0f}"
            note = str(row.failure or "") or "; ".join(f"{flag.level}: {flag.title}" for flag in row.flags)
            shown = None if row.score is None else f"{as_printed(row.score, row.decimals):f}"
            ends = [interval_text(ends, row.decimals) for ends in (row.interval80, row.interval95)]
            values = [shown if row.quantity == quantity else None for quantity in quantities]
            cells.append((printable(row.id), *values, *ends, percentile, *parts, printable(note)))
        return columns, cells

    def to_frame(self) -> Any:
        """The columns of `csv_text`; see `ShownResult`."""
        from pandas import read_csv

        return read_csv(io.StringIO(csv_text(self)))


def scores_as_json(rows: Sequence[Score]) -> list[dict[str, Any]]:
    """The rows as JSON types; numbers are in the unit of the labels, None where missing.

    Paths, flags and errors name no folders of this machine.
    """
    shown = []
    for row in map(redact_score, rows):
        safe = {"id": printable(row.id), "path": None if row.path is None else printable(row.path)}
        flags = [{**asdict(flag), "detail": printable(flag.detail)} for flag in row.flags]
        content = {**asdict(row), **safe, "flags": flags, "constant": None}
        content |= {"valid": row.valid, "why": printable(row.why)}
        content |= {"accuracy": "" if row.accuracy is None else str(row.accuracy)}
        content |= {"head_accuracy": {name: str(accuracy) for name, accuracy in row.head_accuracy.items()}}
        untimed = {} if row.timed else {"start": None, "end": None}
        if parts := ScoreParts.of(row, JSON_DECIMALS):
            content |= {"score": float(parts.total), "constant": float(parts.constant)}
            content |= {"other_share": None if parts.other is None else float(parts.other)}
        shares = zip(row.steps, map(float, parts.steps) if parts else [None] * len(row.steps), strict=True)
        sums = {name: float(share) for name, share in parts.phases.items()} if parts else {}
        content["steps"] = [{**asdict(step), **untimed, "score": share} for step, share in shares]
        content["phases"] = [{**asdict(phase), **untimed, "score": sums.get(phase.name)} for phase in row.phases]
        content["phase_range_s"] = None if row.carried is None else list(row.carried.range_s)
        alone = row.quantity == PER_DIFFICULTY
        content |= {"score_per_difficulty": content["score"] if alone else None} | ({"score": None} if alone else {})
        del content["keys"], content["carried"], content["duration"]
        shown.append(content)
    return shown


def cell(text: str) -> str:
    """The text without control codes, and escaped so that a spreadsheet does not read a formula."""
    return spreadsheet_text(printable(text))
