"""Trains `runs` networks on one training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import DataError, UsageError
from data.store.arrays import Floats, Rows
from models.aim import AimInputs
from models.aim_config import AimConfig, AimSizes
from models.comparisons import NetworkConfig
from models.stacked import StackData
from pipeline.settings.recipes import TrainConfig
from pipeline.train.augment import training_set
from pipeline.train.features import FeatureSet
from pipeline.train.fit import Fitted, Surroundings, fit_members
from pipeline.train.normalise import NO_LABELS_FIX, SCORES, Normaliser, label_table
from pipeline.train.stack import NO_ROWS, Member, loss_epochs, sizes_of


@dataclass(frozen=True)
class TrainedRun:
    """A trained run, with everything that scoring needs; `pipeline.score.run_folder.save` writes it.

    Attributes:
        state: parameter name to stacked values, (runs, ...).
        settings: the settings of the stages that made the features.
        names: channel names of the features.
        train_labels: (k, 3) labels of the performances `train_ids`, as `label_table` gives them.
        losses: (epochs kept, runs) training loss after each of `loss_epochs`.
    """

    model: AimConfig
    sizes: AimSizes
    config: TrainConfig
    normaliser: Normaliser
    state: dict[str, Tensor]
    settings: Mapping[str, Any]
    names: Mapping[str, tuple[str, ...]]
    train_ids: tuple[str, ...]
    train_labels: Floats
    losses: Floats
    loss_epochs: tuple[int, ...]


def train(
    features: FeatureSet,
    config: TrainConfig,
    model: AimConfig,
    *,
    rows: Sequence[int] | Rows | None = None,
    around: Surroundings | None = None,
) -> TrainedRun:
    """Train `config.runs` networks on the labelled performances of `features`.

    Args:
        rows: the training part, of which only labelled performances are used; None: all performances.

    Raises DataError for fewer than two labelled performances, UsageError where the model or the augmentation does not
    fit the features, Cancelled after `around.stop`.
    """
    given = np.arange(len(features)) if rows is None else np.asarray(rows, dtype=np.intp)
    chosen = given[np.isfinite(label_table(features.records)[given, 0])]
    if len(chosen) < 2:
        raise DataError(
            f"training needs at least 2 labelled performances and has {len(chosen)}",
            fix=NO_LABELS_FIX,
        )
    normalisers, fitted = fit_parts(features, [chosen], model, config, around)
    part = features.take(chosen)
    return TrainedRun(
        model=model,
        sizes=sizes_of(features),
        config=config,
        normaliser=normalisers[0],
        state=fitted.state,
        settings=part.settings,
        names=part.names,
        train_ids=part.ids,
        train_labels=label_table(part.records),
        losses=fitted.losses,
        loss_epochs=loss_epochs(config.epochs),
    )


def fit_parts(
    features: FeatureSet,
    parts: Sequence[Rows],
    model: NetworkConfig,
    config: TrainConfig,
    around: Surroundings | None = None,
) -> tuple[tuple[Normaliser, ...], Fitted]:
    """The normaliser of each training part, and `config.runs` networks for each, parts outermost.

    Raises as `check_sizes`, `training_set` and `fit_members`.
    """
    check_sizes(features, model)
    learning = training_set(features, config)
    learned = [learning.rows(rows) for rows in parts]
    normalisers = tuple(Normaliser.fit(learning.features, rows, config) for rows in learned)
    data = stack_data(learning.features, normalisers)
    members: list[Member] = []
    for number, rows in enumerate(learned):
        members += run_members(rows, number, normalisers[number], config)
    fitted = fit_members(data, members, model, config, around)
    return normalisers, fitted


def check_sizes(features: FeatureSet, model: NetworkConfig) -> None:
    """Raise UsageError if the network does not fit the features."""
    try:
        model.check(sizes_of(features))
    except ValueError as error:
        raise UsageError(str(error), fix="Change the 'model' settings or the stages that feed it") from error


def run_members(
    rows: Rows, fold: int, normaliser: Normaliser, config: TrainConfig, test: Rows = NO_ROWS
) -> list[Member]:
    """One member per run for the training rows of one fold; seeds differ by run and fold. `test`: see `Member`."""
    mean = float(normaliser.scale_scores(normaliser.score_mean[None])[0, 0])
    start = mean if config.start_at_mean else float("nan")
    seeds = np.random.SeedSequence([config.seed, fold]).generate_state(config.runs)
    return [Member(run, fold, rows, int(seeds[run]), start, test) for run in range(config.runs)]


def stack_data(features: FeatureSet, normalisers: Sequence[Normaliser], owners: Rows | None = None) -> StackData:
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
    return StackData(
        AimInputs(**{name: torch.from_numpy(values) for name, values in inputs.items()}),
        torch.from_numpy(np.where(labelled, scaled, 0.0).astype(np.float32)),
        torch.from_numpy(labelled.astype(np.float32)),
    )
