"""The calibration of a trained model: intervals, accuracy and a distance threshold from held-out predictions.

    calibration.intervals(new_features)                      # {0.8: (m, 2), 0.95: (m, 2) or None}

`calibration_folds` computes it. `pipeline.checks.prediction_intervals` states the guarantee of the intervals;
`pipeline.checks.novelty` defines the distances. `pipeline.score.trained_model` stores a calibration with its model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor

from data.store.arrays import Floats
from models.aim_config import AimConfig, AimSizes
from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag_checks import Ranges
from pipeline.checks.held_out import HeldOut
from pipeline.checks.novelty import BLOCKS, WHOLE, Novelty
from pipeline.checks.prediction_intervals import LEVELS, cross_interval, group_weights
from pipeline.checks.rater_ceiling import RaterAgreement, ceiling_line
from pipeline.folds.combination import Combination
from pipeline.score.movement import BetterRanges
from pipeline.settings.provenance import StrictFields
from pipeline.train import SCORES, TrainedNetworks
from pipeline.train.checkpoint import with_prefix
from pipeline.train.feature_set import FeatureSet
from pipeline.train.trained_networks import read_networks

HEADS = SCORES[1:]
"""Part scores: columns 1 and 2 of the labels."""

UNITS = {"subject": "user", "supertrial": "supertrial"}
"""The independent unit by the kind of group that folds keep together; else a performance."""


@dataclass(frozen=True)
class TrainingFacts(StrictFields):
    """Facts about the training performances, for comparison with new ones."""

    unsplit: tuple[str, ...]  # kinds of groups that the folds keep together
    quality: Ranges = field(default_factory=dict)
    movement: Mapping[str, BetterRanges] = field(default_factory=dict)  # by task
    raters: RaterAgreement | None = None
    days: tuple[str, str] | None = None  # of the first and the last label


@dataclass(frozen=True)
class Calibration(HeldOut):
    """Held-out predictions of the training part, and the distances of its performances.

    Attributes:
        steps: (n, T) step scores of the training performances by the model itself.
        duration: (n,) seconds.
        attention: (n, T) the model's attention to the interaction in the training performances.
        head_truth, head_predicted: (n, 2) like `truth` and `predicted`, for `HEADS`; NaN without a label or head.
        difficulty: (n,) multiplies `truth` and `predicted`; the networks and regressions did not learn it.
        networks: by fold, trained on the other folds.
        combinations: by fold.
    """

    difficulty: Floats
    networks: TrainedNetworks[AimConfig]
    steps: Floats
    duration: Floats
    novelty: Novelty
    facts: TrainingFacts
    attention: Floats
    head_truth: Floats
    head_predicted: Floats
    combinations: tuple[Combination, ...]

    @cached_property
    def accuracy(self) -> Accuracy:
        """See `HeldOut.accuracy`; includes the agreement of the raters if two gave the labels."""
        accuracy, correlation = super().accuracy, self.ranked.rho
        rho = correlation if math.isfinite(correlation) else None
        return replace(accuracy, rho=rho, unit=self.unit, ceiling=ceiling_line(self.facts.raters, rho, accuracy.mae))

    @cached_property
    def execution_alone(self) -> Calibration:
        """The calibration of the execution, without the difficulty."""
        truth, predicted = self.truth / self.difficulty, self.predicted / self.difficulty
        return replace(self, truth=truth, predicted=predicted, difficulty=np.ones_like(truth))

    @property
    def unit(self) -> str:
        """What `group` numbers: performances, or larger groups that the folds keep together."""
        return next((UNITS[kind] for kind in self.facts.unsplit if kind in UNITS), "performance")

    @property
    def ranked(self) -> HeldOut:
        """The predictions to rank: one per performance, or one per video if a group holds several performances."""
        return self.once() if self.unit == "performance" else self

    @cached_property
    def head_accuracies(self) -> dict[str, Accuracy]:
        """Accuracy of execution and synchronisation by name, where two folds have labels and predictions."""
        accuracies: dict[str, Accuracy] = {}
        for column, name in enumerate(HEADS):
            truth, predicted = self.head_truth[:, column], self.head_predicted[:, column]
            rows = np.isfinite(truth) & np.isfinite(predicted)
            if len(np.unique(self.fold[rows])) > 1:
                accuracies[name] = HeldOut(truth[rows], predicted[rows], self.fold[rows], self.group[rows]).accuracy
        return accuracies

    def intervals(self, features: FeatureSet, scores: Floats | None = None) -> dict[float, Floats | None]:
        """CV+ intervals (m, 2) of new performances by level, without their difficulty.

        A level that needs more performances has None.

        If `scores` (m,) are given, each interval is widened to contain the model's score. If no training label is
        negative, both ends are at least zero, even for a negative score.
        """
        centres = self.networks.mean(self.networks.output(features).score)
        pairs = zip(self.combinations, centres, strict=True)
        centres = np.stack([combination.predict([own, *combination.others(features)]) for combination, own in pairs])[
            self.fold
        ]  # (n, m)
        weights = group_weights(self.group)
        by_level = {level: cross_interval(centres, self.execution_alone.residuals, weights, level) for level in LEVELS}
        for ends in by_level.values():
            if ends is not None and scores is not None:
                ends[:] = np.stack([np.minimum(ends[:, 0], scores), np.maximum(ends[:, 1], scores)], axis=1)
            if ends is not None and self.truth.min() >= 0:
                ends[:] = ends.clip(0)
        return by_level

    def try_on(self, features: FeatureSet) -> None:
        """Compute everything for features, so that incompatible parts raise here, not when a video is scored.

        Raises ValueError for a number that is not finite, or one of `pipeline.score.model_files.FAULTS`.
        """
        ends = [values for values in self.intervals(features).values() if values is not None]
        distances = [ratio for ratio, _ in self.novelty.ratios(features)]
        if not np.isfinite(np.concatenate([*map(np.ravel, ends), distances, [self.accuracy.mae]])).all():
            raise ValueError("a number of the calibration is not finite")


def calibration_tensors(calibration: Calibration) -> dict[str, Tensor]:
    """The arrays of a calibration by name.

    Those of `TrainedNetworks.tensors`, `truth`, `predicted`, `fold`, `group`, `duration` (n,), `steps`, `attention`
    (n, T), `head_truth`, `head_predicted` (n, 2), `known.<i>` (n, columns), `held_out` and `held_out.<i>` (n,)
    distances by block, `combination.<fold>.<name>` (`Combination.arrays`).
    """
    novelty = calibration.novelty
    arrays: dict[str, NDArray[Any]] = {n: getattr(calibration, n) for n in _ARRAYS}
    arrays["held_out"] = novelty.held_out_distances[WHOLE]
    for number, combination in enumerate(calibration.combinations):
        arrays |= {f"combination.{number}.{name}": values for name, values in combination.arrays().items()}
    for name, values in novelty.features.items():
        arrays[f"known.{BLOCKS.index(name)}"] = values
        arrays[f"held_out.{BLOCKS.index(name)}"] = novelty.held_out_distances[name]
    return calibration.networks.tensors() | {
        name: torch.from_numpy(np.array(values)) for name, values in arrays.items()
    }


def calibration_description(calibration: Calibration) -> dict[str, Any]:
    """The rest of a calibration as JSON types."""
    combinations = [combination.description() for combination in calibration.combinations]
    return {"facts": _adapter().dump_python(calibration.facts, mode="json"), "combinations": combinations}


@cache
def _adapter() -> TypeAdapter[TrainingFacts]:
    return TypeAdapter(TrainingFacts)


def read_calibration(
    tensors: Mapping[str, Tensor],
    description: Mapping[str, Any],
    network: AimConfig,
    sizes: AimSizes,
    difficulty: Floats,
) -> Calibration:
    """The calibration from `calibration_tensors` and `calibration_description`, with the model's difficulties (n,).

    Raises one of `pipeline.score.model_files.FAULTS` if it is damaged.
    """
    values: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
    arrays = {"difficulty": difficulty, **{name: values[name] for name in _ARRAYS}}
    number = len(arrays["truth"])
    if any(np.shape(array)[:1] != (number,) for array in arrays.values()):
        raise ValueError("arrays of different lengths")
    if arrays["attention"].shape != arrays["steps"].shape:
        raise ValueError("attention and steps of different shapes")
    for name in ("head_truth", "head_predicted"):
        if arrays[name].shape != (number, len(HEADS)):
            raise ValueError(f"{name} of another shape")
    training, held_out = (
        {BLOCKS[int(i)]: v for i, v in sorted(with_prefix(values, prefix).items())}
        for prefix in ("known.", "held_out.")
    )
    novelty = Novelty(training, {**held_out, WHOLE: values["held_out"]}, arrays["group"])
    combinations = tuple(
        Combination.from_arrays(entry, with_prefix(values, f"combination.{number}."))
        for number, entry in enumerate(description["combinations"])
    )
    networks = read_networks(network, sizes, tensors)
    if len(combinations) != networks.parts:
        raise ValueError("a combination for each fold is missing")
    facts = _adapter().validate_python(description["facts"])
    return Calibration(networks=networks, **arrays, novelty=novelty, facts=facts, combinations=combinations)


_ARRAYS = ("truth", "predicted", "fold", "group", "steps", "duration", "attention", "head_truth", "head_predicted")
