"""The other networks of the paper's tables, which train in the same stacks as AIM.

Each docstring says how the network follows its paper and where it departs. All use the inputs of AIM. The score is T
times the output of the regression module, as AIM sums over T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.aim import Aim, AimInputs, AimOutput, Dropout, Regression, keep
from models.aim_config import AimConfig, AimSizes
from models.layers import Layers, Mixing, start_values

Nodes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ComparisonConfig:
    """A compared network; nodes and edges are for graph networks."""

    kind: str  # key of `COMPARISONS`
    primary_nodes: Nodes = ()  # channels of each node of the primary agent, equally many for each
    secondary_nodes: Nodes = ()  # the same for a secondary agent
    edges: tuple[tuple[int, int], ...] = ()  # pairs of nodes, numbered through the primary, then each secondary
    width: int = 64  # of the hidden layers
    regression_width: int = 64
    dropout: float = 0.2  # inside the regression module
    snippet_share: float = 0.3  # "snippets": share of the time steps in a training step

    def check(self, sizes: AimSizes) -> None:
        """Raise ValueError if the features lack an input of this network."""
        if self.kind in ("clip_lstm", "snippets") and sizes.scene == 0:
            raise ValueError(f"'{self.kind}' reads the whole-scene feature, and these features have none")
        if self.kind in ("st_gcn", "jr_gcn") and not self.primary_nodes:
            raise ValueError(f"'{self.kind}' needs the nodes of its graph")


class Comparison(nn.Module):
    """A network that ends in a regression module."""

    def __init__(self, config: ComparisonConfig, layers: Layers) -> None:
        super().__init__()
        self.config = config
        self.regression = Regression(config.width, config.regression_width, config.dropout, layers)

    @torch.no_grad()
    def start(self, generators: list[torch.Generator], scores: Tensor) -> None:
        """Draw the start values of a stack; `scores` as in `Aim.start`."""
        start_values(self, generators)
        self.regression.start_at(scores)


def _of_steps(step_scores: Tensor, *, on_agents: bool) -> AimOutput:
    """Output of a network that reads one stream: scores (..., B, T) that sum to the final score."""
    stream = step_scores.new_tensor([0.0, 1.0] if on_agents else [1.0, 0.0])
    return AimOutput(step_scores.sum(-1), step_scores, stream.expand(*step_scores.shape, 2))


class ClipLstm(Comparison):
    """C3D-LSTM (reference 17) of Parmar and Morris, "Learning to score Olympic events" (2017).

    As in the paper: one LSTM on the sequence of clip features, and regression of the score from its last state.
    Departures: clip features from our `clips` stage instead of C3D; a regression with AIM's hidden layer; the share of
    a step is the change of the score, as in their incremental labels.
    """

    def __init__(self, config: ComparisonConfig, sizes: AimSizes, layers: Layers) -> None:
        super().__init__(config, layers)
        self.temporal = layers.lstm(sizes.scene, config.width)

    def forward(self, x: AimInputs, drop: Dropout = keep) -> AimOutput:
        """Scores of a batch."""
        states = self.temporal(x.scene)  # (..., B, T, d)
        so_far = self.regression(states, drop) * x.scene.shape[-2]  # (..., B, T)
        before = torch.cat([torch.zeros_like(so_far[..., :1]), so_far[..., :-1]], dim=-1)
        return _of_steps(so_far - before, on_agents=False)


class Snippets(Comparison):
    """TSN-style ranking of snippets (reference 4): Doughty et al., "Who's better? Who's best?" (2018).

    As in the paper: a training step scores a few random snippets of a video separately and takes the mean. The loss
    ranks pairs of videos. All snippets count at test time. Departures: a snippet is a time step's clip feature, not a
    frame through a trained network; one stream instead of two; pairs of similar skill are not used. The ranking loss
    is the recipe's logistic loss, without a margin. The recipe's squared error makes the output a score, not only a
    rank.
    """

    def __init__(self, config: ComparisonConfig, sizes: AimSizes, layers: Layers) -> None:
        super().__init__(config, layers)
        self.encoder = layers.linear(sizes.scene, config.width)

    def forward(self, x: AimInputs, drop: Dropout = keep) -> AimOutput:
        """Scores of a batch."""
        scores: Tensor = self.regression(torch.relu(self.encoder(x.scene)), drop)  # (..., B, T)
        drawn = (drop(torch.ones_like(scores), 1 - self.config.snippet_share) > 0).to(scores.dtype)
        drawn = drawn.where(drawn.any(-1, keepdim=True), torch.ones_like(drawn))  # an empty draw would score 0
        share = drawn / drawn.sum(-1, keepdim=True).clamp(min=1) * scores.shape[-1]
        return _of_steps(scores * share, on_agents=False)


class _Graph(Comparison):
    """A network on a graph, whose nodes are the joints or tools of all agents."""

    edges: Tensor

    def __init__(self, config: ComparisonConfig, sizes: AimSizes, layers: Layers) -> None:
        super().__init__(config, layers)
        self.channels = len(config.primary_nodes[0])
        count = len(config.primary_nodes) + sizes.agents * len(config.secondary_nodes)
        edges = torch.zeros(count, count)
        for a, b in config.edges:
            edges[a, b] = edges[b, a] = 1.0
        self.register_buffer("edges", edges, persistent=False)

    def nodes(self, x: AimInputs) -> Tensor:
        """Features of all nodes, (..., B, T, V, C)."""
        primary = x.primary[..., torch.tensor(self.config.primary_nodes)]  # (..., B, T, V1, C)
        secondary = x.secondary[..., torch.tensor(self.config.secondary_nodes)]  # (..., B, T, A, V2, C)
        return torch.cat([primary, secondary.flatten(-3, -2)], dim=-2)


class StGcn(_Graph):
    """ST-GCN (reference 27) of Yan et al. (2018).

    As in the paper: blocks of a graph convolution (separate weights for a node and for the mean of its neighbours,
    with learnt edge importance), ReLU, and a temporal convolution; a skip connection around each block but the first,
    then ReLU; mean over nodes and steps, then a score. Departures: two blocks instead of nine, one neighbour partition,
    no batch normalisation (sets are small). Nodes have our per-step statistics of each joint or tool instead of the
    coordinates of every frame. The convolution spans three steps: their nine would be nearly all of our ten, at three
    times the cost.
    """

    def __init__(self, config: ComparisonConfig, sizes: AimSizes, layers: Layers) -> None:
        super().__init__(config, sizes, layers)
        inputs = (self.channels, config.width)
        self.own, self.near = (nn.ModuleList(layers.linear(size, config.width) for size in inputs) for _ in range(2))
        self.importance = nn.ModuleList(layers.mixing(len(self.edges)) for _ in inputs)
        self.temporal = nn.ModuleList(layers.linear(3 * config.width, config.width) for _ in inputs)

    def forward(self, x: AimInputs, drop: Dropout = keep) -> AimOutput:
        """Scores of a batch."""
        h = self.nodes(x)
        mean = self.edges / self.edges.sum(-1, keepdim=True).clamp(min=1)  # over the neighbours
        for block, (own_layer, near, importance, temporal) in enumerate(
            zip(self.own, self.near, self.importance, self.temporal, strict=True)
        ):
            assert isinstance(importance, Mixing)
            neighbours = (importance.weight * mean).unsqueeze(-3).unsqueeze(-3) @ h
            inside = torch.relu(own_layer(h) + near(neighbours))  # (..., B, T, V, d)
            out = temporal(_with_neighbouring_steps(inside))
            h = torch.relu(out + h if block else out)
        pooled = h.mean((-3, -2))  # (..., B, d)
        score = self.regression(pooled, drop)  # (..., B)
        steps = x.primary.shape[-2]
        return _of_steps(score.unsqueeze(-1).expand(*score.shape, steps), on_agents=True)


class JrGcn(_Graph):
    """JR-GCN (reference 15) of Pan, Gao and Zheng, "Action assessment by joint relation graphs" (2019).

    As in the paper: the joint commonness module takes the learnt weighted mean of neighbouring joints' motion, the
    joint difference module the learnt weighted differences to the neighbours. Each compares joints within a step
    (spatial graph) and with the previous step (temporal graph). Two layers aggregate the means over joints and the
    whole-scene feature: each module's features are encoded in the same way, then summed with learnt weights. The score
    is regressed from the result.
    Departures: the motion of a joint or tool is our per-step statistics, not I3D features of patches around it; the
    difference is the mean absolute difference after encoding.
    """

    def __init__(self, config: ComparisonConfig, sizes: AimSizes, layers: Layers) -> None:
        super().__init__(config, sizes, layers)
        count, width = len(self.edges), config.width
        self.motion = layers.linear(self.channels, width)
        self.spatial, self.temporal = layers.mixing(count), layers.mixing(count)
        self.first = nn.ModuleList(layers.linear(width, width) for _ in range(4))
        self.scene = layers.linear(sizes.scene, width) if sizes.scene else None
        self.second = layers.linear(width * (5 if sizes.scene else 4), width)

    def forward(self, x: AimInputs, drop: Dropout = keep) -> AimOutput:
        """Scores of a batch."""
        h = torch.relu(self.motion(self.nodes(x)))  # (..., B, T, V, d)
        before = torch.cat([h[..., :1, :, :], h[..., :-1, :, :]], dim=-3)
        reach = self.edges + torch.eye(len(self.edges), device=h.device)
        near, earlier = self.spatial(h, reach), self.temporal(before, reach)
        modules = (near, earlier, (h - near).abs(), (h - earlier).abs())
        parts = [torch.relu(layer(m.mean(-2))) for layer, m in zip(self.first, modules, strict=True)]  # (..., B, T, d)
        if self.scene is not None:
            parts.append(torch.relu(self.scene(x.scene)))
        joined = torch.relu(self.second(torch.cat(parts, dim=-1)))
        return _of_steps(self.regression(joined, drop), on_agents=True)


def _with_neighbouring_steps(h: Tensor) -> Tensor:
    """(..., T, V, d) concatenated with the steps before and after, zero-padded: (..., T, V, 3 d)."""
    padded = nn.functional.pad(h, (0, 0, 0, 0, 1, 1))
    return torch.cat([padded[..., :-2, :, :], h, padded[..., 2:, :, :]], dim=-1)


NetworkConfig = AimConfig | ComparisonConfig

COMPARISONS: dict[str, Callable[[ComparisonConfig, AimSizes, Layers], Comparison]] = {
    "clip_lstm": ClipLstm,
    "snippets": Snippets,
    "st_gcn": StGcn,
    "jr_gcn": JrGcn,
}


def build_network(config: NetworkConfig, sizes: AimSizes, layers: Layers) -> Aim | Comparison:
    """AIM or a compared network, by its settings; raises as their `check`."""
    if isinstance(config, AimConfig):
        return Aim(config, sizes, layers)
    config.check(sizes)
    return COMPARISONS[config.kind](config, sizes, layers)
