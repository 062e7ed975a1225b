"""Differences from the paper's method, by setting, and details that the paper leaves open.

A method is compared with the preset of the paper's experiment on its data set, such as `aqa7-paper`. For data sets
without one, the preset is `jigsaws-paper`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from data.weights.registry import REGISTRY
from extractors.base import HASHED, METHOD, StageConfig, owned
from pipeline.cache.cache_key import StageDescription, differences
from pipeline.evaluate.evaluation_results import EvaluationResults
from pipeline.settings.config import load_config
from pipeline.settings.method import Method
from pipeline.settings.yaml_values import PRESETS

NO_METHOD = ("recipe", "seed")
"""Settings of training outside the method: a name for other settings, and chance."""

PAPER = "{}-paper.yaml"
"""Presets of the paper's experiments by data set: network, training, and stages with the paper's inputs."""

AGENTS = ("primary", "secondary")
"""Settings of time steps that depend on the data set."""

FeatureOrigins = Mapping[str, StageDescription]
"""Descriptions of the stages that computed the features, by stage."""

HASH_LETTERS = 12
"""Characters of a hash that identify a file of weights in a sentence."""


OPEN = {
    "the views of a trial are one sample, their scenes averaged (the paper uses all 206 videos)": "views",
    "hands are paired by their motion": "kinematics",
    "all folds are ranked together (the paper has correlations of single folds)": "folds",
    "an agent is the statistics of its channels in each step (timesteps.statistics)": "",
    "inputs are standardised, and scores scaled to 0 to 10, by the training part": "",
    "a prediction is the mean of all networks (the paper averages the results of 10 runs)": "",
    "scene and interaction share one key O": "",
}
"""What AIM does here where the paper is silent or differs (in brackets), and when that applies."""


def paper_differences(method: Method, kind: str, origins: FeatureOrigins) -> list[str]:
    """Every setting of a method that is not the paper's, as "section.name value (the paper's)".

    `kind` is that of the data set. `origins` describe the stages that computed the features: a user's file may replace
    the weights that the method names.
    """
    preset = PRESETS / PAPER.format(kind)
    paper = load_config(preset if preset.exists() else PRESETS / PAPER.format("jigsaws")).method
    stages = [name for name in method.with_upstream(method.stages) if name in paper.with_upstream(paper.stages)]
    ours, theirs = _settings(method, stages), _settings(paper, stages)
    if "clips" in stages:
        ours["clips"]["weights"] = _weights(ours["clips"]["weights"], origins.get("clips"))
        if "kinematics" not in method.with_upstream(method.stages):
            theirs["clips"]["layout"] = "windows"  # of dives, clips begin every ten frames in public code
    return [f"{name} {_plain(here)} ({_plain(there)})" for name, here, there in differences(ours, theirs)]


def _settings(method: Method, stages: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The compared settings of network, training and stages, by section."""
    of_stages = {name: _of_method(method.stage(name)) for name in stages}
    return {"model": asdict(method.network), "train": method.train.model_dump(exclude={*NO_METHOD}), **of_stages}


def _of_method(settings: StageConfig) -> dict[str, Any]:
    return owned(type(settings), settings.model_dump(exclude={*AGENTS}), (METHOD, HASHED))


def left_open(results: EvaluationResults, method: Method) -> list[str]:
    """The entries of `OPEN` that apply to an evaluation."""
    kinds = {"kinematics": "kinematics" in method.with_upstream(method.stages)}
    kinds |= {"views": results.videos > results.performances, "folds": len(results.folds) > 1}
    return [text for text, kind in OPEN.items() if kinds.get(kind, True)]


def _weights(name: str, made: StageDescription | None) -> str:
    """The registered name of the weights behind the features, else their hash, else `name`."""
    used = made.identity.get("weights", "") if made else ""
    if not used or used.startswith("random"):  # no network ran, or its weights are random
        return name
    names = {entry.member_sha256: entry.name for entry in REGISTRY.values()}
    return names.get(used, f"SHA-256 {used[:HASH_LETTERS]}")


def _plain(value: Any) -> str:
    """A setting as text: list values separated by slashes, None as 'off'."""
    return "/".join(map(_plain_one, value if isinstance(value, (list, tuple)) else [value])) or "off"


def _plain_one(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
