"""The parts of an evaluation by a protocol: folds, leak audit, systems, and tables of the results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from data.leaks import audit
from data.splits import Fold, forbidden, make_folds
from data.store import RemoteFile
from models.metrics import fisher_average
from pipeline.cache import Cache
from pipeline.evaluate.cross_validation import Protocol, Results
from pipeline.evaluate.fold_summary import FEW, held_out_a_fold, users_of
from pipeline.evaluate.leaderboard import OURS, TIMES_DIFFICULTY, all_systems, table_systems
from pipeline.evaluate.paper_tables import TABLES
from pipeline.settings.config import Config
from pipeline.systems import (
    COMBINED,
    AimSystem,
    BestOnTest,
    ChosenEpoch,
    Combined,
    MethodSystem,
    NetworkSystem,
    Row,
    WithInside,
    trivial_baselines,
    watching,
)
from pipeline.systems.method_system import has_deviation
from pipeline.systems.regressors import regressions_for
from pipeline.train.features import FeatureSet

MUST_BE_CLEAN = ("louo", "loso", "4fold")
"""Protocols for claims about new people or trials: they refuse a leaking split."""


Cells = tuple[Any, ...]

TableRows = tuple[str, tuple[str, ...], list[Cells]]
"""Title, columns and rows of a table."""


@dataclass(frozen=True)
class Asked:
    """The rows of an evaluation.

    Attributes:
        systems: "aim"; "all" for every system of the paper's tables; or the number of one of its tables.
        only: those of "all" that are wanted (`pipeline.evaluate.leaderboard.chosen_systems`); empty: all.
        oracle: add a row for the best epoch on the test part, labelled as such ("aim" and "all").
        quick: few networks and no inner validation: AIM by its last epoch alone, and a combination of all its systems.
        curve: also a learning curve, of the training part alone under `protocol: fixed`.
        more: additional systems.
    """

    systems: str = "aim"
    only: str = ""
    oracle: bool = False
    quick: bool = False
    curve: bool = False
    more: Sequence[Row] = ()


def protocol_of(features: FeatureSet, config: Config, cache: Cache) -> Protocol:
    """The folds of the configured protocol over these performances, audited for leaks.

    Raises UsageError for an unknown protocol, DataError where the records cannot be split this way, or the split leaks
    under a protocol that forbids it.
    """
    folds = protocol_folds(config, features)
    report = audit(folds, features.records, fingerprints(features, cache), forbidden(config.method.protocol))
    if config.method.protocol in MUST_BE_CLEAN:
        report.require()
    return Protocol(folds, config.method.protocol, config.method.split.seed, report)


def protocol_systems(config: Config, features: FeatureSet, asked: Asked) -> list[Row]:
    """The systems of an evaluation, without `asked.more` and before `asked.only`.

    AIM and the methods beside it have a row for the last epoch and one for the epoch chosen by inner validation. With
    `model.system: combined`, and under leave-one-user-out, the first row is the combination of AIM with regressions,
    chosen by inner validation (`pipeline.systems.combination.Combined`).
    """
    model, recipe = config.method.scorer
    if asked.systems in TABLES:
        return [*table_systems(asked.systems, all_systems(features, model, recipe))]

    def with_epochs(network: NetworkSystem) -> list[Row]:
        """A network by its last epoch, by the epoch chosen inside the training part and, on request, on the test part.

        One training serves all.
        """
        network = watching(network)
        last = WithInside(network) if has_deviation(network) else network
        return [last, ChosenEpoch(network), *([BestOnTest(network)] if asked.oracle else [])]

    network: NetworkSystem = AimSystem(OURS, model, recipe)
    network = network if asked.quick else watching(network)
    ours: list[Row] = [network] if asked.quick else with_epochs(network)
    if config.method.combined or config.method.protocol == "louo":
        regressions = regressions_for(forbidden(config.method.protocol))
        combined = Combined((network, *regressions), inside=not asked.quick)
        ours = [combined, *ours, *regressions]
    chosen = [*ours, *trivial_baselines(features)]
    if asked.systems == "all":
        possible = all_systems(features, model, recipe)
        if config.dataset.score == "execution":  # divided already
            possible.pop(TIMES_DIFFICULTY, None)
        names = {system.name for system in chosen}
        for name, system in possible.items():
            if name not in names and name != OURS:
                chosen += with_epochs(system) if isinstance(system, MethodSystem) else [system]
    return chosen


def protocol_folds(config: Config, features: FeatureSet) -> list[Fold]:
    """The folds of the configuration's protocol over these performances."""
    options = {
        "kfold": {"k": config.method.split.folds, "seed": config.method.split.seed},
        "holdout": {"seed": config.method.split.seed},
    }
    return make_folds(config.method.protocol, features.records, **options.get(config.method.protocol, {}))


