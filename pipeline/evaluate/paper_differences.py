"""What differs from the paper's method: the whole method beside the recipe `paper`, setting by setting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pipeline.settings.config import Config
from pipeline.settings.recipes import RECIPES, TrainConfig, model_for

NO_METHOD = ("recipe", "runs", "seed", "device", "checkpoint_every")
"""Settings of training that are no part of the method: a name for others, chance, and the machine."""


def paper_differences(config: Config) -> list[str]:
    """Every setting of the method that is not the paper's, as "section.name value (the paper's)"."""
    model, train = config.method.scorer
    paper_train, paper_model = TrainConfig(recipe="paper").model_dump(), model_for("paper")
    settings = [
        (f"model.{one.name}", getattr(model, one.name), getattr(paper_model, one.name)) for one in fields(model)
    ]
    settings += [(f"train.{name}", value, paper_train[name]) for name, value in train.model_dump().items()
                 if name not in NO_METHOD]  # fmt: skip
    settings += _stages(config)
    return [f"{name} {_plain(here)} ({_plain(paper)})" for name, here, paper in settings if here != paper]


def _stages(config: Config) -> Iterator[tuple[str, Any, Any]]:
    """Settings of the stages that the paper's recipe names, of stages that run."""
    for section, values in RECIPES["paper"].items():
        if section not in ("model", "train") and section in config.method.stages:
            here = config.method.stage(section).model_dump()
            yield from ((f"{section}.{name}", here[name], value) for name, value in values.items())
    if getattr(config.method.stage("timesteps"), "scene", None) == "":
        yield "timesteps.scene", None, "the whole scene"


def _plain(value: Any) -> str:
    """A setting as text: values of a list with slashes, none as 'off'."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return "/".join(
        "off" if one is None or one is False else "on" if one is True else one if isinstance(one, str) else f"{one:g}"
        for one in values
    )
