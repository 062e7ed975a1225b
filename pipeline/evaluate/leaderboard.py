"""All systems on one feature set: the paper's tables, together or one by one, and published methods beside AIM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from data.errors import UsageError, nearest
from data.splits import TIED
from models.aim_config import AimConfig
from models.comparisons import ComparisonConfig
from pipeline.evaluate.paper_tables import TABLES
from pipeline.folds import Row
from pipeline.settings.train_config import TrainConfig
from pipeline.systems import (
    PUBLISHED_ROWS,
    AimSystem,
    System,
    published_systems,
    trivial_baselines,
)
from pipeline.systems.graph_nodes import graph
from pipeline.systems.regressors import regression_systems
from pipeline.systems.system import RowKind
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet

OURS = "AIM (ours)"

WHOLE_SCENE = "whole scene (baseline)"
"""Row of the paper's whole-scene network, the only network for data without agents."""

UNDIVIDED = "w/o difficulty"
"""Row of AIM that learns the score itself, if the method multiplies by the difficulty."""

NETWORK_ROWS = {"aim": OURS, "scene": WHOLE_SCENE, "no_aim": "w/o AIM", "scene_agents": "scene + agents"}
"""The row of each network, by `model.variant`."""

ABLATIONS: dict[str, dict[str, Any]] = {
    "w/o AIM": {"variant": "no_aim"},
    "w/o attention fusion": {"fusion": "halves"},
    "exchanged roles": {"exchange": True},
    "w/o transformation": {"transformation": False},
    "w/o difference": {"difference": "none"},
}
"""Rows of table 5 as changes to the network; `WHOLE_SCENE` is separate."""


def all_systems(
    features: FeatureSet,
    model: AimConfig,
    config: TrainConfig,
    unsplit: Sequence[str] = TIED,
    *,
    times_difficulty: bool = False,
) -> dict[str, System]:
    """Every system that these features allow, by name, baselines first.

    Args:
        features: decide which systems are possible.
        model: the networks' settings, except those that define a row, such as `variant`.
        unsplit: groups that inner folds of the regressions do not split.
        times_difficulty: AIM and its variants learn score / difficulty; one more row learns the score.
    """
    model, aim = replace(model, variant="aim"), partial(AimSystem, times_difficulty=times_difficulty)
    systems: list[System] = [*trivial_baselines(features, unsplit), *regression_systems(features, unsplit)]
    systems += [*_compared(features, model, config), *published_systems(features, config)]
    has_scene = features.scene.shape[-1] > 0
    has_agents = min(features.primary.shape[-1], features.secondary.shape[-1]) > 0
    one_secondary = features.secondary.shape[2] == 1
    equal = features.primary.shape[-1] == features.secondary.shape[-1]
    has_parts = bool(np.isfinite(label_table(features.records)[:, 1:]).any())  # execution or synchronisation scores
    if has_scene:
        kind: RowKind = "other" if has_agents else "ours"
        systems.append(aim(WHOLE_SCENE, replace(model, variant="scene"), config, kind=kind))
    if has_agents:
        systems.append(aim(OURS, model, config, kind="ours"))
        tasks = {"single-task": False} | ({"multi-task": True} if has_parts else {})  # else both are equal
        if has_scene:
            systems += [aim(name, replace(model, multi_task=several), config) for name, several in tasks.items()]
        for name, changes in ABLATIONS.items():
            possible = (has_scene or name != "w/o attention fusion") and (one_secondary or name != "exchanged roles")
            if possible and (equal or name != "w/o transformation"):
                systems.append(aim(name, replace(model, **changes), config))
        if has_scene:
            systems.append(aim("scene + agents", replace(model, variant="scene_agents"), config))
        if times_difficulty:
            systems.append(AimSystem(UNDIVIDED, model, config))
    return {system.name: system for system in systems}


def table_systems(table: str, systems: dict[str, System]) -> list[System]:
    """Trivial baselines and possible systems of one of the paper's tables."""
    baselines = {name: system for name, system in systems.items() if system.kind == "baseline"}
    rows = [systems[name] for name in TABLES[table].systems if name in systems and name not in baselines]
    return [*baselines.values(), *rows]


PUBLISHED = "methods"
"""Means all methods of `pipeline.systems.published_system` in a choice of systems."""


def chosen_systems(names: str, systems: Sequence[Row]) -> list[Row]:
    """The trivial baselines and what is asked for; further rows of a network come with it.

    `names` are names or their beginnings, separated by commas, in any case, and `PUBLISHED`. Raises UsageError for
    others.
    """
    wanted: set[str] = set()
    for text in filter(None, (part.strip().lower() for part in names.split(","))):
        meant = (
            PUBLISHED_ROWS
            if text == PUBLISHED
            else [system.name for system in systems if system.name.lower().startswith(text)]
        )
        if not meant:
            unfit = [name for name in PUBLISHED_ROWS if name.lower().startswith(text)]
            what = f"these features are not enough for {unfit[0]}" if unfit else f"no system is named '{text}'"
            possible = [PUBLISHED, *(system.name for system in systems)]
            fix = "MUSDL needs the scores of single judges" if unfit else nearest(text, possible)
            raise UsageError(what, where="--systems", fix=fix)
        wanted |= set(meant)
    return [system for system in systems if system.kind == "baseline" or {system.name, system.network} & wanted]


def _compared(features: FeatureSet, model: AimConfig, config: TrainConfig) -> list[System]:
    def network(kind: str, **shape: Any) -> ComparisonConfig:
        return ComparisonConfig(
            kind, width=model.width, regression_width=model.regression_width, dropout=model.dropout, **shape
        )

    networks: list[System] = []
    if features.scene.shape[-1]:
        ranking = config.model_copy(update={"rank_weight": 10.0})
        networks.append(AimSystem("C3D-LSTM", network("clip_lstm"), config))
        networks.append(AimSystem("TSN ranking", network("snippets"), ranking))
    if min(features.primary.shape[-1], features.secondary.shape[-1]):
        primary, secondary, edges = graph(features)
        for name, kind in (("ST-GCN", "st_gcn"), ("JR-GCN", "jr_gcn")):
            shape = network(kind, primary_nodes=primary, secondary_nodes=secondary, edges=edges)
            networks.append(AimSystem(name, shape, config))
    return networks