RECORDINGS = ("video", "kinematics", "keypoints")
"""Kinds of files that two performances cannot share; transcriptions and ratings may be equal by chance."""


def fingerprints(features: FeatureSet, cache: Cache) -> dict[str, set[str]] | None:
    """Content hashes of each performance's recordings, which identify equal files under two names; None for a pack."""
    if all(record.path is None and not record.sidecars and not record.remote for record in features.records):
        return None
    return {
        record.id: {
            cache.fingerprint(place)
            for kind, place in record.inputs().items()
            if kind in RECORDINGS and (isinstance(place, RemoteFile) or record.files()[kind].exists())
        }
        for record in features.records
    }


SINGLE_RUNS = f"{OURS}, mean of single networks"
"""Row beside the paper's, which are means over single networks; the other rows are of the networks' mean prediction."""

AVERAGES = "Fisher average", "arithmetic average"
"""Columns of averages over tasks."""

PER_USER = "mean over users"
"""Column of each user's own correlation, averaged over users and then tasks."""

CENTRED = "fold means removed"
"""Column of the correlation of all ranked together after each fold's mean is taken from predictions and labels."""

FORMS = {
    "folds": "Spearman's rho per fold, averaged over folds by Fisher's z",
    "together": "Spearman's rho of all held-out predictions ranked together, biased downward where folds have different"
    " means",
}
"""The two forms of a correlation over folds, and the titles of their tables."""

DIRECTIONS: Mapping[str, Literal["high", "low"]] = {
    "rho": "high",
    "rho per user": "high",
    "MAE": "low",
}
"""Which end is good, by column. Other columns, such as intervals and weights, have no good end."""


def direction(column: str) -> Literal["high", "low", "neither"]:
    """Which end of a column is good. A column with a number of performances or users has correlations."""
    return "high" if re.search(r" \(n \d+\)$", column) else DIRECTIONS.get(column, "neither")


def results_tables(results: Results) -> list[TableRows]:
    """The tables in the paper's form, one per form of the correlation, each with intervals.

    With one fold both forms are equal, and there is one table. With few held-out performances a fold there is no table
    per fold.
    """
    titles = dict(FORMS)
    if users := users_of(results):
        titles["folds"] = "Spearman's rho per user, averaged over users by Fisher's z"
        titles = {form: f"{title}; intervals over {users} users" for form, title in titles.items()}
    if len(results["protocol"]["folds"]) == 1:
        titles = {"together": "Spearman's rho of the held-out predictions"}
    elif held_out_a_fold(results) < FEW:
        del titles["folds"]
    tables = [(title, *results_rows(results, form)) for form, title in titles.items()]
    return [*tables, *_choice_table(results)]


INTERVAL = "95 % interval"


def held_out_of(results: Results, task: str | None = None) -> int:
    """Held-out performances of a task, or of all; views and copies count once."""
    entries = results["predictions"]
    return len({(entry["task"], entry["performance"]) for entry in entries if task in (None, entry["task"])})


def interval_text(interval: Mapping[str, Any] | None) -> str | None:
    """Both ends of an interval, None where it has none."""
    low, high = ((interval or {}).get(end) for end in ("low", "high"))
    return None if low is None or high is None else f"{low:.2f} to {high:.2f}"


Bounded = tuple[float | None, str | None]
"""A value and its interval as text."""


def average_of(results: Results, system: str, form: str, over: str = "fisher") -> Bounded:
    """A system's average over tasks; `form` and `over` are of `pipeline.evaluate.fold_summary.average_summary`."""
    given = results["systems"].get(system, {}).get("average", {}).get(form, {}).get(over, {})
    value = given.get("value")
    return value, None if value is None else interval_text(given.get("interval"))


