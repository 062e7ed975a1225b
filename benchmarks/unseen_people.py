"""Measures systems on simulated surgical trials of unseen people.

    python -m benchmarks.unseen_people [--draws 20] [--first 0] [--stated] [--out FILE]

`surgeons.npz` beside this file has statistics of real suturing, needle-passing and knot-tying trials, but no trials.
They are the number of trials of each of eight surgeons; mean and deviation of 71 trial descriptors and of the judges'
score, by task; and their covariances within a surgeon's trials of a task ("within"), between a surgeon's tasks
("user_task"), and between surgeons ("user"). A draw is normal with these covariances, so it has the sizes, noise and
correlations of the real trials.

The whole-scene feature is synthetic: it depends on the surgeon and the task, not on the trial. The time steps of a draw
are empty, so AIM is left out. A system that works here can still fail on real trials.

Every surgeon is held out once (`louo`), and the measures are those of `evaluate`. `--stated` compares the accuracy that
`train` states for unseen people with the errors on the held-out surgeon: the share of trials inside the 80 % interval
and inside "8 of 10 within", and both mean errors. 20 draws take about three minutes of one core.
Prints a table and writes JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from data.splits import bundle_numbers, kfold, leave_one_out
from data.store.arrays import Floats
from data.video import Labels, Record
from pipeline.checks.held_out import HeldOut
from pipeline.checks.prediction_intervals import cross_interval, group_weights
from pipeline.evaluate import Protocol, cross_validate
from pipeline.folds import Row, combination, last_epoch
from pipeline.systems import trivial_baselines
from pipeline.systems.regressors import FOR_KNOWN_PEOPLE, regressions_for, unseen_systems
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet
from pipeline.train.fit import one_thread

STATISTICS = Path(__file__).with_name("surgeons.npz")

SCENE = 600
"""Values of the whole-scene feature."""

MEASURES = {"within": "within users", "between": "between users", "together": "ranked together", "mae": "MAE"}
"""Columns of the table; the first three are correlations, averaged over the tasks."""

STATED = {
    "inside": "inside the 80 % interval",
    "within": 'inside "8 of 10 within"',
    "mae": "mean error",
    "stated": "mean error as stated",
}

UNSPLIT = ("trial", "subject")

CALIBRATION_FOLDS = 5


def draw(seed: int, tasks: int | None = None, times: int = 1) -> FeatureSet:
    """A simulated data set of about 100 trials: trial descriptors, scores from 6 to 30, task, user and scene.

    `tasks`: only the first tasks; `times` multiplies the trials of each user.
    """
    with np.load(STATISTICS) as archive:
        given = {name: archive[name] for name in archive.files}
    rng = np.random.default_rng(seed)
    within, between_tasks, between = (_root(given[name]) for name in ("within", "user_task", "user"))
    size = len(within)
    users = np.unique(given["design"][:, 1])
    level = {user: between @ rng.normal(size=size) for user in users}
    look = {user: rng.normal(size=SCENE) for user in users}
    values, scenes, records = list[Floats](), list[Floats](), list[Record]()
    for task, user, count in given["design"][given["design"][:, 0] < (tasks or len(given["tasks"]))].tolist():
        name = str(given["tasks"][task])
        own, own_look = level[user] + between_tasks @ rng.normal(size=size), look[user] + rng.normal(size=SCENE)
        for trial in range(count * times):
            deviations = own + within @ rng.normal(size=size)
            values.append(given["mean"][task] + given["deviation"][task] * deviations)
            scenes.append(own_look + 0.5 * rng.normal(size=SCENE))
            score = float(np.clip(np.rint(values[-1][-1]), 6, 30))
            groups = {"subject": f"user {user}", "trial": f"{name} {user} {trial}"}
            records.append(Record(groups["trial"], None, labels=Labels(score), task=name, groups=groups))
    names = tuple(map(str, given["names"][:-1]))
    return _features(records, np.array(values)[:, :-1], names, np.array(scenes))


def _root(covariance: NDArray[np.float32]) -> Floats:
    """A square root of a covariance matrix; negative eigenvalues from rounding count as 0."""
    values, vectors = np.linalg.eigh(covariance.astype(np.float64))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _features(records: Sequence[Record], trial: Floats, names: tuple[str, ...], scene: Floats) -> FeatureSet:
    """A feature set with one time step, whose agents have no channels."""
    count = len(records)
    return FeatureSet(
        records=tuple(records),
        primary=np.zeros((count, 1, 0), np.float32),
        primary_mask=np.ones((count, 1), bool),
        secondary=np.zeros((count, 1, 1, 0), np.float32),
        secondary_mask=np.ones((count, 1, 1), bool),
        scene=scene[:, None].astype(np.float32),
        trial=trial.astype(np.float32),
        duration=np.exp(trial[:, names.index("log_duration_s")]),
        names={"primary": (), "secondary": (), "trial": names},
    )


def rows(features: FeatureSet) -> list[Row]:
    """`evaluate`'s combination for unseen people, its parts, the systems for known people, and baselines."""
    candidates = regressions_for(UNSPLIT, features)
    systems = [*unseen_systems(features), *FOR_KNOWN_PEOPLE, *trivial_baselines(features, shorter=True)]
    return [combination(candidates, unseen_users=True), *map(last_epoch, systems)]


