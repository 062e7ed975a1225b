"""Runs a protocol: folds, leak audit, AIM and the trivial baselines, and tables with the paper's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data.leaks import LeakReport, audit
from data.splits import Fold, forbidden, make_folds
from data.store import RemoteFile
from pipeline.cache import open_cache
from pipeline.config import BaseConfig
from pipeline.evaluate.cross_validation import Results, evaluate
from pipeline.evaluate.fold_summary import FEW, held_out_a_fold
from pipeline.evaluate.leaderboard import (
    OURS,
    TIMES_DIFFICULTY,
    all_systems,
    chosen_systems,
    combination,
    table_systems,
)
from pipeline.evaluate.paper_tables import TABLES, paper_row
from pipeline.evaluate.spread import Run, run_here
from pipeline.features import FeatureSet
from pipeline.observer import Progress
from pipeline.systems import COMBINED, AimSystem, MethodSystem, System, WithEpochs, trivial_baselines
from pipeline.train import Stop

MUST_BE_CLEAN = ("louo", "loso", "4fold")
"""Protocols for claims about new people or trials: they refuse a leaking split."""


TableRows = tuple[str, tuple[str, ...], list[tuple[Any, ...]]]
"""Title, columns and rows of a table."""


def run_protocol(
    config: BaseConfig,
    features: FeatureSet,
    *,
    systems: str = "aim",
    only: str = "",
    oracle: bool = False,
    quick: bool = False,
    checkpoints: Path | None = None,
    more: Sequence[System] = (),
    run: Run = run_here,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Results:
    """Evaluate systems and the trivial baselines by the configuration's protocol.

    AIM and the methods beside it have a row for the last epoch and one for the epoch chosen by inner validation. With
    `model.system: combined`, and under leave-one-user-out, the first row is the combination of AIM with regressions,
    weighted by inner validation (`pipeline.evaluate.leaderboard.combination`).

    Args:
        config: names the protocol, the network and the recipe.
        features: labelled performances.
        systems: "aim"; "all" for every system of the paper's tables; or the number of one of its tables.
        only: those of "all" that are wanted (`pipeline.evaluate.leaderboard.chosen_systems`); empty: all.
        oracle: add a row for the best epoch on the test part, labelled as such ("aim" and "all").
        quick: no inner validation: AIM by its last epoch alone, and equal weights in a combination.
        more: additional systems.

    Raises UsageError for an unknown protocol, DataError where the records cannot be split this way, or the split leaks
    under a protocol that forbids it.
    """
    folds = protocol_folds(config, features)
    report = audit(folds, features.records, fingerprints(features, config), forbidden(config.protocol))
    if config.protocol in MUST_BE_CLEAN:
        report.require()
    chosen = [*more, *_chosen(config, features, systems, oracle, quick, checkpoints)]
    chosen = chosen_systems(only, chosen) if only else chosen
    results = evaluate(
        features,
        folds,
        chosen,
        protocol=config.protocol,
        audit=report,
        against=COMBINED if any(system.name == COMBINED for system in chosen) else OURS,
        run=run,
        progress=progress,
        stop=stop,
    )
    if systems in TABLES:
        table, ours = TABLES[systems], (config.dataset.kind, config.protocol)
        results["paper"] = table.by_task(full=True) if (table.kind, table.protocol) == ours else {}
    elif config.name != "demo":
        results["paper"] = paper_row(config.dataset.kind, config.protocol)
    return results


def _chosen(
    config: BaseConfig, features: FeatureSet, systems: str, oracle: bool, quick: bool, checkpoints: Path | None
) -> list[System]:
    """The systems that `run_protocol` is asked for."""
    model, recipe = config.scorer
    if systems in TABLES:
        return table_systems(systems, all_systems(features, model, recipe, checkpoints))
    chosen = [*_ours(config, features, oracle, quick, checkpoints), *trivial_baselines(features)]
    if systems == "all":
        names = {one.name for system in chosen for one in (system, *getattr(system, "candidates", ()))}
        possible = all_systems(features, model, recipe, checkpoints)
        if config.dataset.score == "execution":  # divided already
            possible.pop(TIMES_DIFFICULTY, None)
        kinds, seed = forbidden(config.protocol), config.split.seed
        chosen += [
            WithEpochs(system, kinds, oracle, seed=seed) if isinstance(system, MethodSystem) else system
            for name, system in possible.items()
            if name not in (*names, OURS)
        ]
    return chosen


def _ours(
    config: BaseConfig, features: FeatureSet, oracle: bool, quick: bool, checkpoints: Path | None
) -> list[System]:
    """AIM with epochs chosen inside the training part, where asked for as part of a combination."""
    model, recipe = config.scorer
    kinds, seed = forbidden(config.protocol), config.split.seed
    network = AimSystem(OURS, model, recipe, checkpoints=checkpoints)
    ours = network if quick else WithEpochs(network, kinds, oracle, seed=seed)
    if not config.combined and config.protocol != "louo":
        return [ours]
    return [combination(features, ours, kinds, seed, validate=not quick)]


def protocol_folds(config: BaseConfig, features: FeatureSet) -> list[Fold]:
    """The folds of the configuration's protocol over these performances."""
    options = {"kfold": {"k": config.split.folds, "seed": config.split.seed}, "holdout": {"seed": config.split.seed}}
    return make_folds(config.protocol, features.records, **options.get(config.protocol, {}))


