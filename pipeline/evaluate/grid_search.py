"""Grid search: selects settings of the network and the recipe by inner validation, on training parts only.

A candidate is one combination of a grid, as a whole configuration. The training part of each fold of the protocol is
split into inner folds, by the groups that the protocol keeps apart (users under leave-one-user-out). Every candidate
trains on the inner training parts and predicts the rest. A training receives the performances of its training part
only, so that it cannot read a test part. `search` returns plain values, written to `search.json` (format 1):

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

import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.errors import DataError, UsageError
from data.leaks import LeakReport
from data.splits import Fold, forbidden
from data.store import write_text
from data.store.arrays import Floats
from models.metrics import fisher_average
from pipeline.config import SCORER_SECTIONS, BaseConfig
from pipeline.evaluate.cross_validation import make_parts
from pipeline.evaluate.fold_summary import or_none
from pipeline.evaluate.protocols import leak_audit, protocol_folds
from pipeline.evaluate.spread import Job, Run, run_here
from pipeline.features import FeatureSet
from pipeline.observer import Progress
from pipeline.systems import AimSystem, Part, Selected, System
from pipeline.systems.selection import INNER_FOLDS, INNER_RUNS, agreement, inner_folds
from pipeline.train import Stop
from pipeline.yaml_values import parse_values

FORMAT = 1

SearchResults = dict[str, Any]

NO_CHOICE = ("train.seed", "train.runs", "train.device", "train.checkpoint_every")
"""Settings that are no part of the method: a better seed is chance."""

CHOSEN = "AIM, settings by inner validation"
"""Name of the row whose settings are chosen for each fold."""


@dataclass(frozen=True)
class Candidate:
    """One combination of settings, and the whole configuration with it."""

    settings: Mapping[str, Any]
    config: BaseConfig


def parse_grid(grids: Sequence[str]) -> dict[str, list[Any]]:
    """`["model.width=64,128"]` to `{"model.width": [64, 128]}`; a value that is a list is in brackets.

    Raises UsageError for another form, or a key that is no setting of the network or the recipe.
    """
    grid: dict[str, list[Any]] = {}
    for text in grids:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not values:
            raise UsageError(f"'--grid {text}' is not of the form key=value,value", fix="--grid model.width=64,128")
        if key.split(".")[0] not in SCORER_SECTIONS or key.count(".") != 1 or key in NO_CHOICE:
            why = "is no part of the method" if key in NO_CHOICE else "is no setting of the network or the recipe"
            raise UsageError(f"'{key}' {why}", fix="Keys begin with model. or train., such as train.weight_decay")
        if key in grid:
            raise UsageError(f"'--grid {key}' is given twice", fix="Give all its values at once, separated by commas")
        grid[key] = _distinct(parse_values(values))
    if not grid:
        raise UsageError("nothing to search", fix="Example: --grid model.width=64,128 --grid train.weight_decay=.1,.3")
    return grid


def candidates(
    grid: Mapping[str, Sequence[Any]], configure: Callable[[list[str]], BaseConfig], sample: int = 0
) -> list[Candidate]:
    """Every combination of the grid, or `sample` of them drawn at random (0: all).

    `configure` makes a configuration with overrides of the form `key=value`. Raises UsageError for an invalid one.
    """
    every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if 0 < sample < len(every):
        drawn = sorted(random.Random(0).sample(range(len(every)), sample))  # noqa: S311 -- no secret
        every = [every[i] for i in drawn]
    return [Candidate(one, configure([f"{key}={json.dumps(value)}" for key, value in one.items()])) for one in every]


def by_inner_validation(tried: Sequence[Candidate]) -> Selected:
    """AIM as a system that selects its settings inside each training part, so that its results are unbiased.

    The first of `tried` names the protocol, whose groups stay together inside.
    """
    systems = []
    for one in tried:
        model, recipe = one.config.scorer
        name = ", ".join(f"{key}={json.dumps(value)}" for key, value in one.settings.items())
        systems.append(AimSystem(name, model, recipe))
    first = tried[0].config
    return Selected(CHOSEN, tuple(systems), forbidden(first.protocol), seed=first.split.seed)


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
    inner = {name: _inner_parts(features, parts, name, kinds, config.split.seed, folds) for name in fold_names(parts)}
    inner = {name: cuts for name, cuts in inner.items() if cuts}
    if not inner:
        raise DataError(
            f"no training part can be split into {folds} inner folds",
            fix="More groups of performances, or fewer --folds",
        )
    leaks = _audit(features, config, inner)
    numbered = list(enumerate(tried, start=1))
    jobs = [
        Job(cut.fold, (_candidate(number, one, runs),), cut.train, cut.test, checkpoints)
        for number, one in numbered
        for cuts in inner.values()
        for cut in cuts
    ]
    predicted = iter(run(features, jobs, progress, stop))
    rows: list[dict[str, Any]] = []
    for number, one in numbered:
        means = {name: [next(predicted)[0].score.mean(0) for _ in cuts] for name, cuts in inner.items()}
        rows.append({"candidate": number, "settings": dict(one.settings), **_figures(features, inner, means)})
    counts = [
        {
            "name": fold.name,
            "train": len(fold.train),
            "test": len(fold.test),
            "inner": len({part.fold for part in inner.get(fold.name, ())}),
        }
        for fold in outer
    ]
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "protocol": {"name": config.protocol, "folds": counts},
        "audit": leaks.as_dict(),
        "grid": {key: _distinct([one.settings[key] for one in tried]) for key in tried[0].settings},
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


def fold_names(parts: Sequence[Part]) -> list[str]:
    """The folds, in order."""
    return list(dict.fromkeys(part.fold for part in parts))


def _inner_parts(
    features: FeatureSet, parts: Sequence[Part], name: str, kinds: tuple[str, ...], seed: int, folds: int
) -> list[Part]:
    """The inner folds of the training part of the fold `name`, as rows of all features."""
    rows = np.concatenate([part.train for part in parts if part.fold == name])
    inner = inner_folds(features.take(rows), kinds, seed, folds=folds)
    return [Part("", f"{name}/{cut.fold}", rows[cut.train], rows[cut.test]) for cut in inner]


def _candidate(number: int, one: Candidate, runs: int) -> System:
    model, recipe = one.config.scorer
    return AimSystem(f"candidate {number}", model, recipe).inner(runs)


def _figures(
    features: FeatureSet, inner: Mapping[str, Sequence[Part]], means: Mapping[str, Sequence[Floats]]
) -> SearchResults:
    """Correlations of one candidate; `means` are the predictions of each inner part."""

    def over(pairs: Sequence[tuple[Part, Floats]]) -> float:
        rows, values = (np.concatenate(each) for each in zip(*((cut.test, one) for cut, one in pairs), strict=True))
        return agreement(features, rows, values)

    pairs = {name: list(zip(cuts, means[name], strict=True)) for name, cuts in inner.items()}
    by_fold = {name: over(each) for name, each in pairs.items()}
    by_inner = {pair[0].fold: over([pair]) for each in pairs.values() for pair in each}
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
    return leak_audit(folds, features, config)


def _best(values: Sequence[float | None]) -> int:
    """Number of the first candidate with the highest value."""
    return 1 + int(np.argmax([-2.0 if value is None else value for value in values]))


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for i, value in enumerate(values) if value not in values[:i]]
