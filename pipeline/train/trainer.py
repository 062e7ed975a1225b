"""Trains `config.networks` networks on each of several training parts, as one stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from data.errors import UsageError
from data.store.arrays import Rows
from models.aim import AimInputs
from models.comparisons import NetworkConfig
from models.stacked import FoldData
from pipeline.settings.recipes import TrainConfig
from pipeline.train.augment import training_set
from pipeline.train.features import FeatureSet
from pipeline.train.fit import Fitted, TrainingControl, fit_members
from pipeline.train.normalise import SCORES, Normaliser, Normalisers, label_table, rows_of_tasks
from pipeline.train.stack_training import Member, input_sizes


def fit_parts(
    features: FeatureSet,
    parts: Sequence[Mapping[str, Rows]],
    model: NetworkConfig,
    config: TrainConfig,
    control: TrainingControl | None = None,
    *,
    watched: FeatureSet | None = None,
    watch: Sequence[int] = (),
) -> tuple[tuple[Normalisers, ...], Fitted]:
    """The normalisers of each training part, and `config.networks` networks for each, parts outermost.

    Args:
        parts: rows by task, or under "" those of all tasks as one.
        watched: performances that every network scores after each of the epochs `watch`, counted from 1.

    Raises UsageError if the network does not fit the features, and as `training_set` and `fit_members`.
    """
    _check_sizes(features, model)
    learning = training_set(features, config)
    learned = [{task: learning.rows(rows) for task, rows in part.items()} for part in parts]
    normalisers = tuple(
        {task: Normaliser.fit(learning.features, rows, config) for task, rows in part.items()} for part in learned
    )
    whole = learning.features if watched is None else learning.features.followed_by(watched)
    test = np.arange(len(learning.features), len(whole))
    members: list[Member] = []
    for number, (part, given) in enumerate(zip(learned, normalisers, strict=True)):
        rows, first = np.concatenate(list(part.values())), next(iter(given.values()))
        members += _members(rows, number, first, config, test)
    return normalisers, fit_members(fold_data(whole, normalisers), members, model, config, control, watch=watch)


def _check_sizes(features: FeatureSet, model: NetworkConfig) -> None:
    """Raise UsageError if the network does not fit the features."""
    try:
        model.check(input_sizes(features))
    except ValueError as error:
        raise UsageError(str(error), fix="Change the 'model' settings or the stages that feed it") from error


def _members(rows: Rows, fold: int, normaliser: Normaliser, config: TrainConfig, test: Rows) -> list[Member]:
    """One member per network for the training rows of a fold; each has a seed of its own. `test`: see `Member`."""
    mean = float(normaliser.scale_scores(normaliser.score_mean[None])[0, 0])
    start = mean if config.start_at_mean else float("nan")
    seeds = np.random.SeedSequence([config.seed, fold]).generate_state(config.networks)
    return [Member(number, fold, rows, int(seed), start, test) for number, seed in enumerate(seeds)]


def fold_data(features: FeatureSet, normalisers: Sequence[Normalisers]) -> FoldData:
    """Features and labels as tensors (F, n, ...), normalised by the training part of each of F folds."""
    labels, inputs = label_table(features.records), dict[str, NDArray[np.float32]]()
    shape = len(normalisers), len(features)
    scaled = np.empty((*shape, len(SCORES)))
    for fold, given in enumerate(normalisers):
        for task, rows in rows_of_tasks(features, given).items():
            scaled[fold, rows] = given[task].scale_scores(labels[rows])
            for name, values in given[task].apply(features.take(rows)).items():
                whole = inputs.setdefault(name, np.zeros((*shape, *values.shape[1:]), dtype=np.float32))
                whole[fold, rows] = values
    labelled = np.isfinite(scaled)
    return FoldData(
        AimInputs(**{name: torch.from_numpy(values) for name, values in inputs.items()}),
        torch.from_numpy(np.where(labelled, scaled, 0.0).astype(np.float32)),
        torch.from_numpy(labelled.astype(np.float32)),
    )
