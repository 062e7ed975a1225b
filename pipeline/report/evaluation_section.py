"""The section of a report page on an evaluation, from its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.evaluate import Results, results_tables
from pipeline.evaluate.conformal import held_out_intervals
from pipeline.evaluate.leaderboard import OURS
from pipeline.report.leads import lead_bars
from pipeline.report.page_data import (
    Curve,
    CurveChart,
    EvaluationReport,
    LeakCheck,
    Prediction,
    Table,
    TableRow,
)


def evaluation_report(results: Results) -> EvaluationReport:
    """The evaluation's section of a report page."""
    name = OURS if OURS in results["systems"] else list(results["systems"])[-1]
    ours = results["systems"][name]
    best = ours["average"]["folds_fisher"]["fisher"]["value"]
    together = ours["average"]["together"]["fisher"]["value"]
    return EvaluationReport(
        summary={
            "Spearman's rho, Fisher average": "undefined" if best is None else f"{best:.3f}",
            "ranked together": "undefined" if together is None else f"{together:.3f}",
            "held-out performances": str(len(results["predictions"])),
            "folds": str(len(results["protocol"]["folds"])),
        },
        predictions=_predictions(results, name),
        tables=tuple(_page_table(results, *table) for table in results_tables(results)),
        bars=lead_bars(results, OURS),
        curves=_curves(ours),
        leaks=leak_checks(results["audit"]),
    )


def _page_table(results: Results, title: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> Table:
    shown = []
    for name, *values in rows:
        system = results["systems"].get(name)
        kind = "paper" if system is None else "baseline" if system["baseline"] else "ours"
        shown.append(TableRow(name, tuple(values), kind))  # type: ignore[arg-type]
    note = "The mean of the runs; last epoch, where a row does not say otherwise."
    return Table(f"Protocol {results['protocol']['name']}: {title}", columns[1:], tuple(shown), note=note)


def _predictions(results: Results, system: str) -> tuple[Prediction, ...]:
    """Held-out predictions, each with the 80 % interval that the residuals of the other folds give."""
    found: list[Prediction] = []
    for task in results["tasks"]:
        entries = [entry for entry in results["predictions"] if entry["task"] == task]
        true, mean = [e["true"] for e in entries], [e[system]["mean"] for e in entries]
        shown = [e["performance"] for e in entries]
        ranges = held_out_intervals(true, mean, [e["fold"] for e in entries], 0.8, shown)
        for entry, interval in zip(entries, ranges, strict=True):
            low, high = interval or (None, None)
            predicted = entry[system]["mean"]
            found.append(Prediction(entry["id"], entry["true"], predicted, low, high, task, entry["fold"]))
    return tuple(found)


def _curves(system: Mapping[str, Any]) -> tuple[CurveChart, ...]:
    losses = system.get("losses")
    if not losses:
        return ()
    parts = {name: np.asarray(losses[name], dtype=float) for name in ("epochs", "mean", "low", "high")}
    curve = Curve("training loss", parts["epochs"], parts["mean"], parts["low"], parts["high"])
    return (CurveChart("Training", "loss", (curve,), log=True),)


def leak_checks(found: Mapping[str, Any] | None) -> tuple[LeakCheck, ...] | None:
    """The audit as questions and answers."""
    if found is None:
        return None
    kinds = {leak["kind"] for leak in found["leaks"]}
    checks = [LeakCheck(f"{kind} on both sides", kind not in kinds) for kind in found["forbid"]]
    checks.append(LeakCheck("performance on both sides", "record" not in kinds))
    if found["content_checked"]:
        checks.append(LeakCheck("equal files on both sides", "content" not in kinds))
    else:
        checks.append(LeakCheck("equal files", None, "not compared: not all files are here"))
    for leak in found["leaks"][:20]:
        checks.append(LeakCheck(f"fold {leak['fold']}", False, f"{leak['kind']} '{leak['value']}' on both sides"))
    return tuple(checks)
