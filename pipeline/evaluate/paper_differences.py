"""What differs from the paper's method, setting by setting: the method beside that of the preset `jigsaws-paper`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from data.weights.registry import REGISTRY
from pipeline.cache.cache_key import StageDescription
from pipeline.settings.config import load_config
from pipeline.settings.method import Method
from pipeline.settings.yaml_values import PRESETS

NO_METHOD = ("recipe", "networks", "seed")
"""Settings of training that are no part of the method: a name for others, and chance."""

PAPER_PRESET = PRESETS / "jigsaws-paper.yaml"
"""The preset of the paper's own experiment: its network, its training, and stages that read what it reads."""

AGENTS = ("primary", "secondary")
"""Settings of time steps that follow from what a data set shows."""

OF_FILMS = {"clips": {"layout": "windows"}}
"""Settings of stages where nothing but films is recorded: clips of dives begin every ten frames in public code."""

FeatureOrigins = Mapping[str, StageDescription]
"""What describes the stages that made the features, by stage."""

SHA256 = re.compile("[0-9a-f]{64}")

HASH_LETTERS = 12
"""Letters of a hash that name a file of weights in a sentence."""


def paper_differences(method: Method, origins: FeatureOrigins) -> list[str]:
    """Every setting of a method that is not the paper's, as "section.name value (the paper's)".

    `origins` describe the stages that made the features: a file of weights may replace those that the method names.
    """
    paper = load_config(PAPER_PRESET).method
    networks = (asdict(one.network) for one in (method, paper))
    trainings = (one.train.model_dump(exclude={*NO_METHOD}) for one in (method, paper))
    settings = [*_section("model", *networks), *_section("train", *trainings), *_stages(method, paper, origins)]
    return [f"{name} {_plain(here)} ({_plain(theirs)})" for name, here, theirs in settings if here != theirs]


def _section(name: str, here: dict[str, Any], theirs: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each setting of a section with its value here and in the paper."""
    yield from ((f"{name}.{key}", value, theirs[key]) for key, value in here.items())


def _stages(method: Method, paper: Method, origins: FeatureOrigins) -> Iterator[tuple[str, Any, Any]]:
    """Settings of the stages that both methods have; weights are those that made the features."""
    stages, of_paper = (one.with_upstream(one.stages) for one in (method, paper))
    for stage in stages:
        if stage in of_paper:
            theirs = paper.stage(stage).model_dump()
            if "kinematics" not in stages:
                theirs |= OF_FILMS.get(stage, {})
            here = {name: value for name, value in method.stage(stage).model_dump().items() if name not in AGENTS}
            if "weights" in here:
                here["weights"] = _weights(here["weights"], origins.get(stage))
            yield from _section(stage, here, theirs)


def _weights(name: str, made: StageDescription | None) -> str:
    """The registered name of the weights that made the features, else their hash; `name` where they have none."""
    used = made.identity.get("weights", "") if made else ""
    if not SHA256.fullmatch(used):  # drawn at random, or no network ran
        return name
    names = {entry.member_sha256: entry.name for entry in REGISTRY.values()}
    return names.get(used, f"SHA-256 {used[:HASH_LETTERS]}")


def _plain(value: Any) -> str:
    """A setting as text: values of a list with slashes, none as 'off'."""
    return "/".join(map(_plain_one, value if isinstance(value, (list, tuple)) else [value])) or "off"


def _plain_one(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
