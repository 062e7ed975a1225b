"""The systems of the paper's tables on one feature set, and the systems of each table."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.errors import UsageError, nearest
from models.aim_config import AimConfig
from models.comparisons import ComparisonConfig, Kind
from pipeline.features import FeatureSet
from pipeline.recipes import TrainConfig
from pipeline.systems import AimSystem, Selected, System, trivial_baselines
from pipeline.systems.graph_nodes import graph
from pipeline.systems.regressors import PooledRidge, regression_systems

OURS = "AIM (ours)"
CHOSEN_FOR_NEW_USERS = "AIM, chosen by inner validation over users"

ABLATIONS: dict[str, dict[str, Any]] = {
    "w/o AIM": {"system": "no_aim"},
    "w/o attention fusion": {"fusion": "halves"},
    "exchanged roles": {"exchange": True},
    "w/o transformation": {"transformation": False},
    "w/o difference": {"difference": "none"},
    "whole scene (baseline)": {"system": "scene"},
}
"""Rows of table 5 as changes of the network."""

TABLES: dict[str, tuple[str, ...]] = {
    "2": ("ST-GCN", "TSN ranking", "JR-GCN", "whole scene (baseline)", "scene + agents", OURS),
    "3": ("DCT+DFT+ApEn", "JR-GCN", OURS),
    "4": (
        "random",
        "C3D-LSTM",
        "I3D-SVR-L",
        "I3D-SVR-P",
        "I3D-SVR-RBF",
        "JR-GCN",
        "whole scene (baseline)",
        "scene + agents",
        "single-task",
        "multi-task",
    ),
    "5": (OURS, *ABLATIONS),
    "6": (OURS, "exchanged roles"),
    "7": ("Pose+DCT", "ST-GCN", "C3D-LSTM", "C3D-SVR (on our clips)", "JR-GCN", OURS),
}
"""Systems of the paper's tables, by our names."""


def all_systems(
    features: FeatureSet, model: AimConfig, config: TrainConfig, checkpoints: Path | None = None
) -> dict[str, System]:
    """Every system that these features allow, by name, baselines first.

    Args:
        features: decides which systems are possible.
        model: our network; ablations and the networks of the other systems take its width.
        config: the recipe of every network.
        checkpoints: folder of the checkpoints; every system has a subfolder.
    """
    systems: list[System] = [*trivial_baselines(), *regression_systems(features)]
    systems += _compared(features, model, config)
    has_scene, has_agents = features.scene.shape[-1] > 0, features.primary.shape[-1] > 0
    one = features.secondary.shape[2] == 1
    equal = features.primary.shape[-1] == features.secondary.shape[-1]
    if has_agents:
        systems.append(AimSystem(OURS, model, config))
        for name, task in (("single-task", False), ("multi-task", True)):
            if has_scene:
                systems.append(AimSystem(name, replace(model, multi_task=task), config))
        for name, changes in ABLATIONS.items():
            scene = name in ("whole scene (baseline)", "w/o attention fusion")
            possible = (has_scene or not scene) and (one or name != "exchanged roles")
            if possible and (equal or name != "w/o transformation"):
                systems.append(AimSystem(name, replace(model, **changes), config))
        if has_scene:
            systems.append(AimSystem("scene + agents", replace(model, system="scene_agents"), config))
    return {system.name: _kept(system, checkpoints) for system in systems}


def table_systems(table: str, systems: dict[str, System]) -> list[System]:
    """The trivial baselines and the systems of one of the paper's tables; impossible ones are left out.

    Raises:
        UsageError: no such table.
    """
    if table not in TABLES:
        raise UsageError(f"the paper has no results table '{table}'", fix=nearest(table, TABLES))
    baselines = [system for system in systems.values() if system.baseline]
    rows = [systems[name] for name in TABLES[table] if name in systems and not systems[name].baseline]
    return [*baselines, *rows]


def for_new_users(
    features: FeatureSet,
    ours: System,
    model: AimConfig,
    config: TrainConfig,
    kinds: tuple[str, ...],
    checkpoints: Path | None = None,
    seed: int = 0,
) -> Selected:
    """Candidates for people without training performances, and the selection among them by inner validation.

    Besides AIM for each task: one network for all tasks, a ranking loss, trial-level descriptors added to the time
    steps, and ridge regression on the descriptors alone, where the features allow them. Each has its own row.

    Args:
        features: decides what is possible.
        ours: AIM as every other protocol trains it.
        model: the network.
        config: the recipe.
        kinds: groups that stay on one side of an inner fold, the subject among them.
        checkpoints: folder of the checkpoints; every system has a subfolder.
        seed: of the inner folds.
    """
    ranking = config.model_copy(update={"rank_weight": 3.0})
    candidates: list[System] = [
        ours,
        AimSystem("AIM, all tasks", model, config, pool=True),
        AimSystem("AIM, all tasks, ranking", model, ranking, pool=True),
    ]
    if features.trial.shape[-1]:
        candidates.append(
            AimSystem("AIM, all tasks, trial figures", replace(model, trial="linear"), ranking, pool=True)
        )
        candidates.append(PooledRidge())
    kept = tuple(_kept(system, checkpoints) for system in candidates)
    return Selected(CHOSEN_FOR_NEW_USERS, kept, kinds, seed=seed, show=True)


def _kept(system: System, checkpoints: Path | None) -> System:
    """The system with its own folder of checkpoints, where it has none yet."""
    if checkpoints is None or not isinstance(system, AimSystem) or system.checkpoints is not None:
        return system
    return replace(system, checkpoints=checkpoints / re.sub(r"[^a-z0-9]+", "-", system.name.lower()).strip("-"))


def _compared(features: FeatureSet, model: AimConfig, config: TrainConfig) -> list[System]:

    def network(kind: Kind, **shape: Any) -> ComparisonConfig:
        size: dict[str, Any] = {
            "width": model.width,
            "regression_width": model.regression_width,
            "dropout": model.dropout,
        }
        return ComparisonConfig(kind, **size, **shape)

    networks: list[System] = []
    if features.scene.shape[-1]:
        ranking = config.model_copy(update={"rank_weight": 10.0})
        networks.append(AimSystem("C3D-LSTM", network("clip_lstm"), config))
        networks.append(AimSystem("TSN ranking", network("snippets"), ranking))
    if features.primary.shape[-1]:
        primary, secondary, edges = graph(features)
        nodes: dict[str, Any] = {"primary_nodes": primary, "secondary_nodes": secondary, "edges": edges}
        networks.append(AimSystem("ST-GCN", network("st_gcn", **nodes), config))
        networks.append(AimSystem("JR-GCN", network("jr_gcn", **nodes), config))
    return networks