RECORDINGS = ("video", "kinematics", "keypoints")
"""Kinds of files that two performances cannot share; transcriptions and ratings may be equal by chance."""


def fingerprints(features: FeatureSet, config: BaseConfig) -> dict[str, set[str]] | None:
    """Content hashes of each performance's recordings, which identify equal files under two names; None for a pack."""
    if all(record.path is None and not record.sidecars and not record.remote for record in features.records):
        return None
    cache = open_cache(config.cache, config.storage.reach())
    hashes = {
        record.id: {
            cache.fingerprint(place)
            for kind, place in record.inputs().items()
            if kind in RECORDINGS and (isinstance(place, RemoteFile) or record.files()[kind].exists())
        }
        for record in features.records
    }
    cache.close()
    return hashes


FORMS = {
    "folds": "Spearman's rho per fold, averaged over folds by Fisher's z",
    "together": "Spearman's rho of all held-out predictions ranked together",
}
"""The two forms of a correlation over folds, and the titles of their tables."""

DIRECTIONS: Mapping[str, Literal["high", "low"]] = {
    "Avg. (Fisher)": "high",
    "Avg. (mean)": "high",
    "mean over users": "high",
    "ranked together": "high",
    "rho": "high",
    "rho per user": "high",
    "MAE": "low",
}
"""Which end is good, by column. Other columns, such as ends of intervals and weights, have no good end."""


def results_tables(results: Results) -> list[TableRows]:
    """The tables in the paper's form, one per form of the correlation.

    With one fold both forms are equal, and there is one table. With few held-out performances a fold, all ranked
    together come first, with their intervals.
    """
    titles = dict(FORMS)
    if results["protocol"]["name"] == "louo":
        titles["folds"] = "Spearman's rho per user, averaged over users by Fisher's z"
    if len(results["protocol"]["folds"]) == 1:
        titles = {"together": "Spearman's rho of the held-out predictions"}
    tables = [(title, *results_rows(results, form)) for form, title in titles.items()]
    if held_out_a_fold(results) < FEW:
        tables = [tables[-1], *_interval_table(results), *tables[:-1]]
    return [*tables, *_user_table(results), *_choice_table(results)]


def _interval_table(results: Results) -> list[TableRows]:
    """Intervals of all held-out predictions ranked together, by task; none without resampling."""
    rows = []
    for name, system in results["systems"].items():
        intervals = [system["tasks"].get(task, {}).get("interval") or {} for task in results["tasks"]]
        rows.append((name, *(interval_text(one) for one in intervals)))
    title = "95 % bootstrap interval of all held-out predictions ranked together"
    return [(title, ("system", *results["tasks"]), rows)] if any(cell for row in rows for cell in row[1:]) else []


