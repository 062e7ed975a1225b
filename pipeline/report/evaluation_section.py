"""The section of a report page on an evaluation, from its results, and the folder that an evaluation leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.evaluate import Evaluation, Results, results_tables, write_results
from pipeline.evaluate.conformal import held_out_intervals
from pipeline.evaluate.fold_summary import FEW, held_out_a_fold
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.protocols import DIRECTIONS, interval_text
from pipeline.evaluate.separation import separation_line
from pipeline.outputs import writing
from pipeline.report import page_data as page
from pipeline.report.page_writer import write_report
from pipeline.score.run_config import save_config
from pipeline.systems import COMBINED
from pipeline.systems.selection import ORACLE

TABLE_NOTE = "Mean of the runs; last epoch, unless a row says otherwise."

LEAD_NOTE = (
    "To the right of zero: ours ranks the held-out performances of this task better than that system. Lines: 95 % "
    "bootstrap interval of the difference; an interval that contains zero does not separate the two systems."
)


def write_evaluation(done: Evaluation, performances: int) -> None:
    """Write results.json, config.json and report.html into the folder. Raises UsageError where that fails."""
    config, folder = done.config, done.folder
    data = page.ReportData(
        f"Evaluation: {config.name}, {config.protocol}",
        subtitle=f"{performances} performances",
        config=json.dumps(config.dump(), indent=1),
        evaluation=evaluation_report(done.results),
    )
    with writing(folder):
        write_results(done.results, folder / "results.json")
        save_config(config, folder)
        write_report(folder / "report.html", data)


def evaluation_report(results: Results) -> page.EvaluationReport:
    """The evaluation's section of a report page."""
    name = next((name for name in (COMBINED, OURS) if name in results["systems"]), list(results["systems"])[-1])
    ours = results["systems"][name]
    tables = [_page_table(results, name, *table) for table in results_tables(results)]
    if apart := separation_line(results):
        tables[0] = replace(tables[0], note=f"{tables[0].note} {apart}".strip())
    return page.EvaluationReport(
        summary={
            **_headline(results, ours),
            "held-out performances": str(len(results["predictions"])),
            "folds": str(len(results["protocol"]["folds"])),
        },
        predictions=_predictions(results, name),
        tables=tuple(tables),
        bars=lead_bars(results, name),
        curves=_curves(results["systems"].get(OURS, ours).get("losses")),
        leaks=leak_checks(results["audit"]),
    )


def _headline(results: Results, ours: Mapping[str, Any]) -> dict[str, str]:
    """Both forms of the correlation; with few performances a fold, by the arithmetic mean, and with an interval."""

    def shown(form: str, average: str = "fisher") -> str:
        value = ours["average"].get(form, {}).get(average, {}).get("value")
        return "undefined" if value is None else f"{value:.3f}"

    best, together = shown("folds_fisher"), shown("together")
    if (few := held_out_a_fold(results)) >= FEW:
        return {"Spearman's rho, Fisher average": best, "ranked together": together}
    tasks = ours["tasks"].values()
    intervals = [text for task in tasks if (text := interval_text(task.get("interval") or {}))]
    return {
        "Spearman's rho, mean over folds": shown("folds_arithmetic", "arithmetic"),
        "all ranked together": together,
        "all ranked together, fold means removed": shown("centred"),
        "95 % interval" + (" by task" if len(tasks) > 1 else ""): "; ".join(intervals) or "undefined",
        "held-out performances a fold": f"{few:.3g}, so correlations per fold are mostly noise",
    }


def _page_table(
    results: Results, ours: str, title: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> page.ResultsTable:
    def kind(name: str) -> page.Kind:
        system = results["systems"].get(name)
        if system is None:
            return "ours" if name.startswith(OURS) else "paper"
        if name.endswith(ORACLE):
            return "oracle"
        return "baseline" if system["baseline"] else "ours" if name == ours or name.startswith(OURS) else "other"

    shown = tuple(page.ResultsRow(name, tuple(values), kind(name)) for name, *values in rows)
    return page.ResultsTable(
        f"Protocol {results['protocol']['name']}: {title}",
        columns[1:],
        shown,
        note=TABLE_NOTE if "MAE" in columns else "",
        better=tuple("high" if c in results["tasks"] else DIRECTIONS.get(c, "neither") for c in columns[1:]),
    )


def _predictions(results: Results, system: str) -> tuple[page.Prediction, ...]:
    """Held-out predictions, each with the 80 % interval from the residuals of the other folds."""
    predictions: list[page.Prediction] = []
    for task in results["tasks"]:
        entries = [entry for entry in results["predictions"] if entry["task"] == task]
        true, mean = [e["true"] for e in entries], [e[system]["mean"] for e in entries]
        performances = [e["performance"] for e in entries]
        intervals = held_out_intervals(true, mean, [e["fold"] for e in entries], 0.8, performances)
        predictions += [
            page.Prediction(e["id"], e["true"], e[system]["mean"], interval, task, e["fold"])
            for e, interval in zip(entries, intervals, strict=True)
        ]
    return tuple(predictions)


def lead_bars(results: Mapping[str, Any], ours: str) -> tuple[page.BarChart, ...]:
    """One chart per task: the lead of `ours` over each other system; none without `differences` in the results."""
    charts = []
    for task in results["tasks"]:
        bars = []
        for name, by_task in results["differences"].items():
            lead = by_task.get(task, {})
            if lead.get("value") is not None:
                interval = None if lead["low"] is None else (lead["low"], lead["high"])
                kind: page.Kind = "baseline" if results["systems"][name]["baseline"] else "ablation"
                bars.append(page.Bar(name, lead["value"], interval, kind))
        if bars:
            title = f"Lead of {ours}" + (f", {task}" if task else "")
            unit = "difference of Spearman's rho, all held-out together"
            charts.append(page.BarChart(title, tuple(bars), unit, LEAD_NOTE))
    return tuple(charts)


def _curves(losses: Mapping[str, Sequence[float]] | None) -> tuple[page.CurveChart, ...]:
    if not losses:
        return ()
    values = (np.asarray(losses[name], float) for name in ("epochs", "mean", "low", "high"))
    return (page.CurveChart("Training", "loss", (page.TrainingCurve("training loss", *values),), log=True),)


def leak_checks(audit: Mapping[str, Any] | None) -> tuple[page.LeakCheck, ...] | None:
    """The leak audit as questions and answers."""
    if audit is None:
        return None
    kinds = {leak["kind"] for leak in audit["leaks"]}
    checks = [page.LeakCheck(f"{kind} on both sides", kind not in kinds) for kind in audit["forbid"]]
    checks.append(page.LeakCheck("performance on both sides", "record" not in kinds))
    if audit["content_checked"]:
        checks.append(page.LeakCheck("equal files on both sides", "content" not in kinds))
    else:
        checks.append(page.LeakCheck("equal files", None, "not compared: some files are absent"))
    for leak in audit["leaks"][:20]:
        checks.append(page.LeakCheck(f"fold {leak['fold']}", False, f"{leak['kind']} '{leak['value']}' on both sides"))
    return tuple(checks)
