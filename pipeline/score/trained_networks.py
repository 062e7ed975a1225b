"""Trained networks with the normalisation of their training part: what a model and its calibration predict with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from data.store.arrays import Floats, Rows
from models.aim import Aim, AimOutput
from models.aim_config import AimConfig, AimSizes
from models.layers import Layers
from models.stacked import double_network, predict_members
from pipeline.settings.recipes import TrainConfig
from pipeline.systems.stored_regressions import with_prefix
from pipeline.train import Normaliser, TrainingControl, fit_parts, fold_data, input_sizes
from pipeline.train.features import FeatureSet

MAX_SIZE = 1 << 24
"""Greatest size of a layer that is read."""


@dataclass(frozen=True)
class TrainedNetworks:
    """Equally many networks for each of one or more training parts, of one architecture.

    Predictions are in double precision, each performance alone, so that a score is the same in every batch. An
    evaluation (`AimSystem`) predicts whole test parts at once, in the precision of the training.

    Attributes:
        normalisers: of each training part.
        state: parameter name to stacked values (parts * networks, ...), parts outermost.
    """

    model: AimConfig
    sizes: AimSizes
    normalisers: tuple[Normaliser, ...]
    state: Mapping[str, Tensor]

    @classmethod
    def fit(
        cls,
        features: FeatureSet,
        parts: Sequence[Rows],
        model: AimConfig,
        recipe: TrainConfig,
        control: TrainingControl | None,
    ) -> tuple[TrainedNetworks, Floats]:
        """`recipe.networks` networks for each training part, tasks as one, and losses (epochs kept, parts * networks).

        Raises as `fit_parts`.
        """
        made, fitted = fit_parts(features, [{"": rows} for rows in parts], model, recipe, control)
        normalisers = tuple(of_part[""] for of_part in made)
        return cls(model, input_sizes(features), normalisers, fitted.state), fitted.losses

    @property
    def parts(self) -> int:
        """Number of training parts."""
        return len(self.normalisers)

    @property
    def count(self) -> int:
        """Number of networks of each part."""
        return len(next(iter(self.state.values()))) // self.parts

    @cached_property
    def _net(self) -> Aim:
        return double_network(self.model, self.sizes, self.state)

    def output(self, features: FeatureSet) -> AimOutput:
        """What every network says, (parts * networks, m, ...), in the training scale."""
        data = fold_data(features, [{"": one} for one in self.normalisers]).to(torch.device("cpu"), torch.float64)
        return predict_members(self._net, data, torch.arange(self.parts).repeat_interleave(self.count), chunk=1)

    def mean(self, scaled: Tensor, column: int = 0, *, shift: bool = True) -> Floats:
        """(parts, m, ...) means over the networks, in the unit of label `column`; `shift` as in `Normaliser.unscale`.

        `scaled` (parts * networks, m, ...) is a score of `output`.
        """
        means = scaled.reshape(self.parts, self.count, *scaled.shape[1:]).mean(1).numpy()
        given = zip(self.normalisers, means, strict=True)
        return np.stack([normaliser.unscale(one, column, shift=shift) for normaliser, one in given])

    def tensors(self) -> dict[str, Tensor]:
        """`state.<parameter>` (parts * networks, ...) and `normaliser.<field>` (parts, ...)."""
        each = [normaliser.arrays() for normaliser in self.normalisers]
        stacked = {name: np.stack([one[name] for one in each]).astype(np.float64) for name in each[0]}
        made = {f"normaliser.{name}": torch.from_numpy(values) for name, values in stacked.items()}
        return made | {f"state.{name}": values.contiguous() for name, values in self.state.items()}

    @classmethod
    def from_tensors(cls, model: AimConfig, sizes: AimSizes, tensors: Mapping[str, Tensor]) -> TrainedNetworks:
        """The networks of `tensors`. Raises ValueError or LookupError where these are of other networks."""
        each, state = with_prefix(tensors, "normaliser."), with_prefix(tensors, "state.")
        parts = len(next(iter(each.values())))
        arrays = [{name: values[part].numpy() for name, values in each.items()} for part in range(parts)]
        _check_shapes(model, sizes, state)
        return cls(model, sizes, tuple(map(Normaliser.from_arrays, arrays)), state)


def _check_shapes(model: AimConfig, sizes: AimSizes, state: Mapping[str, Tensor]) -> None:
    """Compare the weights with the network that the settings describe, before it takes memory. Raises ValueError."""
    numbers = (model.width, model.regression_width, *asdict(sizes).values())
    if not all(type(number) is int and 0 <= number < MAX_SIZE for number in numbers):
        raise ValueError("a size is no number, or too large")
    members = len(next(iter(state.values()), ()))
    with torch.device("meta"):
        network = Aim(model, sizes, Layers(members))
    expected = {name: values.shape for name, values in network.state_dict().items()}
    if not members or {name: values.shape for name, values in state.items()} != expected:
        raise ValueError("the weights are not those of this network")
