"""Measures models trained on 12, 24 and 48 judged videos, compared with predictions without video.

    python -m benchmarks.few_videos dives demo [--dives 88] [--repeats 5] [--out FILE]
    python -m benchmarks.few_videos surgeons [--repeats 20] [--out FILE]

dives     rendered dives, in FOLDER with their cache, which may be that of a demo; a second call reuses it. The systems
          are those of `evaluate` with `combined`, with three networks. At least 12 dives remain for testing.
surgeons  simulated knot-tying trials (`benchmarks.unseen_people`), three times as many of each surgeon as in the real
          set. Their time steps are empty, so AIM is left out. Two surgeons are only tested: "new" is their trials.

Each repeat draws nested training sets, with one test set for all sizes. The correlation is that of the whole test set.
Prints tables and writes JSON. The data are synthetic: results in another sport can be better or worse.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.unseen_people import UNSPLIT, draw
from data.splits import TIED
from data.store.arrays import Rows
from models.metrics import spearman
from pipeline.cache import open_cache
from pipeline.demo.demo_run import demo_config
from pipeline.demo.rendered_dives import render
from pipeline.evaluate.evaluation_plan import RequestedRows, protocol_systems
from pipeline.folds import Fold, Row, TrainingRunner, combination, inner_folds, last_epoch, predict_folds
from pipeline.observer import SILENT
from pipeline.pack.labelled_features import gather_features
from pipeline.run import Planner, dataset_records, run_extract
from pipeline.systems import trivial_baselines
from pipeline.systems.regressors import for_new_people, regressions_for, unseen_systems
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet

SIZES = (12, 24, 48)
NETWORKS = 3
NEW = ("user 0", "user 1")

Case = tuple[FeatureSet, list[Row], list[Fold]]
"""The input of a repeat: performances, rows, and a fold for each column of the table."""

Measured = dict[str, dict[str, tuple[float, float]]]
"""By column and row, Spearman's rho and the mean absolute error."""


def folds_of_sizes(
    features: FeatureSet, order: Rows, test: Rows, name: str = "", unsplit: Sequence[str] = TIED
) -> list[Fold]:
    """A fold for each size, with inner folds, trained on the first rows of `order` and tested on `test`."""
    parts = {size: np.sort(order[:size]) for size in SIZES if size <= len(order)}
    return [Fold(f"{size}{name}", train, test, inner_folds(features, train, unsplit)) for size, train in parts.items()]


def dives(folder: Path, count: int) -> Callable[[int], Iterator[Case]]:
    """Rendered dives with the rows of a combined evaluation, without choosing an epoch; by repeat."""
    config = demo_config(folder, ["combined=true"])
    render(folder / "dives", count, config.machine.work, SILENT)
    records = dataset_records(config).records
    with open_cache(config.machine) as cache:
        run_extract(Planner(config, cache).plan_all(records), config.machine, cache, SILENT)
        features = gather_features(records, config, cache, SILENT)
    rows = protocol_systems(config.method.with_networks(NETWORKS), features, RequestedRows())

    def cases(repeat: int) -> Iterator[Case]:
        order = np.random.default_rng(repeat).permutation(len(features))
        largest = max(size for size in SIZES if size + SIZES[0] <= len(order))
        folds = folds_of_sizes(features, order[:largest], order[largest:])
        yield features, [row for row in rows if not row.epoch], folds

    return cases


def surgeons(repeat: int) -> Iterator[Case]:
    """Simulated trials of known and new surgeons: the combination without AIM, its parts, baselines."""
    features = draw(repeat, tasks=1, times=3)
    new = np.array([record.groups["subject"] in NEW for record in features.records])
    order = np.random.default_rng(repeat).permutation(np.flatnonzero(~new))
    baselines = trivial_baselines(features, shorter=True)
    for name, test, unsplit in ((" known", order[SIZES[-1] :], TIED), (" new", np.flatnonzero(new), UNSPLIT)):
        candidates, new_people = regressions_for(unsplit, features), for_new_people(unsplit, features)
        parts = unseen_systems(features)[:-1] if new_people else candidates
        rows = [combination(candidates, unseen_users=new_people), *map(last_epoch, (*parts, *baselines))]
        yield features, rows, folds_of_sizes(features, order, test, name, unsplit)


def measured(features: FeatureSet, rows: Sequence[Row], folds: Sequence[Fold]) -> Measured:
    """The measures of all rows."""
    found: Measured = {fold.name: {} for fold in folds}
    made, truth = predict_folds(features, folds, rows, TrainingRunner()), label_table(features.records)[:, 0]
    for fold in folds:
        for row in rows:
            predicted = made[fold.name, row.name].score.mean(0)
            error = float(np.abs(predicted - truth[fold.test]).mean())
            found[fold.name][row.name] = spearman(predicted, truth[fold.test]), error
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=("dives", "surgeons"))
    parser.add_argument("folder", nargs="?", type=Path, default=Path("few_videos"))
    parser.add_argument("--dives", type=int, default=88)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("few_videos.json"))
    given = parser.parse_args()
    cases = dives(given.folder, given.dives) if given.source == "dives" else surgeons
    repeats = [
        {name: rows for case in cases(number) for name, rows in measured(*case).items()}
        for number in range(given.repeats)
    ]
    given.out.write_text(json.dumps(repeats, indent=1) + "\n", encoding="utf-8")
    title = f"{given.repeats} repeats of {given.source}: mean rho (deviation of one) mean absolute error"
    table = Table("system", *repeats[0], title=title)
    for name in dict.fromkeys(name for rows in repeats[0].values() for name in rows):
        found = [np.array([one[column].get(name, (np.nan, np.nan)) for one in repeats]) for column in repeats[0]]
        table.add_row(name, *(f"{v.mean(0)[0]:.2f} ({v.std(0)[0]:.2f}) {v.mean(0)[1]:.2f}" for v in found))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
