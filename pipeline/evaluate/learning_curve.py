"""A learning curve: the held-out error against the number of labelled performances, and what more of them would bring.

The labelled performances are split into folds. A row of few networks, a combination with all its systems, trains on
nested subsets of each training part and predicts the fold. Nothing is chosen by these predictions. The
forecast fits error = a + b / size ** p for several p, since four sizes cannot tell p.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError, counted, significant
from data.splits import bundle_numbers, forbidden, kfold
from data.store import write_text
from data.store.arrays import Floats, Rows
from models.metrics import spearman
from pipeline.evaluate.cross_validation import distinct
from pipeline.evaluate.fold_summary import or_none
from pipeline.evaluate.protocols import Asked, TableRows, protocol_systems
from pipeline.evaluate.training_pool import TrainingPool
from pipeline.settings.config import Config
from pipeline.systems import FoldRows, Row, predict_rows
from pipeline.train import label_table
from pipeline.train.features import FeatureSet

CURVE_FILE = "curve.json"
"""Where `train --curve` writes it, in the folder of the run."""

SHARES = (0.4, 0.6, 0.8, 1.0)
"""Parts of the training part of a fold."""

FOLDS, REPEATS, RUNS = 5, 2, 2
"""Folds, orders in which performances are added, and networks of a training."""

LEAST = 10
"""Independent performances, below which there is no curve."""

POWERS = (0.25, 0.5, 1.0, 2.0)
DRAWS, LEVEL = 400, 0.8
FLAT = 0.05
"""A forecast that at best lowers the error by a smaller share is called flat."""

LEAST_FLAT = 20
"""Independent performances, below which a flat curve says nothing of what more would bring."""


@dataclass(frozen=True)
class LearningCurve:
    """Held-out errors by size of the training part.

    Attributes:
        sizes: (sizes,) independent performances that were trained on, mean over the folds.
        errors: (sizes, repeats, n) absolute errors of the held-out predictions.
        rhos: (sizes, repeats) Spearman's rho of all held-out predictions.
        group: (n,) which independent performance each is.
    """

    sizes: Floats
    errors: Floats
    rhos: Floats
    group: Rows

    @property
    def labelled(self) -> int:
        """Independent performances in all."""
        return len(np.unique(self.group))

    def forecast(self, more: int) -> tuple[float, float, float]:
        """The error with all performances, and the 80 % interval of that with `more` further ones of this kind.

        The interval covers the choice of p, chance in performances and repeats (bootstrap), and that other performances
        could be added: as much as repeats differ in the last step of the curve. It is about the change: the level of
        the error is as uncertain as every held-out error.
        """
        rng, members = np.random.default_rng(0), [np.flatnonzero(self.group == one) for one in np.unique(self.group)]
        now = float(np.mean([self._fits(self.errors.mean((1, 2)), power, 0)[0] for power in POWERS]))
        ratios, luck = [], float(self.errors[-2].mean(-1).std(ddof=1))
        for _ in range(DRAWS):
            rows = np.concatenate([members[one] for one in rng.integers(0, len(members), len(members))])
            repeats = rng.integers(0, self.errors.shape[1], self.errors.shape[1])
            drawn = self.errors[:, repeats][:, :, rows].mean((1, 2))
            for power in POWERS:
                before, after = self._fits(drawn, power, more)
                ratios.append((after + luck * rng.normal()) / before if before > 0 else 1.0)
        low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return now, now * float(low), now * float(high)

    def _fits(self, errors: Floats, power: float, more: int) -> tuple[float, float]:
        """The fitted error with all performances, and with `more` further ones."""
        slope, level = np.polyfit(self.sizes**-power, errors, 1)
        return tuple(float(level + slope * size**-power) for size in (self.labelled, self.labelled + more))  # type: ignore[return-value]

    def sentence(self) -> str:
        """The gain that half as many labels again would likely bring."""
        more = max(1, self.labelled // 2)
        now, low, high = self.forecast(more)
        shown, least, most = (significant(value) for value in (now, low, high))
        begin = f"learning curve: with {counted(more, 'more labelled performance')} of this kind the error would likely"
        if low > (1 - FLAT) * now:
            if self.labelled < LEAST_FLAT:
                few = counted(self.labelled, "performance")
                return f"learning curve: the error does not fall, but {few} are too few to say that more would not help"
            return f"learning curve: more videos of this kind will not help much: the curve is flat (error {shown})"
        if high >= now:
            return f"{begin} fall from {shown} to {least} at best, or not at all: the curve is too uncertain"
        return f"{begin} fall from {shown} to between {least} and {most} (80 %)"

    def table(self) -> TableRows:
        """Error and correlation by size, with the range over the repeats."""

        def ends(values: Floats, digits: int) -> str:
            return f"{values.min():.{digits}f} to {values.max():.{digits}f}"

        steps = zip(self.sizes, self.errors.mean(-1), self.rhos, strict=True)
        rows = [(f"{n:.3g}", float(e.mean()), ends(e, 3), or_none(float(r.mean())), ends(r, 2)) for n, e, r in steps]
        return "Learning curve", ("trained on", "MAE", "range", "rho", "range of rho"), rows

    def lines(self) -> list[str]:
        """The table as lines, and the sentence."""
        each = [f"trained on {n}: error {mae:.3f} ({ends}), rho {rhos}" for n, mae, ends, _, rhos in self.table()[2]]
        return [*each, self.sentence()]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for `results.json`."""
        more = max(1, self.labelled // 2)
        now, low, high = self.forecast(more)
        return {
            "labelled": self.labelled,
            "sizes": self.sizes.tolist(),
            "mae": self.errors.mean(-1).tolist(),
            "spearman": [[or_none(float(rho)) for rho in row] for row in self.rhos],
            "forecast": {"more": more, "now": now, "low": low, "high": high, "level": LEVEL},
            "sentence": self.sentence(),
            "table": self.table(),
        }

    def write(self, place: Path) -> None:
        """Write the plain values as JSON, atomically."""
        write_text(place, json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n")


def curve_system(config: Config, features: FeatureSet) -> Row:
    """The system of a configuration with few networks and without inner validation."""
    recipe = config.method.scorer[1]
    few = recipe.model_copy(update={"runs": min(RUNS, recipe.runs)})
    fewer = replace(config, method=config.method.model_copy(update={"train": few}))
    return protocol_systems(fewer, features, Asked(quick=True))[0]


def learning_curve(
    features: FeatureSet,
    config: Config,
    *,
    system: Row | None = None,
    pool: TrainingPool | None = None,
) -> LearningCurve:
    """Train on nested subsets and predict the rest.

    Args:
        features: labelled performances of one task.
        config: names the system, and the protocol whose groups stay together.
        system: another system than that of the configuration.

    Raises DataError for several tasks or too few performances, and as `TrainingPool.run`.
    """
    features, _ = distinct(features, ())
    features = features.take(np.flatnonzero(np.isfinite(label_table(features.records)[:, 0])))
    if len(tasks := sorted({record.task for record in features.records})) > 1:
        raise DataError("a learning curve is of one task", fix=f"Choose one: --set dataset.tasks=[{tasks[0]}]")
    kinds, seed = forbidden(config.method.protocol), config.method.split.seed
    group, truth = bundle_numbers(features.records, kinds), label_table(features.records)[:, 0]
    if (independent := len(np.unique(group))) < LEAST:
        what = f"{counted(independent, 'independent performance')}, fewer than {LEAST}: no learning curve"
        raise DataError(what, fix="Label more, or leave out --curve")
    chosen = system or curve_system(config, features)
    folds, places, sizes = list[FoldRows](), [], np.zeros((len(SHARES), REPEATS, FOLDS))
    for place, fold in enumerate(kfold(features.records, k=FOLDS, seed=seed, kinds=kinds)):
        train, test = fold.indices(features.ids)
        for repeat in range(REPEATS):
            order = np.random.default_rng([seed, place, repeat]).permutation(np.unique(group[train]))
            for step, share in enumerate(SHARES):
                subset = order[: max(2, round(share * len(order)))]
                sizes[step, repeat, place] = len(subset)
                if share == 1 and repeat:
                    continue  # all repeats have the same whole training part
                rows = train[np.isin(group[train], subset)]
                folds.append(FoldRows(str(len(folds)), rows, test))
                places.append((step, repeat, test))
    predicted = np.full((len(SHARES), REPEATS, len(features)), math.nan)
    training = pool or TrainingPool()
    made = predict_rows(features, folds, [chosen], lambda wanted: training.run(features, wanted))
    for fold_predicted, (step, repeat, test) in zip(made.values(), places, strict=True):
        predicted[step, repeat, test] = fold_predicted.score.mean(0)
    predicted[-1, 1:] = predicted[-1, 0]
    rhos = np.array([[spearman(one, truth) for one in step] for step in predicted])
    return LearningCurve(sizes.mean((1, 2)), np.abs(predicted - truth), rhos, group)
