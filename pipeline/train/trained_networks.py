"""Networks of several training parts as one stack: fits, predicts, and stores them as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from data.errors import UsageError
from data.store.arrays import Floats, Rows
from models.aim import Aim, AimInputs, AimOutput
from models.aim_config import AimConfig, AimSizes
from models.comparisons import NetworkConfig
from models.layers import Layers
from models.stacked import FoldData, double_network, predict_members
from pipeline.settings.train_config import TrainConfig
from pipeline.train.augment import training_set
from pipeline.train.checkpoint import with_prefix
from pipeline.train.feature_set import FeatureSet
from pipeline.train.fit import Fitted, TrainingControl, fit_members
from pipeline.train.normalise import Normaliser, label_table
from pipeline.train.stack_training import Member, input_sizes

MAX_SIZE = 1 << 24
"""Largest size of a layer that is read."""

N = TypeVar("N", bound=NetworkConfig)


@dataclass(frozen=True)
class TrainedNetworks(Generic[N]):
    """The same number of networks, of one architecture, for each of one or more training parts.

    Predictions are in double precision, one performance at a time, so that a score is the same in every batch, in
    evaluations and in models.

    Attributes:
        normalisers: of each training part.
        state: parameter name to stacked values (parts * networks, ...), parts outermost.
    """

    model: N
    sizes: AimSizes
    normalisers: tuple[Normaliser, ...]
    state: Mapping[str, Tensor]

    @classmethod
    def fit(
        cls,
        features: FeatureSet,
        parts: Sequence[Rows],
        model: N,
        config: TrainConfig,
        control: TrainingControl | None = None,
        *,
        watched: FeatureSet | None = None,
        watch: Sequence[int] = (),
    ) -> tuple[TrainedNetworks[N], Fitted]:
        """`config.networks` networks for each training part, and their `Fitted`, with members as in `state`.

        Args:
            parts: rows; all tasks count as one.
            watched: performances that every network scores after each of the epochs `watch`, counted from 1.

        Raises UsageError if the network does not fit the features, and as `training_set` and `fit_members`.
        """
        _check_sizes(features, model)
        learning = training_set(features, config)
        learned = [learning.rows(part) for part in parts]
        normalisers = tuple(Normaliser.fit(learning.features, rows, config) for rows in learned)
        whole = learning.features if watched is None else learning.features.followed_by(watched)
        test = np.arange(len(learning.features), len(whole))
        members: list[Member] = []
        for number, (rows, normaliser) in enumerate(zip(learned, normalisers, strict=True)):
            members += _members(rows, number, normaliser, config, test)
        fitted = fit_members(fold_data(whole, normalisers), members, model, config, control, watch=watch)
        return cls(model, input_sizes(features), normalisers, fitted.state), fitted

    @property
    def parts(self) -> int:
        """Number of training parts."""
        return len(self.normalisers)

    @property
    def count(self) -> int:
        """Number of networks per part."""
        return len(next(iter(self.state.values()))) // self.parts

    @cached_property
    def _net(self) -> nn.Module:
        return double_network(self.model, self.sizes, self.state)

    def output(self, features: FeatureSet) -> AimOutput:
        """Output of every network, (parts * networks, m, ...), in the training scale."""
        data = fold_data(features, self.normalisers).to(torch.device("cpu"), torch.float64)
        return predict_members(self._net, data, torch.arange(self.parts).repeat_interleave(self.count), chunk=1)

    def mean(self, scaled: Tensor, column: int = 0, *, shift: bool = True) -> Floats:
        """(parts, m, ...) means over the networks, in the unit of label `column`; `shift` as in `Normaliser.unscale`.

        `scaled` (parts * networks, m, ...) is a score of `output`.
        """
        means = scaled.reshape(self.parts, self.count, *scaled.shape[1:]).mean(1).numpy()
        pairs = zip(self.normalisers, means, strict=True)
        return np.stack([normaliser.unscale(mean, column, shift=shift) for normaliser, mean in pairs])

    def tensors(self) -> dict[str, Tensor]:
        """`state.<parameter>` (parts * networks, ...) and `normaliser.<field>` (parts, ...)."""
        each = [vars(normaliser) for normaliser in self.normalisers]
        stacked = {name: np.stack([arrays[name] for arrays in each]).astype(np.float64) for name in each[0]}
        made = {f"normaliser.{name}": torch.from_numpy(values) for name, values in stacked.items()}
        return made | {f"state.{name}": values.contiguous() for name, values in self.state.items()}


def read_networks(model: AimConfig, sizes: AimSizes, tensors: Mapping[str, Tensor]) -> TrainedNetworks[AimConfig]:
    """The networks of `TrainedNetworks.tensors`. Raises ValueError or LookupError for tensors of other networks."""
    each, state = with_prefix(tensors, "normaliser."), with_prefix(tensors, "state.")
    parts = len(next(iter(each.values())))
    arrays = [{name: values[part].numpy() for name, values in each.items()} for part in range(parts)]
    _check_shapes(model, sizes, state)
    return TrainedNetworks(model, sizes, tuple(map(Normaliser.from_arrays, arrays)), state)


def _check_shapes(model: AimConfig, sizes: AimSizes, state: Mapping[str, Tensor]) -> None:
    """Raise ValueError if weights do not fit the network of the settings, before it takes memory."""
    numbers = (model.width, model.regression_width, *asdict(sizes).values())
    if not all(type(number) is int and 0 <= number < MAX_SIZE for number in numbers):
        raise ValueError("a size is not a number, or is too large")
    members = len(next(iter(state.values()), ()))
    with torch.device("meta"):
        network = Aim(model, sizes, Layers(members))
    expected = {name: values.shape for name, values in network.state_dict().items()}
    if not members or {name: values.shape for name, values in state.items()} != expected:
        raise ValueError("the weights are not those of this network")


def _check_sizes(features: FeatureSet, model: NetworkConfig) -> None:
    """Raise UsageError if the network does not fit the features."""
    try:
        model.check(input_sizes(features))
    except ValueError as error:
        raise UsageError(str(error), fix="Change the 'model' settings or the stages that feed it") from error


def _members(rows: Rows, fold: int, normaliser: Normaliser, config: TrainConfig, test: Rows) -> list[Member]:
    """One member per network for the training rows of a fold, each with a different seed. `test`: see `Member`."""
    mean = float(normaliser.scale_scores(normaliser.score_mean[None])[0, 0])
    start = mean if config.start_at_mean else float("nan")
    seeds = np.random.SeedSequence([config.seed, fold]).generate_state(config.networks)
    return [Member(number, fold, rows, int(seed), start, test) for number, seed in enumerate(seeds)]


def fold_data(features: FeatureSet, normalisers: Sequence[Normaliser]) -> FoldData:
    """Features and labels as tensors (F, n, ...), normalised by the training part of each of F folds."""
    labels = label_table(features.records)
    scaled = np.stack([normaliser.scale_scores(labels) for normaliser in normalisers])
    inputs = [normaliser.apply(features) for normaliser in normalisers]
    labelled = np.isfinite(scaled)
    return FoldData(
        AimInputs(
            **{name: torch.from_numpy(np.stack([fold_inputs[name] for fold_inputs in inputs])) for name in inputs[0]}
        ),
        torch.from_numpy(np.where(labelled, scaled, 0.0).astype(np.float32)),
        torch.from_numpy(labelled.astype(np.float32)),
    )
