"""The nodes and edges of the compared graph networks, from the channel names."""

from __future__ import annotations

from collections.abc import Sequence

from extractors.timesteps.pose_points import POINTS
from models.comparisons import Nodes
from pipeline.train.feature_set import FeatureSet

SIDES = ("left", "right")

LIMBS = (("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))

BONES = (
    *(("head", f"{side}_shoulder") for side in SIDES),
    *((f"left_{part}", f"right_{part}") for part in ("shoulder", "hip")),
    *((f"{side}_{a}", f"{side}_{b}") for a, b in LIMBS for side in SIDES),
)


def graph(features: FeatureSet) -> tuple[Nodes, Nodes, tuple[tuple[int, int], ...]]:
    """Nodes of the primary agent, nodes of a secondary agent, edges.

    Pose channels such as "body.left_knee.x.mean" belong to their joint, kinematic channels such as "left_x_m.mean" to
    their tool. An agent without such names is one node. A node has only the channels that all nodes of its agent share,
    so all have the same number. Edges are the bones, each agent's pair of tools, and the pairs of equal nodes of the
    primary and each secondary agent.
    """
    agents = features.secondary.shape[2]
    first = _nodes(features.names.get("primary", ()), features.primary.shape[-1])
    second = _nodes(features.names.get("secondary", ()), features.secondary.shape[-1])
    size = min(len(next(iter(first.values()))), len(next(iter(second.values()))))
    primary = tuple(channels[:size] for channels in first.values())
    secondary = tuple(channels[:size] for channels in second.values())
    edges = _bones(list(first))
    for agent in range(agents):
        offset = len(first) + agent * len(second)
        edges += [(a + offset, b + offset) for a, b in _bones(list(second))]
        pairs = [(list(first).index(name), list(second).index(name)) for name in first if name in second]
        edges += [(a, b + offset) for a, b in pairs or [(0, 0)]]
    return primary, secondary, tuple(edges)


def _nodes(names: Sequence[str], count: int) -> dict[str, tuple[int, ...]]:
    nodes: dict[str, dict[str, int]] = {}
    for index, name in enumerate(names):
        joint = next((part for part in name.split(".") if part in POINTS), None)
        side = name.split("_")[0]
        if joint is not None and not name.startswith("angle"):
            nodes.setdefault(joint, {})[name.replace(joint, "*")] = index
        elif joint is None and side in SIDES:
            nodes.setdefault(side, {})[name.removeprefix(side)] = index
    common = set.intersection(*map(set, nodes.values())) if nodes else set()
    if not common:
        return {"all": tuple(range(count))}
    return {node: tuple(channels[key] for key in sorted(common)) for node, channels in nodes.items()}


def _bones(nodes: list[str]) -> list[tuple[int, int]]:
    if set(nodes) <= set(SIDES):
        return [(0, 1)] if len(nodes) == 2 else []
    return [(nodes.index(a), nodes.index(b)) for a, b in BONES if a in nodes and b in nodes]