def measures(seed: int) -> dict[str, dict[str, float]]:
    """The `MEASURES` of one draw by row."""
    features = draw(seed)
    folds = leave_one_out(features.records, "subject")
    results = cross_validate(features, Protocol(folds, "louo"), rows(features))
    return {
        name: {
            "within": system.average.per_fold.arithmetic or 0.0,
            "between": system.average.between or 0.0,
            "together": system.average.rho.value or 0.0,
            "mae": system.average.mae or 0.0,
        }
        for name, system in results.systems.items()
    }


def stated(seed: int) -> dict[str, dict[str, float]]:
    """The stated and the true accuracy on a draw's held-out surgeons, over all surgeons."""
    features = draw(seed)
    (system,), found = regressions_for(UNSPLIT, features), list[tuple[float, ...]]()
    for fold in leave_one_out(features.records, "subject"):
        part, new = (features.take(rows) for rows in fold.indices(features.ids))
        group, label = bundle_numbers(part.records, UNSPLIT), label_table(part.records)[:, 0]
        predicted, number, centres = np.zeros(len(part)), np.zeros(len(part), dtype=np.intp), list[Floats]()
        for place, inner in enumerate(kfold(part.records, k=CALIBRATION_FOLDS, unsplit=UNSPLIT)):
            train, test = inner.indices(part.ids)
            fitted = system.fitted(part.take(train))  # all tasks as one, as in a model
            predicted[test], number[test] = fitted.predict(part.take(test)).score[0], place
            centres.append(fitted.predict(new).score[0])
        held_out, true = HeldOut(label, predicted, number, group), label_table(new.records)[:, 0]
        ends = cross_interval(np.stack(centres)[number], held_out.residuals, group_weights(group), 0.8)
        errors = np.abs(system.fitted(part).predict(new).score[0] - true)
        assert ends is not None
        inside, accuracy = (ends[:, 0] <= true) & (true <= ends[:, 1]), held_out.accuracy
        rows = zip(inside, errors <= (accuracy.within or np.inf), errors, strict=True)
        found += [(*map(float, row), accuracy.mae) for row in rows]
    return {"model for new people": dict(zip(STATED, np.mean(found, axis=0).tolist(), strict=True))}


def summary(draws: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean over draws and deviation of one draw, by row and measure."""
    return {
        name: {
            measure: {"mean": float(np.mean(values)), "deviation": float(np.std(values))}
            for measure in draws[0][name]
            if (values := [one[name][measure] for one in draws])
        }
        for name in draws[0]
    }


def main() -> None:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20, help="number of draws")
    parser.add_argument("--first", type=int, default=0, help="seed of the first draw")
    parser.add_argument("--out", type=Path, default=Path("unseen_people.json"))
    parser.add_argument("--stated", action="store_true", help="what `train` states, in place of the systems")
    options = parser.parse_args()
    with one_thread():
        measure = stated if options.stated else measures
        draws = [measure(seed) for seed in range(options.first, options.first + options.draws)]
    found = summary(draws)
    options.out.write_text(json.dumps({"draws": draws, "summary": found}, indent=1) + "\n")
    columns = STATED if options.stated else MEASURES
    table = Table("system", *columns.values(), title=f"{options.draws} draws; mean (deviation of one draw)")
    for name, values in found.items():
        table.add_row(name, *(f"{value['mean']:.2f} ({value['deviation']:.2f})" for value in values.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
