"""The section of a report page on an evaluation, and the files that an evaluation writes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from data.errors import counted
from data.leaks import SHOWN, LeakAudit
from models.estimate import Estimate
from pipeline.checks.held_out import HeldOut
from pipeline.evaluate import Evaluation, EvaluationResults, rank_agreement, write_results
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.published_results import published_table
from pipeline.evaluate.results_tables import curve_table, inner_table, main_table, networks_table, row_kind, task_tables
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import page_data as page
from pipeline.report.page_writer import write_report
from pipeline.score.calibration import Calibration
from pipeline.settings.destinations import writing

LEAD_NOTE = (
    "Lines: 95 % intervals that hold for all rows at once. One that excludes zero separates the two systems; all "
    "others are ties. With several tasks a lead is the mean of their differences."
)


def write_evaluation(done: Evaluation) -> None:
    """Write results.json and report.html into the folder. Raises UsageError where that fails."""
    method, folder = done.config.method, done.folder
    data = evaluation_page(done.results, f"{done.results.kind.capitalize()}: {method.name}, {method.protocol}")
    with writing(folder):
        write_results(done.results, folder / "results.json")
        write_report(folder / "report.html", data)


def evaluation_page(results: EvaluationResults, title: str) -> page.ReportData:
    """The page of an evaluation, with what made it."""
    origin = results.origin
    return page.ReportData(
        title,
        subtitle=counted(results.performances, "performance"),
        made=origin.date.replace("T", " ")[:16] + " UTC",
        origin={"command": origin.command, "date": origin.date}
        | ({"trained on": ", ".join(origin.devices)} if origin.devices else {})
        | ({"commit": origin.commit} if origin.commit else {})
        | dict(origin.versions),
        config=json.dumps(results.method, indent=1, sort_keys=True) if results.method else "",
        evaluation=section_of_evaluation(results),
    )


def section_of_evaluation(results: EvaluationResults) -> page.EvaluationSection:
    """The evaluation's section of a report page."""
    inner, name = inner_table(results), results.against
    published = published_table(results)
    further = [*([published] if published else []), *task_tables(results), *([inner] if inner else [])]
    further += [curve_table(results.curve)] if results.curve else []
    return page.EvaluationSection(
        title=results.kind.capitalize(),
        headline=_headline(results),
        predictions=_predictions(results, name),
        table=main_table(results),
        further=tuple(further),
        bars=lead_bars(results),
        notes=tuple(note.text for note in results.notes),
        losses=results.systems.get(OURS, results.systems[name]).losses,
        networks=networks_table(results),
        leaks=leak_checks(results.audit),
        methods_text=results.methods_text,
    )


def section_of_training_folds(calibration: Calibration, ids: Sequence[str]) -> page.EvaluationSection:
    """The section on the training videos `ids`, each predicted by networks that were trained without its fold."""
    truth, predicted, accuracy = calibration.truth, calibration.predicted, calibration.accuracy
    folds = [str(fold) for fold in calibration.fold]
    rows = zip(ids, truth.tolist(), predicted.tolist(), calibration.own_intervals(0.8), folds, strict=True)
    predictions = [
        page.ScatterPoint(name, true, Estimate(guess, *ends or ()), "", fold) for name, true, guess, ends, fold in rows
    ]
    rho = rank_agreement([calibration], "performances" if calibration.unit == "performance" else "groups")
    about = f"{accuracy.held_out} in {counted(calibration.networks.parts, 'fold')}"
    return page.EvaluationSection(
        title="Held-out training videos",
        headline=page.Headline(rho, "Rank correlation of this model with the judges", about),
        predictions=tuple(predictions),
        table=Table(
            "Errors on held-out videos",
            ("MAE",),
            (TableRow("this model", (accuracy.mae,), "ours"),
             TableRow("guessing the mean", (accuracy.mean_mae,), "baseline")),
            better=("low",),
        ),
        notes=(
            "These are the training videos: the data set has no part for testing. Each prediction is by networks that "
            "were trained without that video.",
        ),
        leaks=tuple(page.LeakCheck(f"{kind} on both sides", True) for kind in calibration.facts.unsplit),
    )  # fmt: skip


def _headline(results: EvaluationResults) -> page.Headline:
    """The result of the system that was named before the test labels were read."""
    rho, folds = results.systems[results.against].average.rho, len(results.protocol.folds)
    tasks = f" of {counted(len(results.tasks), 'task')}" if len(results.tasks) > 1 else ""
    unit = f"; interval over {counted(results.users, 'user')}" if results.users else ""
    about = (
        f"{counted(results.held_out_count(), 'held-out performance')}{tasks}, protocol {results.protocol.name}, "
        f"{counted(folds, 'fold')}{unit}"
    )
    return page.Headline(rho, f"Rank correlation of {results.against} with the judges", about)


def _predictions(results: EvaluationResults, system: str) -> tuple[page.ScatterPoint, ...]:
    """Held-out predictions, each with the 80 % interval from the residuals of the other folds."""
    predictions: list[page.ScatterPoint] = []
    for task in results.tasks:
        entries = [entry for entry in results.predictions if entry.task == task]
        true, mean = np.array([(e.true, e.systems[system].value) for e in entries], dtype=np.float64).T
        fold, group = np.array([(e.fold, e.performance) for e in entries]).T
        intervals = HeldOut(true, mean, fold, group).own_intervals(0.8)
        predictions += [
            page.ScatterPoint(e.id, e.true, Estimate(e.systems[system].value, *ends or ()), task, e.fold)
            for e, ends in zip(entries, intervals, strict=True)
        ]
    return tuple(predictions)


def lead_bars(results: EvaluationResults) -> page.BarChart | None:
    """The lead of the reference over each other system, the least first; None without a comparison."""
    if results.comparison is None or not results.comparison.rows:
        return None
    name = results.comparison.against
    bars = [
        page.Bar(other, lead.difference, row_kind(results, other) == "baseline")
        for other, lead in results.comparison.rows.items()
    ]
    return page.BarChart(
        f"{name} beside each system",
        tuple(sorted(bars, key=lambda bar: bar.lead.value or 0.0)),
        "difference of rank correlations",
        left="that system ranks better",
        right=f"{name} ranks better",
        note=LEAD_NOTE,
    )


def leak_checks(audit: LeakAudit | None) -> tuple[page.LeakCheck, ...] | None:
    """The leak audit as questions and answers; None where it did not run."""
    if audit is None:
        return None
    kinds = {leak.kind for leak in audit.leaks}
    checks = [page.LeakCheck(f"{kind} on both sides", kind not in kinds) for kind in audit.forbid]
    checks.append(page.LeakCheck("performance on both sides", "record" not in kinds))
    if audit.content_checked:
        checks.append(page.LeakCheck("equal files on both sides", "content" not in kinds))
    else:
        checks.append(page.LeakCheck("equal files", None, "not compared: some files are absent"))
    for leak in audit.leaks[:SHOWN]:
        checks.append(page.LeakCheck(f"fold {leak.fold}", False, f"{leak.kind} '{leak.value}' on both sides"))
    if more := len(audit.leaks[SHOWN:]):
        checks.append(page.LeakCheck("in all folds", False, f"{more} more"))
    return tuple(checks)
