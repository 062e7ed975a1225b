"""The section of a report page on an evaluation, and the files that an evaluation writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.errors import counted, significant
from data.store.arrays import Floats, Rows
from models.metrics import percentile_interval, resampled_weights, spearman, spearman_of_samples
from pipeline.checks.intervals import HeldOut
from pipeline.evaluate import Evaluation, Results, results_tables, write_results
from pipeline.evaluate.fold_summary import FEW, held_out_a_fold, or_none
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.protocols import CENTRED, average_of, direction, held_out_of, interval_text
from pipeline.report import page_data as page
from pipeline.report.page_writer import write_report
from pipeline.score.calibration import Calibration
from pipeline.score.run_config import save_method
from pipeline.settings.destinations import writing
from pipeline.systems import COMBINED
from pipeline.systems.selection import ORACLE

TABLE_NOTE = "Mean of the runs; last epoch, unless a row says otherwise."

LEAD_NOTE = (
    "To the right of zero: ours ranks the held-out performances of this task better than that system. Lines: 95 % "
    "bootstrap interval of the difference; an interval that contains zero does not separate the two systems."
)


NO_LEAK = "leak audit: no leak"
"""Beginning of a note that the page leaves out, since its list of the leak audit says the same."""


def write_evaluation(done: Evaluation) -> None:
    """Write results.json, config.json and report.html into the folder. Raises UsageError where that fails."""
    config, folder = done.config, done.folder
    data = page.ReportData(
        f"Evaluation: {config.method.name}, {config.method.protocol}",
        subtitle=counted(done.results["performances"], "performance"),
        config=json.dumps(config.method.dump(), indent=1),
        evaluation=evaluation_report(done.results),
    )
    with writing(folder):
        write_results(done.results, folder / "results.json")
        save_method(config.method, folder)
        write_report(folder / "report.html", data)


def evaluation_report(results: Results) -> page.EvaluationReport:
    """The evaluation's section of a report page."""
    name = next((name for name in (COMBINED, OURS) if name in results["systems"]), list(results["systems"])[-1])
    losses = results["systems"].get(OURS, results["systems"][name]).get("losses")
    return page.EvaluationReport(
        summary={
            **_headline(results, name),
            "system of these correlations": name,
            "held-out performances": str(held_out_of(results)),
            "folds": str(len(results["protocol"]["folds"])),
        },
        predictions=_predictions(results, name),
        tables=tuple(_page_table(results, name, *table) for table in results_tables(results)),
        bars=lead_bars(results, name),
        notes=tuple(note.removeprefix("note: ") for note in results.get("notes", ()) if not note.startswith(NO_LEAK)),
        curve=_curve(losses),
        runs=_runs_table(results),
        leaks=leak_checks(results["audit"]),
    )


def training_folds_report(calibration: Calibration, ids: Sequence[str]) -> page.EvaluationReport:
    """The section on the training videos `ids`, each predicted by networks that were trained without its fold."""
    truth, predicted, accuracy = calibration.truth, calibration.predicted, calibration.accuracy
    folds = [str(fold) for fold in calibration.fold]
    rows = zip(ids, truth.tolist(), predicted.tolist(), calibration.own_intervals(0.8), folds, strict=True)
    predictions = [page.Prediction(name, true, guess, ends, "", fold) for name, true, guess, ends, fold in rows]
    return page.EvaluationReport(
        summary={
            **rho_tile(predicted, truth, calibration.group),
            f"mean absolute error, n {accuracy.performances}": significant(accuracy.mae),
            "mean absolute error of guessing the mean": significant(accuracy.mean_mae),
            "folds of the training part": str(calibration.facts["folds"]),
        },
        predictions=tuple(predictions),
        notes=(
            "These are the training videos: the data set has no part for testing. Each prediction is by networks that "
            "were trained without that video.",
        ),
        leaks=tuple(page.LeakCheck(f"{kind} on both sides", True) for kind in calibration.facts["kinds"]),
    )


def rho_tile(predicted: Floats, truth: Floats, group: Rows) -> dict[str, str]:
    """Title and value of a tile: Spearman's rho of (n,) predictions, its 95 % bootstrap interval, and n.

    Views of one performance have equal `group` and count once.
    """
    names, number = np.unique(group, return_inverse=True)
    weights = resampled_weights(len(names))[:, number]
    low, high = percentile_interval(spearman_of_samples(predicted, truth, weights))
    ends = interval_text({"low": or_none(low), "high": or_none(high)}) or "no interval"
    value = or_none(spearman(predicted, truth))
    return {f"Spearman's rho, 95 % interval, n {len(names)}": f"{_rho(value)} ({ends})"}