def interval_text(interval: Mapping[str, Any]) -> str | None:
    """Both ends of an interval, None where it has none."""
    low, high = (interval.get(end) for end in ("low", "high"))
    return None if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _user_table(results: Results) -> list[TableRows]:
    """Both forms of the correlation with intervals over users, where users are the folds."""
    rows, users = [], 0
    for name, system in results["systems"].items():
        if given := system.get("users"):
            users = given["count"]
            ends = [given[form][end] for form in ("mean", "together") for end in ("value", "low", "high")]
            rows.append((name, *ends))
    columns = ("system", "mean over users", "low", "high", "ranked together", "low", "high")
    title = f"Averages over tasks with 95 % bootstrap intervals over {users} users"
    return [(title, columns, rows)] if rows else []


def _choice_table(results: Results) -> list[TableRows]:
    """Inner figures and weights of the systems of a combination, averaged over the folds."""
    choices = results["systems"].get(COMBINED, {}).get("inner") or []
    if not choices:
        return []
    forms = [form for form in ("together", "users") if form in next(iter(choices[0]["figures"].values()))]
    names = {"together": "rho", "users": "rho per user"}
    columns = ("system", *(c for form in forms for c in (names[form], "std. error")), "weight", "least", "most")
    rows = []
    for name in choices[0]["figures"]:
        figures = [_mean(one["figures"][name][k] for one in choices) for f in forms for k in (f, f"{f}_error")]
        weights = [one["weights"][name] for one in choices if name in one["weights"]]
        rows.append((name, *figures, *((_mean(weights), min(weights), max(weights)) if weights else (None,) * 3)))
    return [(f"Inner validation of the combination, mean of {len(choices)} training parts", columns, rows)]


def _mean(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None


def results_rows(results: Results, form: str = "folds") -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of one table, for a form of `FORMS`: per task, averages over tasks, and error of each system."""
    tasks = results["tasks"]
    columns = ("system", *tasks, "Avg. (Fisher)", "Avg. (mean)", "MAE")
    rows = []
    for name, system in results["systems"].items():
        values = [task_value(system["tasks"].get(task), form) for task in tasks]
        error = np.mean([system["tasks"][task]["together"]["mae"] for task in tasks if task in system["tasks"]])
        averages = system["average"]
        shown = (
            (averages["folds_fisher"], averages["folds_arithmetic"]) if form == "folds" else (averages["together"],) * 2
        )
        rows.append((name, *values, shown[0]["fisher"]["value"], shown[1]["arithmetic"]["value"], float(error)))
    for name, values in results["paper"].items():
        cells = [values.get(task, None) for task in tasks]
        given = [v / 100 for v in cells if v is not None]
        mean = float(np.mean(given)) if given else None
        rows.append((name, *[None if v is None else v / 100 for v in cells], fisher(cells), mean, None))
    return columns, rows


def task_value(task: Mapping[str, Any] | None, form: str = "folds") -> float | None:
    """Spearman's rho of a task: of its folds, averaged by Fisher's z, or of all its predictions together."""
    if task is None:
        return None
    value = task["over_folds"]["fisher"]["value"] if form == "folds" else task["together"]["spearman"]
    return None if value is None else float(value)


def fisher(percents: Sequence[float | None]) -> float | None:
    """The Fisher average of correlations in per cent, as the paper averages."""
    from models.metrics import fisher_average

    given = [p / 100 for p in percents if p is not None]
    return fisher_average(given).value if given else None


def audit_lines(report: LeakReport | Mapping[str, Any], left_out: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Lines for the terminal on the audit, and on `left_out` in the results."""
    audited = report.as_dict() if isinstance(report, LeakReport) else report
    verdict = "no leak" if audited["ok"] else f"{len(audited['leaks'])} leak(s)"
    lines = [f"leak audit: {verdict}; kept apart: {', '.join(audited['forbid'])}"]
    if not audited["content_checked"]:
        lines.append("leak audit: contents not compared, because some files are absent")
    for entry in left_out:
        counts = f"{entry['train']} to train on, {entry['test']} to test"
        lines.append(f"note: {entry['task']}, fold {entry['fold']}, is not evaluated: {counts}")
    return lines + [
        f"leak: fold {leak['fold']}, {leak['kind']} '{leak['value']}' on both sides" for leak in audited["leaks"][:10]
    ]
