"""Trains `runs` networks on each of several training parts, as one stack."""

from __future__ import annotations

from collections.abc import Sequence

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
from pipeline.train.normalise import SCORES, Normaliser, label_table
from pipeline.train.stack_training import NO_ROWS, Member, input_sizes


def fit_parts(
    features: FeatureSet,
    parts: Sequence[Rows],
    model: NetworkConfig,
    config: TrainConfig,
    control: TrainingControl | None = None,
) -> tuple[tuple[Normaliser, ...], Fitted]:
    """The normaliser of each training part, and `config.runs` networks for each, parts outermost.

    Raises as `check_sizes`, `training_set` and `fit_members`.
    """
    check_sizes(features, model)
    learning = training_set(features, config)
    learned = [learning.rows(rows) for rows in parts]
    normalisers = tuple(Normaliser.fit(learning.features, rows, config) for rows in learned)
    data = fold_data(learning.features, normalisers)
    members: list[Member] = []
    for number, rows in enumerate(learned):
        members += run_members(rows, number, normalisers[number], config)
    fitted = fit_members(data, members, model, config, control)
    return normalisers, fitted


def check_sizes(features: FeatureSet, model: NetworkConfig) -> None:
    """Raise UsageError if the network does not fit the features."""
    try:
        model.check(input_sizes(features))
    except ValueError as error:
        raise UsageError(str(error), fix="Change the 'model' settings or the stages that feed it") from error


def run_members(
    rows: Rows, fold: int, normaliser: Normaliser, config: TrainConfig, test: Rows = NO_ROWS
) -> list[Member]:
    """One member per network for the training rows of a fold; each has a seed of its own. `test`: see `Member`."""
    mean = float(normaliser.scale_scores(normaliser.score_mean[None])[0, 0])
    start = mean if config.start_at_mean else float("nan")
    seeds = np.random.SeedSequence([config.seed, fold]).generate_state(config.runs)
    return [Member(run, fold, rows, int(seeds[run]), start, test) for run in range(config.runs)]


def fold_data(features: FeatureSet, normalisers: Sequence[Normaliser], owners: Rows | None = None) -> FoldData:
    """Normalised features and labels as tensors (F, n, ...).

    Args:
        owners: (F, n) index of each performance's normaliser in each fold; None: fold f has normaliser f.
    """
    if owners is None:
        owners = np.repeat(np.arange(len(normalisers))[:, None], len(features), axis=1)
    labels, inputs = label_table(features.records), dict[str, NDArray[np.float32]]()
    scaled = np.empty((*owners.shape, len(SCORES)))
    for fold, mine in enumerate(owners):
        for owner in np.unique(mine):
            rows = np.flatnonzero(mine == owner)
            scaled[fold, rows] = normalisers[owner].scale_scores(labels[rows])
            for name, values in normalisers[owner].apply(features.take(rows)).items():
                whole = inputs.setdefault(name, np.zeros((*owners.shape, *values.shape[1:]), dtype=np.float32))
                whole[fold, rows] = values
    labelled = np.isfinite(scaled)
    return FoldData(
        AimInputs(**{name: torch.from_numpy(values) for name, values in inputs.items()}),
        torch.from_numpy(np.where(labelled, scaled, 0.0).astype(np.float32)),
        torch.from_numpy(labelled.astype(np.float32)),
    )
