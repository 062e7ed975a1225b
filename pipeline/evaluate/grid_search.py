"""Grid search: selects settings of the network and the recipe by inner validation, on training parts only.

The training part of each fold of the protocol is split into inner folds, by the groups that the protocol keeps apart
(users under leave-one-user-out). Every candidate trains on the inner training parts and predicts the rest. A training
receives the performances of its training part only, so that it cannot read a test part. `search` returns plain values,
written to `search.json` (format 1):

    format, created       1, and when
    protocol              {name, folds: [{name, train, test, inner}]} with counts, the last of inner folds
    audit                 the leak audit of the inner folds (`data.leaks.LeakReport.as_dict`)
    grid                  {key: [values]} as asked for
    runs                  networks per candidate and inner fold
    candidates            [{candidate, settings, mean, spread, folds, inner}], in the order of the grid
        candidate         its number, from 1
        settings          {key: value}
        mean              Spearman's rho of all inner predictions of a task ranked together, averaged over tasks and
                          over the folds of the protocol by Fisher's z; null where undefined
        spread            standard deviation of `inner` over all inner folds
        folds             {fold: rho} the same before averaging over the folds of the protocol
        inner             {fold/inner fold: rho} of the predictions of one inner fold
    best                  number of the candidate with the highest mean
    by_fold               {fold: number} the candidate with the highest rho inside that fold's training part
    test_seen             true where each performance is in the training part of some fold: the same protocol then
                          overestimates the best candidate, which was selected by these labels
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.errors import DataError
from data.leaks import LeakReport, audit
from data.splits import Fold, forbidden
from data.store import write_text
from data.store.arrays import Floats
from models.metrics import fisher_average
from pipeline.config import BaseConfig
from pipeline.evaluate.candidates import Candidate
from pipeline.evaluate.cross_validation import make_parts
from pipeline.evaluate.fold_summary import or_none
from pipeline.evaluate.protocols import MUST_BE_CLEAN, fingerprints, protocol_folds
from pipeline.evaluate.spread import Run, run_here
from pipeline.evaluate.spread_jobs import Job
from pipeline.features import FeatureSet
from pipeline.observer import Progress
from pipeline.systems import AimSystem, Part
from pipeline.systems.selection import INNER_FOLDS, INNER_RUNS, agreement, inner_parts, sortable
from pipeline.train import Stop, label_table

FORMAT = 1

SearchResults = dict[str, Any]


def search(
    features: FeatureSet,
    tried: Sequence[Candidate],
    *,
    folds: int = INNER_FOLDS,
    runs: int = INNER_RUNS,
    checkpoints: Path | None = None,
    run: Run = run_here,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> SearchResults:
    """Score every candidate inside the training parts of the protocol; the module's docstring describes the result.

    Args:
        tried: they differ in network and recipe only; the first names protocol and splits.
        folds: inner folds of a training part.
        runs: networks per candidate and inner fold, at most.
        run: where candidates train (`pipeline.evaluate.spread.pick_run`). Changes no result.

    Raises DataError where no training part can be split, or an inner fold leaks under a protocol that forbids it,
    AimError where a candidate failed (the message begins with its number), Cancelled after `stop`.
    """
    config = tried[0].config
    outer = protocol_folds(config, features)
    parts = make_parts(features, outer)
    kinds = forbidden(config.protocol)
    inner = inner_parts(features, parts, kinds, config.split.seed, folds=folds, shared=False)
    inner = {name: cuts for name, cuts in inner.items() if cuts}
    if not inner:
        raise DataError(
            f"no training part can be split into {folds} inner folds",
            fix="More groups of performances, or fewer --folds",
        )
    leaks = _audit(features, config, inner)
    numbered = list(enumerate(tried, start=1))
    jobs = [_job(number, one, name, inner[name], runs, checkpoints) for number, one in numbered for name in inner]
    held = iter(run(features, jobs, progress, stop))
    true = label_table(features.records)[:, 0]
    rows = []
    for number, one in numbered:
        means = {name: [scores.mean(0) for scores in next(held).score] for name in inner}
        rows.append({"candidate": number, "settings": dict(one.settings), **_figures(inner, means, true)})
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "protocol": {"name": config.protocol, "folds": [_counts(fold, inner) for fold in outer]},
        "audit": leaks.as_dict(),
        "grid": {key: _values(tried, key) for key in tried[0].settings},
        "runs": min(runs, config.scorer[1].runs),
        "candidates": rows,
        "best": _best([row["mean"] for row in rows]),
        "by_fold": {name: _best([row["folds"][name] for row in rows]) for name in inner},
        "test_seen": config.protocol != "fixed",
    }


def write_search(results: SearchResults, tried: Sequence[Candidate], folder: Path) -> tuple[Path, Path]:
    """Write `search.json` and `best.yaml`, a whole configuration that `--config` takes; returns their places."""
    best = results["best"]
    settings = ", ".join(f"{key}: {value}" for key, value in results["candidates"][best - 1]["settings"].items())
    head = (
        f"# Candidate {best} of {len(tried)} of a search by inner validation, protocol {results['protocol']['name']}\n"
    )
    body = yaml.safe_dump(tried[best - 1].config.dump(), sort_keys=False, allow_unicode=True)
    write_text(folder / "search.json", json.dumps(results, indent=1, allow_nan=False) + "\n")
    write_text(folder / "best.yaml", f"{head}# {settings}\n{body}")
    return folder / "search.json", folder / "best.yaml"


def search_rows(results: SearchResults) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of the table: all candidates, the best first."""
    keys = tuple(results["grid"])
    ranked = sorted(results["candidates"], key=lambda row: -_sortable(row["mean"]))
    rows = []
    for row in ranked:
        number = f"{row['candidate']}{' (best)' if row['candidate'] == results['best'] else ''}"
        rows.append((number, *(json.dumps(row["settings"][key]) for key in keys), row["mean"], row["spread"]))
    return ("candidate", *keys, "rho inside the training part", "spread over inner folds"), rows


