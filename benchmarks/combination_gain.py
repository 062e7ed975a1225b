"""Measures whether the combination is as good as its best candidate, on planted people under leave-one-user-out.

    python -m benchmarks.combination_gain [--sets 4] [--out FILE]

A set has eight people with four trials in each of three tasks. The best candidate is known only after the evaluation.
A set takes some 25 s of one core. Prints the mean of each row's Spearman correlation over the sets, and writes JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from data.splits import leave_one_out
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.folds import combination, last_epoch
from pipeline.systems.regressors import RegressionSystem, regressions_for
from pipeline.train.fit import one_thread
from tests.helpers.planted_people import people

STYLE = 1.0
"""Deviation of what shows a person, in units of the effect of the quality."""


def mean_rhos(
    seeds: Iterable[int], candidates: Sequence[RegressionSystem], *, count: int = 8, tasks: int = 3
) -> dict[str, float]:
    """By row, the combination first: the mean of its correlation over sets of `count` people."""
    totals: dict[str, list[float]] = {}
    for seed in seeds:
        features = people(seed, people=count, tasks=tasks, style=STYLE)
        protocol = Protocol(leave_one_out(features.records, "subject"), "louo")
        rows = [combination(candidates, unseen_users=True), *map(last_epoch, candidates)]
        for name, row in cross_validate(features, protocol, rows).systems.items():
            totals.setdefault(name, []).append(row.average.rho.value or 0.0)
    return {name: float(np.mean(values)) for name, values in totals.items()}


def main() -> None:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=4, help="number of sets of people")
    parser.add_argument("--out", type=Path, default=Path("combination.json"))
    options = parser.parse_args()
    with one_thread():
        means = mean_rhos(range(options.sets), regressions_for(("trial", "subject")))
    for name, value in means.items():
        print(f"{value:.3f}  {name}")
    options.out.write_text(json.dumps({"sets": options.sets, "rho": means}, indent=1) + "\n")


if __name__ == "__main__":
    main()