def _headline(results: Results, name: str) -> dict[str, str]:
    """Tiles with the correlation of each task and, for several tasks, their average; each with its interval and n.

    With few performances a fold, the average over folds is arithmetic: a fold of three with a correlation of 1 would
    decide a Fisher average.
    """
    ours = results["systems"][name]
    one_fold, few = len(results["protocol"]["folds"]) == 1, held_out_a_fold(results) < FEW
    forms = [("" if one_fold else ", all ranked together", "together", "fisher", "interval")]
    if not one_fold:
        first = ("arithmetic", "mean_interval") if few else ("fisher", "folds_interval")
        named = "arithmetic mean over folds" if few else "Fisher average over folds"
        forms = [(f", {named}", f"folds_{first[0]}", *first), *forms]
    tiles, count = dict[str, str](), held_out_of(results)
    for form, average, over, interval in forms:
        for task in [task for task in results["tasks"] if task in ours["tasks"]]:
            given, of = ours["tasks"][task], f", {task}" if task else ""
            value = given["together"]["spearman"] if average == "together" else given["over_folds"][over]["value"]
            ends = interval_text(given.get(interval)) or "no interval"
            title = f"Spearman's rho{form}{of}, 95 % interval, n {held_out_of(results, task)}"
            tiles[title] = f"{_rho(value)} ({ends})"
        if len(results["tasks"]) > 1:
            value, text = average_of(results, name, average, over)
            title = f"Spearman's rho{form}, {over.capitalize()} average over tasks, 95 % interval, n {count}"
            tiles[title] = f"{_rho(value)} ({text or 'no interval'})"
    if not one_fold:
        value, text = average_of(results, name, "centred")
        over = ", Fisher average over tasks" if len(results["tasks"]) > 1 else ""
        title = f"Spearman's rho, all ranked together, {CENTRED}{over}, 95 % interval, n {count}"
        tiles[title] = f"{_rho(value)} ({text or 'no interval'})"
    return tiles


def _rho(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


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
        better=tuple(map(direction, columns[1:])),
    )


def _runs_table(results: Results) -> page.ResultsTable | None:
    """The correlation of every run, a column each; None where the results lack them."""
    rows = [
        (f"{name}, {task}" if task else name, form, tuple(given["values"]))
        for name, system in results["systems"].items()
        for task, summary in system["tasks"].items()
        for form, given in summary["runs"].items()
        if isinstance(given, Mapping) and given.get("values")
    ]
    if not rows:
        return None
    runs = max(len(values) for _, _, values in rows)
    columns = ("form", *(f"run_{number}" for number in range(1, runs + 1)))
    return page.ResultsTable("Runs", columns, tuple(page.ResultsRow(name, (form, *v)) for name, form, v in rows))


def _predictions(results: Results, system: str) -> tuple[page.Prediction, ...]:
    """Held-out predictions, each with the 80 % interval from the residuals of the other folds."""
    predictions: list[page.Prediction] = []
    for task in results["tasks"]:
        entries = [entry for entry in results["predictions"] if entry["task"] == task]
        true, mean = np.array([(e["true"], e[system]["mean"]) for e in entries], dtype=np.float64).T
        fold, group = np.array([(e["fold"], e["performance"]) for e in entries]).T
        intervals = HeldOut(true, mean, fold, group).own_intervals(0.8)
        predictions += [
            page.Prediction(e["id"], e["true"], e[system]["mean"], interval, task, e["fold"])
            for e, interval in zip(entries, intervals, strict=True)
        ]
    return tuple(predictions)


def lead_bars(results: Mapping[str, Any], ours: str) -> tuple[page.BarChart, ...]:
    """One chart per task: the lead of `ours` over each other system. Tasks without leads have none."""
    charts = []
    for task in results["tasks"]:
        bars = []
        for name, by_task in results["differences"].items():
            lead = by_task.get(task, {})
            if lead.get("value") is not None:
                interval = None if lead["low"] is None else (lead["low"], lead["high"])
                bars.append(page.Bar(name, lead["value"], interval, results["systems"][name]["baseline"]))
        if bars:
            title = f"Lead of {ours}" + (f", {task}" if task else "")
            unit = "difference of Spearman's rho, all held-out together"
            charts.append(page.BarChart(title, tuple(bars), unit, LEAD_NOTE))
    return tuple(charts)


def _curve(losses: Mapping[str, Sequence[float]] | None) -> page.TrainingCurve | None:
    if not losses:
        return None
    return page.TrainingCurve(*(np.asarray(losses[name], float) for name in ("epochs", "mean", "low", "high")))


def leak_checks(audit: Mapping[str, Any] | None) -> tuple[page.LeakCheck, ...] | None:
    """The leak audit as questions and answers; None where it did not run."""
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
