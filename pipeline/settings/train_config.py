"""Settings of training, and named recipes of them: the paper's, and two shorter ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ModelWrapValidatorHandler, model_validator

from extractors.base import one_of, setting
from pipeline.settings.section import Section

# Section 5.1; weight_decay is 0.8 for AQA-7 (section 5.5).
PAPER: dict[str, Any] = {
    "epochs": 3000,
    "batch": 64,
    "learning_rates": (1e-4, 1e-5, 1e-6),
    "switch_epochs": (20, 50, 100),
    "weight_decay": 0.5,
    "theta": 0.4,
    "rank_weight": 0.0,
    "clip": None,
    "same_scale": False,
    "scene_components": None,
    "scene_gain": 1.0,
    "start_at_mean": False,
}

SHORTER: dict[str, Any] = {**PAPER, "clip": 5.0, "scene_components": 24, "scene_gain": 0.2, "start_at_mean": True}
"""Settings of both recipes `fast` and `tools`."""

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "paper": PAPER,
    "fast": SHORTER
    | {"epochs": 100, "learning_rates": (2e-3, 1e-3, 3e-4), "switch_epochs": (50, 80, 100)}
    | {"weight_decay": 0.3, "same_scale": True},
    # From one untuned experiment on the real JIGSAWS kinematics, without this program: Fisher average .79 on the
    # 4-fold list, .69 with a weight decay of .5. The scene is as in `fast`.
    "tools": SHORTER
    | {"epochs": 300, "batch": 0, "learning_rates": (1e-3,), "switch_epochs": (300,), "weight_decay": 1e-3},
}
"""Defaults of the settings of `train`, by recipe."""

DEFAULT_RECIPE = "fast"


GONE = [("mirror_copies", False)]
"""Settings of earlier versions with their default: models that store them stay as they are."""


class TrainConfig(Section):
    """Settings of training; `recipe` gives their defaults."""

    recipe: Annotated[str, one_of(RECIPES)] = setting(
        DEFAULT_RECIPE, f"values of the settings of train that are left out: {', '.join(RECIPES)}"
    )
    networks: int = setting(10, "networks trained from different starts; their mean is the score", ge=1, le=1000)
    seed: int = setting(0, "seed of start values, batches and dropout", ge=0, lt=2**31)
    exchange_copies: bool = setting(
        False, "also train on every performance with its two agents exchanged, where roles are equal"
    )
    epochs: int = setting(..., "passes over the training part", ge=1)
    batch: int = setting(..., "samples per step; 0 takes the whole training part", ge=0)
    learning_rates: tuple[float, ...] = setting(..., "learning rates of Adam, one per part of the cycle", min_length=1)
    switch_epochs: tuple[int, ...] = setting(..., "epoch of the cycle at which each part ends; the last is the period")
    weight_decay: float = setting(..., "L2 penalty inside Adam, as in torch.optim.Adam", ge=0)
    theta: float = setting(..., "trade-off of equation 8 between execution and synchronisation", ge=0, le=1)
    rank_weight: float = setting(..., "weight of the pairwise ranking loss; 0 in the paper", ge=0)
    clip: float | None = setting(
        ..., "standardised inputs are clipped to +- this many deviations; null: no clipping", gt=0
    )
    same_scale: bool = setting(..., "one standardisation for both agents where their channels are the same")
    scene_components: int | None = setting(
        ..., "principal components of the scene that are kept; null keeps the whole scene", ge=1
    )
    scene_gain: float = setting(..., "standard deviation of the scene after standardisation; 1 in the paper", gt=0)
    start_at_mean: bool = setting(..., "the last layer's bias starts at the mean training score")

    @model_validator(mode="wrap")
    @classmethod
    def _fill(cls, values: Any, validate: ModelWrapValidatorHandler[TrainConfig]) -> TrainConfig:
        """Fill in the recipe's values, which do not count as given, so that another recipe replaces them."""
        if not isinstance(values, dict):
            return validate(values)
        values = {name: value for name, value in values.items() if (name, value) not in GONE}
        recipe = RECIPES.get(str(values.get("recipe", DEFAULT_RECIPE)), RECIPES[DEFAULT_RECIPE])
        made = validate({**recipe, **values})
        made.model_fields_set.intersection_update(values)
        return made

    @model_validator(mode="after")
    def _cycle(self) -> TrainConfig:
        if len(self.switch_epochs) != len(self.learning_rates):
            raise ValueError("switch_epochs needs one entry per learning rate")
        if list(self.switch_epochs) != sorted(set(self.switch_epochs)) or self.switch_epochs[0] < 1:
            raise ValueError("switch_epochs must rise from at least 1")
        if any(not 0 < rate < 10 for rate in self.learning_rates):
            raise ValueError("learning rates must be between 0 and 10")
        return self

    def learning_rate(self, epoch: int) -> float:
        """Learning rate of an epoch counted from 0: within each period, part k lasts until `switch_epochs[k]`.

        The paper's schedule: epochs 0-19 of every 100 at 1e-4, 20-49 at 1e-5, 50-99 at 1e-6.
        """
        within = epoch % self.switch_epochs[-1]
        part = sum(within >= end for end in self.switch_epochs)
        return self.learning_rates[part]
