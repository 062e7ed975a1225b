"""`evaluate`: a protocol's folds, the leak audit, AIM and the trivial baselines, a table beside the paper's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.leaks import LeakReport, audit
from data.splits import Fold, forbidden, make_folds
from pipeline.baselines import trivial_baselines
from pipeline.cache import Cache
from pipeline.config import BaseConfig
from pipeline.conformal import held_out_intervals
from pipeline.evaluate import Results, SystemProgress, evaluate
from pipeline.features import FeatureSet
from pipeline.leaderboard import OURS, all_systems, table_systems
from pipeline.paper_tables import TABLES, paper_row
from pipeline.report.data import (
    Curve,
    CurveChart,
    EvaluationReport,
    LeakCheck,
    Prediction,
    Table,
    TableRow,
)
from pipeline.stack import Stop
from pipeline.systems import AimSystem, System

MUST_BE_CLEAN = ("louo", "loso", "4fold")
"""Protocols that claim something about new people or trials: they refuse to run on a leaking split."""


def run_protocol(
    config: BaseConfig,
    features: FeatureSet,
    *,
    systems: str = "aim",
    checkpoints: Path | None = None,
    progress: SystemProgress | None = None,
    stop: Stop | None = None,
) -> Results:
    """Evaluate systems and the trivial baselines by the configuration's protocol.

    Args:
        config: names the protocol, the network and the recipe.
        features: labelled performances.
        systems: "aim"; "all" for every system of the paper's tables; or the number of one of its tables.
        checkpoints: folder for resuming after a kill.
        progress: called with (system, done, total).
        stop: asked now and then.

    Raises:
        UsageError: unknown protocol.
        DataError: the records cannot be split this way, or the split leaks and the protocol forbids that.
    """
    model, recipe = config.scorer
    folds = protocol_folds(config, features)
    found = audit(folds, features.records, fingerprints(features, config), forbidden(config.protocol))
    if config.protocol in MUST_BE_CLEAN:
        found.require()
    chosen: list[System] = [AimSystem(OURS, model, recipe, checkpoints=checkpoints), *trivial_baselines()]
    if systems != "aim":
        possible = all_systems(features, model, recipe)
        chosen = list(possible.values()) if systems == "all" else table_systems(systems, possible)
    results = evaluate(features, folds, chosen, protocol=config.protocol, audit=found, progress=progress, stop=stop)
    if systems in TABLES:
        results["paper"] = TABLES[systems].by_task(full=True)
    elif config.name != "demo":
        results["paper"] = paper_row(config.dataset.kind, config.protocol)
    return results


def protocol_folds(config: BaseConfig, features: FeatureSet) -> list[Fold]:
    """The folds of the configuration's protocol over these performances."""
    options = {"k": config.split.folds, "seed": config.split.seed} if config.protocol == "kfold" else {}
    return make_folds(config.protocol, features.records, **options)


def fingerprints(features: FeatureSet, config: BaseConfig) -> dict[str, str] | None:
    """Content of each performance's video, so that equal files under two names are found; None for a pack."""
    if all(record.path is None and not record.sidecars for record in features.records):
        return None
    cache = Cache(config.cache)
    found = {r.id: cache.fingerprint(r.path) for r in features.records if r.path is not None and r.path.exists()}
    cache.close()
    return found


def results_rows(results: Results) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of the table in the paper's form: per task and the Fisher average, for each system."""
    tasks = results["tasks"]
    columns = ("system", *tasks, "Avg. (Fisher)", "MAE")
    rows = []
    for name, system in results["systems"].items():
        values = [task_value(system["tasks"].get(task)) for task in tasks]
        error = np.mean([system["tasks"][task]["together"]["mae"] for task in tasks if task in system["tasks"]])
        average = system["average"]["folds_fisher"]["fisher"]["value"]
        rows.append((name, *values, average, float(error)))
    for name, values in results["paper"].items():
        cells = [values.get(task, None) for task in tasks]
        rows.append((name, *[None if v is None else v / 100 for v in cells], fisher(cells), None))
    return columns, rows


def task_value(task: Mapping[str, Any] | None) -> float | None:
    """Spearman's rho of a task's folds, averaged by Fisher's z."""
    value = None if task is None else task["over_folds"]["fisher"]["value"]
    return None if value is None else float(value)


def fisher(percents: Sequence[float | None]) -> float | None:
    """The Fisher average of correlations in per cent, as the paper averages."""
    from models.metrics import fisher_average

    given = [p / 100 for p in percents if p is not None]
    return fisher_average(given).value if given else None


def evaluation_report(results: Results) -> EvaluationReport:
    """The evaluation's section of a report page."""
    columns, rows = results_rows(results)
    table_rows = []
    for name, *values in rows:
        system = results["systems"].get(name)
        kind = "paper" if system is None else "baseline" if system["baseline"] else "ours"
        table_rows.append(TableRow(name, tuple(values), kind))  # type: ignore[arg-type]
    note = "Spearman's rho per fold, averaged over folds by Fisher's z; the mean of the runs, last epoch."
    table = Table(f"Protocol {results['protocol']['name']}", columns[1:], tuple(table_rows), note=note)
    name = OURS if OURS in results["systems"] else list(results["systems"])[-1]
    ours = results["systems"][name]
    best = ours["average"]["folds_fisher"]["fisher"]["value"]
    return EvaluationReport(
        summary={
            "Spearman's rho, Fisher average": "undefined" if best is None else f"{best:.3f}",
            "held-out performances": str(len(results["predictions"])),
            "folds": str(len(results["protocol"]["folds"])),
        },
        predictions=_predictions(results, name),
        tables=(table,),
        curves=_curves(ours),
        leaks=leak_checks(results["audit"]),
    )


def _predictions(results: Results, system: str) -> tuple[Prediction, ...]:
    """Held-out predictions, each with the 80 % interval that the residuals of the other folds give."""
    found: list[Prediction] = []
    for task in results["tasks"]:
        entries = [entry for entry in results["predictions"] if entry["task"] == task]
        true, mean = [e["true"] for e in entries], [e[system]["mean"] for e in entries]
        ranges = held_out_intervals(true, mean, [e["fold"] for e in entries], 0.8)
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
    checks = [LeakCheck(f"no {kind} on both sides", kind not in kinds) for kind in found["forbid"]]
    checks.append(LeakCheck("no performance on both sides", "record" not in kinds))
    if found["content_checked"]:
        checks.append(LeakCheck("no equal files on both sides", "content" not in kinds))
    else:
        checks.append(LeakCheck("equal files", False, "not compared: the videos are not here"))
    for leak in found["leaks"][:20]:
        checks.append(LeakCheck(f"fold {leak['fold']}", False, f"{leak['kind']} '{leak['value']}' on both sides"))
    return tuple(checks)


def audit_lines(report: LeakReport | Mapping[str, Any]) -> list[str]:
    """What the terminal says of the audit."""
    found = report.as_dict() if isinstance(report, LeakReport) else report
    verdict = "no leak" if found["ok"] else f"{len(found['leaks'])} leak(s)"
    lines = [f"leak audit: {verdict}; kept apart: {', '.join(found['forbid'])}"]
    return lines + [
        f"leak: fold {leak['fold']}, {leak['kind']} '{leak['value']}' on both sides" for leak in found["leaks"][:10]
    ]
