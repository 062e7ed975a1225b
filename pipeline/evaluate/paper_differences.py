"""What differs from the paper's method: the whole method beside the recipe `paper`, setting by setting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pipeline.settings.config import Config, load_config
from pipeline.settings.recipes import TrainConfig, model_for

NO_METHOD = ("recipe", "runs", "seed", "device", "checkpoint_every")
"""Settings of training that are no part of the method: a name for others, chance, and the machine."""

PAPER_PRESET = "jigsaws-paper"
"""The preset whose stages read what the paper reads."""


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
    """Settings of the stages that run on recorded kinematics, beside the preset of the paper's own experiment."""
    if "kinematics" in config.method.stages:
        paper = load_config(PAPER_PRESET).method
        for stage in config.method.stages:
            here, theirs = (method.stage(stage).model_dump() for method in (config.method, paper))
            yield from ((f"{stage}.{name}", value, theirs[name]) for name, value in here.items())
    elif getattr(config.method.stage("timesteps"), "scene", None) == "":
        yield "timesteps.scene", None, "the whole scene"


def _plain(value: Any) -> str:
    """A setting as text: values of a list with slashes, none as 'off'."""
    return "/".join(map(_plain_one, value if isinstance(value, (list, tuple)) else [value]))


def _plain_one(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
