"""The section of a report page on an evaluation, and the files of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence

from data.errors import counted
from data.leaks import SHOWN, LeakAudit
from models.estimate import Estimate
from pipeline.evaluate import Evaluation, EvaluationResults, rank_agreement, write_results
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.published_results import published_table
from pipeline.evaluate.results_tables import (
    curve_table,
    fold_table,
    main_table,
    paper_table,
    task_tables,
)
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import page_data as page
from pipeline.report.page_writer import write_report
from pipeline.score.calibration import Calibration
from pipeline.settings.destinations import writing

LARGEST = 10
"""Largest errors that are listed."""


def write_evaluation(done: Evaluation) -> None:
    """Write results.json and report.html into the folder. Raises UsageError if writing fails."""
    results, folder = done.results, done.folder
    of = " of synthetic data" if results.made_by else ""
    data = evaluation_page(results, f"{results.kind.capitalize()}{of}: {results.method['name']}, {results.protocol}")
    with writing(folder):
        write_results(results, folder / "results.json")
        write_report(folder / "report.html", data)


def evaluation_page(results: EvaluationResults, title: str) -> page.ReportData:
    """The page of an evaluation, with its origin."""
    # other protocols fix the folds; "Methods" has the seed
    settings = {key: value for key, value in results.method.items() if key != "split" or results.protocol == "kfold"}
    return page.ReportData(
        title,
        subtitle=counted(results.performances, "performance"),
        origin=results.origin.facts(),
        config=json.dumps(settings, indent=1, sort_keys=True) if settings else "",
        evaluation=section_of_evaluation(results),
    )


def section_of_evaluation(results: EvaluationResults) -> page.EvaluationSection:
    """The evaluation's section of a report page."""
    name = results.against
    published = published_table(results)
    predictions = _predictions(results, name)
    further = [fold_table(results), _largest_errors(predictions, name), *([published] if published else [])]
    further += task_tables(results)
    further += [curve_table(results.curve)] if results.curve else []
    return page.EvaluationSection(
        title=results.kind.capitalize(),
        rho=results.systems[name].average.rho,
        rho_of=f"Rank correlation of '{name}' with the judges"
        f"{', means of users removed' if results.users else ', fold means removed' if len(results.folds) > 1 else ''}",
        rho_about=_about(results),
        predictions=predictions,
        table=main_table(results),
        further=tuple(further),
        comparison=results.comparison,
        notes=tuple(note.text for note in results.notes),
        losses=results.systems.get(OURS, results.systems[name]).losses,
        leaks=leak_checks(results.audit),
        methods_text=results.methods_text,
        paper_table=paper_table(results),
    )


def section_of_training_folds(calibration: Calibration, ids: Sequence[str]) -> page.EvaluationSection:
    """The section on the training videos `ids`, each predicted by networks trained without its fold."""
    truth, predicted, accuracy = calibration.truth, calibration.predicted, calibration.accuracy
    folds = [str(fold) for fold in calibration.fold]
    rows = zip(ids, truth.tolist(), predicted.tolist(), calibration.own_intervals(), folds, strict=True)
    predictions = [
        page.ScatterPoint(name, true, Estimate(guess, *ends or ()), "", fold) for name, true, guess, ends, fold in rows
    ]
    rho = rank_agreement([calibration], "performances" if calibration.unit == "performance" else "groups")
    return page.EvaluationSection(
        title="Held-out training videos",
        rho=rho,
        rho_of="Rank correlation of this model with the judges",
        rho_about=f"{accuracy.held_out} in {counted(calibration.networks.parts, 'fold')}",
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
        leaks=tuple((f"{kind} on both sides", True, "") for kind in calibration.facts.unsplit),
    )  # fmt: skip


def _about(results: EvaluationResults) -> str:
    """The number of performances and folds of the result."""
    tasks = f" of {counted(len(results.tasks), 'task')}" if len(results.tasks) > 1 else ""
    held_out = counted(results.held_out_count(), "held-out performance")
    return f"{held_out}{tasks}, protocol {results.protocol}, {counted(len(results.folds), 'fold')}"


def _predictions(results: EvaluationResults, system: str) -> tuple[page.ScatterPoint, ...]:
    """Held-out predictions, each with the 80 % interval from the residuals of the other folds."""
    predictions: list[page.ScatterPoint] = []
    for task in results.tasks:
        entries = [entry for entry in results.predictions if entry.task == task]
        intervals = results.held_out(task, system).own_intervals()
        predictions += [
            page.ScatterPoint(e.id, e.true, Estimate(e.systems[system].value, *ends or ()), task, e.fold)
            for e, ends in zip(entries, intervals, strict=True)
        ]
    return tuple(predictions)


def _largest_errors(predictions: Sequence[page.ScatterPoint], system: str) -> Table:
    """The performances with the largest errors."""
    errors = {point: (point.predicted.value or 0.0) - point.true for point in predictions}
    largest = sorted(predictions, key=lambda point: -abs(errors[point]))[:LARGEST]
    return Table(
        f"Largest errors of '{system}'",
        ("judges", "predicted", "difference"),
        tuple(TableRow(point.id, (point.true, point.predicted.value, errors[point])) for point in largest),
        note="Difference: predicted minus judges.",
        head="performance",
    )


def leak_checks(audit: LeakAudit | None) -> tuple[page.LeakCheck, ...] | None:
    """The leak audit as questions and answers; None if it did not run."""
    if audit is None:
        return None
    kinds = {leak.kind for leak in audit.leaks}
    checks: list[page.LeakCheck] = [(f"{kind} on both sides", kind not in kinds, "") for kind in audit.forbid]
    checks.append(("performance on both sides", "record" not in kinds, ""))
    checks += [(f"{kind} on both sides", not n or None, "allowed by this protocol") for kind, n in audit.shared.items()]
    if not audit.subjects_known:
        checks.append(("subject on both sides", None, "not checked: the data set names no subjects"))
    if audit.content_checked:
        checks.append(("equal files on both sides", "content" not in kinds, ""))
    else:
        checks.append(("equal files", None, "not compared: some files are absent"))
    checks += [
        (f"fold {leak.fold}", False, f"{leak.kind} '{leak.value}' on both sides") for leak in audit.leaks[:SHOWN]
    ]
    if more := len(audit.leaks[SHOWN:]):
        checks.append(("in all folds", False, f"{more} more"))
    return tuple(checks)