def _choice_table(results: Results) -> list[TableRows]:
    """Correlations in inner validation of the systems of a combination, and the training parts that average them."""
    choices = results["systems"].get(COMBINED, {}).get("inner") or []
    if not choices:
        return []
    rows = [
        (
            name,
            _mean(one["tests"][name]["rho"] for one in choices),
            _mean(one["tests"][name]["p"] for one in choices),
            sum(name in one["used"] for one in choices),
        )
        for name in choices[0]["names"]
    ]
    title = f"Inner validation of the combination, mean of {len(choices)} training parts"
    return [(title, ("system", "rho", "p", f"averaged in (of {len(choices)})"), rows)]


def _mean(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None


def results_rows(results: Results, form: str = "folds") -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of one table, for a form of `FORMS`: correlations and error of each system.

    Each task has its correlation and, where any system has one, the interval. Several tasks have averages. All ranked
    together are shown with fold means removed as well. The first table under leave-one-user-out has the mean over
    users. The paper's values are per fold, so beside another form of several folds only their mean over users is shown.
    """
    per_fold, several, one_fold = form == "folds", len(results["tasks"]) > 1, len(results["protocol"]["folds"]) == 1
    tasks, users = results["tasks"], users_of(results)
    key = "folds_interval" if per_fold else "interval"
    each = [task for system in results["systems"].values() for task in system["tasks"].values()]
    bounded = any(interval_text(task.get(key)) for task in each)
    counts = dict.fromkeys(AVERAGES if several else (), held_out_of(results))
    if users and (per_fold or held_out_a_fold(results) < FEW):
        if per_fold:
            counts.pop(AVERAGES[1], None)  # it is the mean over users
        counts[PER_USER] = users
    if not per_fold and not one_fold:
        counts[CENTRED] = held_out_of(results)

    def row(name: str, given: Sequence[Bounded], averages: Sequence[Bounded], error: float | None) -> Cells:
        shown = dict(zip((*AVERAGES, PER_USER), averages, strict=True)) | {
            CENTRED: average_of(results, name, "centred")
        }
        pairs = [*given, *(shown[column] for column in counts)]
        return (name, *(cell for pair in pairs for cell in pair[: 1 + bounded]), error)

    rows = list[Cells]()
    for name, system in results["systems"].items():
        by_task = [system["tasks"].get(task) or {} for task in tasks]
        if per_fold:
            values = [task["over_folds"]["fisher"]["value"] if task else None for task in by_task]
            forms = ("folds_fisher", "folds_arithmetic")
        else:
            values = [task["together"]["spearman"] if task else None for task in by_task]
            forms = ("together", "together")
        given = [(value, interval_text(task.get(key))) for value, task in zip(values, by_task, strict=True)]
        wanted = ((forms[0], "fisher"), (forms[1], "arithmetic"), ("folds_arithmetic", "arithmetic"))
        error = float(np.mean([task["together"]["mae"] for task in by_task if task]))
        rows.append(row(name, given, [average_of(results, name, *one) for one in wanted], error))
    beside_paper = per_fold or one_fold
    if beside_paper and results["paper"] and OURS in results["systems"]:
        system = results["systems"][OURS]
        of_runs = [system["tasks"].get(task) for task in tasks]
        one = "folds_fisher" if per_fold else "together"
        cells = [task and task["runs"][one]["mean"] for task in of_runs]
        fisher = average_of(results, OURS, f"runs_{one}")
        mean = average_of(results, OURS, "runs_folds_arithmetic" if per_fold else "runs_together", "arithmetic")
        rows.append(row(SINGLE_RUNS, [(cell, None) for cell in cells], (fisher, mean, mean), None))
    for name, printed in results["paper"].items() if beside_paper or PER_USER in counts else ():
        cells = [None if printed.get(task) is None else printed[task] / 100 for task in tasks]
        known = [cell for cell in cells if cell is not None]
        mean = (_mean(known), None)
        if beside_paper:
            averages = [(fisher_average(known).value if known else None, None), mean, mean]
        else:
            cells, averages = [None] * len(tasks), [(None, None), (None, None), mean]
        rows.append(row(name, [(cell, None) for cell in cells], averages, None))
    heads = [f"{task or 'rho'} (n {held_out_of(results, task)})" for task in tasks]
    heads += [f"{name} (n {count})" for name, count in counts.items()]
    return ("system", *(head for name in heads for head in (name, INTERVAL)[: 1 + bounded]), "MAE"), rows


def audit_lines(audited: Mapping[str, Any], left_out: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Lines for the terminal on the audit, and on `left_out` in the results."""
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