def search_notes(results: SearchResults) -> list[str]:
    """Notes for the reader of the table."""
    if not results["test_seen"]:
        return ["the test part was not used"]
    distinct = len(set(results["by_fold"].values()))
    chosen = "the same in every fold" if distinct == 1 else f"{distinct} different ones over the folds"
    return [
        f"best inside the training part of each fold: {chosen}",
        f"note: under {results['protocol']['name']} each performance is in some training part: `evaluate` with"
        " best.yaml on the same performances overestimates it; `evaluate` with the same --grid does not",
    ]


def _job(number: int, one: Candidate, fold: str, inner: Sequence[Part], runs: int, checkpoints: Path | None) -> Job:
    """One candidate in the training part of one fold; the job receives the rows of that part only."""
    model, recipe = one.config.scorer
    name = f"candidate {number}"
    fewer = recipe.model_copy(update={"runs": min(runs, recipe.runs)})
    place = None if checkpoints is None else checkpoints / f"{number}-{re.sub(r'[^A-Za-z0-9]+', '_', fold)}"
    system = AimSystem(name, model, fewer, checkpoints=place)
    rows = np.unique(np.concatenate([part.train for part in inner] + [part.test for part in inner]))
    inside = tuple(
        Part(part.task, part.fold, np.searchsorted(rows, part.train), np.searchsorted(rows, part.test))
        for part in inner
    )
    return Job(name, system, inside, rows)


def _figures(inner: Mapping[str, Sequence[Part]], means: Mapping[str, Sequence[Floats]], true: Floats) -> SearchResults:
    """Correlations of one candidate; `means` are the predictions of each inner part."""
    by_fold, by_inner = {}, {}
    for name, parts in inner.items():
        pairs = list(zip(parts, means[name], strict=True))
        by_fold[name] = agreement(pairs, true)
        for cut in dict.fromkeys(part.fold for part in parts):
            by_inner[cut] = agreement([pair for pair in pairs if pair[0].fold == cut], true)
    defined = [value for value in by_inner.values() if np.isfinite(value)]
    return {
        "mean": or_none(fisher_average(list(by_fold.values())).value),
        "spread": float(np.std(defined, ddof=1)) if len(defined) > 1 else None,
        "folds": {name: or_none(value) for name, value in by_fold.items()},
        "inner": {name: or_none(value) for name, value in by_inner.items()},
    }


def _audit(features: FeatureSet, config: BaseConfig, inner: Mapping[str, Sequence[Part]]) -> LeakReport:
    """The leak audit of the inner folds, over all tasks of each."""
    sides: dict[str, tuple[set[str], set[str]]] = {}
    for part in (part for parts in inner.values() for part in parts):
        train, test = sides.setdefault(part.fold, (set(), set()))
        train |= {features.ids[row] for row in part.train}
        test |= {features.ids[row] for row in part.test}
    folds = [Fold(name, tuple(sorted(train)), tuple(sorted(test))) for name, (train, test) in sides.items()]
    leaks = audit(folds, features.records, fingerprints(features, config), forbidden(config.protocol))
    if config.protocol in MUST_BE_CLEAN:
        leaks.require()
    return leaks


def _counts(fold: Fold, inner: Mapping[str, Sequence[Part]]) -> SearchResults:
    cuts = {part.fold for part in inner.get(fold.name, ())}
    return {"name": fold.name, "train": len(fold.train), "test": len(fold.test), "inner": len(cuts)}


def _best(values: Sequence[float | None]) -> int:
    """Number of the first candidate with the highest value."""
    return 1 + int(np.argmax([_sortable(value) for value in values]))


def _sortable(value: float | None) -> float:
    return sortable(float("nan") if value is None else value)


def _values(tried: Sequence[Candidate], key: str) -> list[Any]:
    values: list[Any] = []
    for one in tried:
        if one.settings[key] not in values:
            values.append(one.settings[key])
    return values
