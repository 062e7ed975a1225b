"""AIM: the asymmetric interaction model for action assessment (Gao et al., ECCV 2020), in one file.

Shapes are written for one member; in a stack (`models.layers`) every tensor has the member axis M in front.
B samples, T time steps, A secondary agents, d = `AimConfig.width`.

    I_d  = D(A_p, T(A_s))                              equation 1   interaction in space
    M_ps = A_p + I_d (concatenated)                    equation 2
    Y    = LSTM(M_ps)                                  equation 3   interaction in time
    X    = ReLU(FC(F_wl))                              section 3.2  whole scene
    W    = softmax over the two streams of (X, Y)·O,   O = FC_key(F_wl)      equation 5
    Z    = W_X X + W_Y Y                               equation 4
    S    = sum over t of R(Z)                          equation 6
    S_ex = sum of R_A(X),  S_sn = sum of R_B(Y)        equation 7

We decide four points that the paper leaves open. Equations 4 and 5 have two streams, the scene X and the interaction Y,
with one common key O. Dropout acts inside each regression module. The difference of an agent that was not observed in a
step is zero. Several secondary agents share one transformation, and their differences are averaged over the observed
ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor, nn

from models.aim_config import AimConfig, AimSizes
from models.layers import Layers, start_values

Dropout = Callable[[Tensor, float], Tensor]  # (values, rate) to values with entries dropped at this rate


def keep(values: Tensor, rate: float) -> Tensor:
    """`values` without dropout."""
    return values


@dataclass(frozen=True)
class AimInputs:
    """Normalised inputs of the network, unobserved entries zero."""

    primary: Tensor  # (..., B, T, Np)
    primary_mask: Tensor  # (..., B, T), 1 where observed
    secondary: Tensor  # (..., B, T, A, Ns)
    secondary_mask: Tensor  # (..., B, T, A), 1 where observed
    scene: Tensor  # (..., B, T, Nc)

    def map(self, change: Callable[[Tensor], Tensor]) -> AimInputs:
        """The inputs with `change` applied to every tensor."""
        return AimInputs(**{field.name: change(getattr(self, field.name)) for field in fields(self)})


@dataclass(frozen=True)
class AimOutput:
    """The network's predictions, in the scaled units of training."""

    score: Tensor  # (..., B) final score S
    step_scores: Tensor  # (..., B, T) share of each step; they sum to S
    attention: Tensor  # (..., B, T, 2) weights of the scene and the interaction stream, summing to 1
    execution: Tensor | None = None  # (..., B) S_ex, or None without that head
    synchronisation: Tensor | None = None  # (..., B) S_sn, or None without that head


class Regression(nn.Module):
    """R: two fully connected layers, d to 128 with ReLU, 128 to 1 without (section 5.1)."""

    def __init__(self, inputs: int, hidden: int, rate: float, layers: Layers) -> None:
        super().__init__()
        self.hidden = layers.linear(inputs, hidden)
        self.out = layers.linear(hidden, 1)
        self.rate = rate

    def forward(self, z: Tensor, dropout: Dropout) -> Tensor:
        """(..., d) to (...)."""
        hidden = dropout(torch.relu(self.hidden(z)), self.rate)  # (..., 128)
        out: Tensor = self.out(hidden)
        return out.squeeze(-1)

    def start_at(self, scores: Tensor) -> None:
        """Set the last bias of each member to `scores` (M,); NaN leaves it."""
        bias = self.out.get_parameter("bias")  # (M, 1)
        bias.copy_(torch.where(torch.isnan(scores).unsqueeze(1), bias, scores.unsqueeze(1)))


class Interaction(nn.Module):
    """The asymmetric interaction module (section 3.1); with `no_aim` one layer instead."""

    def __init__(self, config: AimConfig, sizes: AimSizes, layers: Layers) -> None:
        super().__init__()
        self.config = config
        kept = sizes.agents if config.agents == "concat" else 1
        if config.variant == "no_aim":
            self.joined = layers.linear(sizes.primary + kept * sizes.secondary, config.width)
            return
        latent = sizes.primary if config.transformation else sizes.secondary
        if config.transformation:
            self.transformation = layers.linear(sizes.secondary, sizes.primary)
        self.temporal = layers.lstm(sizes.primary + kept * latent, config.width)

    def forward(self, x: AimInputs) -> Tensor:
        """Y (..., B, T, d)."""
        if self.config.variant == "no_aim":
            agents = torch.cat([x.primary, self._join(x.secondary, x.secondary_mask)], dim=-1)
            return torch.relu(self.joined(agents))  # (..., B, T, d)
        secondary = x.secondary  # (..., B, T, A, Ns)
        observed = x.secondary_mask  # (..., B, T, A)
        if self.config.transformation:
            secondary = self.transformation(secondary)  # (..., B, T, A, Np)
        if self.config.difference == "none":
            relation = secondary
        else:
            relation = x.primary.unsqueeze(-2) - secondary  # (..., B, T, A, Np), equation 1
            observed = observed * x.primary_mask.unsqueeze(-1)
            if self.config.difference == "absolute":
                relation = relation.abs()
        related = self._join(relation, observed)  # (..., B, T, Np), beside the primary agent in equation 2
        hidden: Tensor = self.temporal(x.primary, related)  # (..., B, T, d), equation 3
        return hidden

    def _join(self, each: Tensor, observed: Tensor) -> Tensor:
        """Several agents (..., A, N) as one vector: the mean over observed ones, or concatenated."""
        each = each * observed.unsqueeze(-1)
        if self.config.agents == "concat":
            return each.flatten(-2)  # (..., A*N)
        return each.sum(-2) / observed.sum(-1, keepdim=True).clamp(min=1)  # (..., N)


class Aim(nn.Module):
    """The whole model, as one network or a stack, depending on `layers`."""

    def __init__(self, config: AimConfig, sizes: AimSizes, layers: Layers | None = None) -> None:
        super().__init__()
        config.check(sizes)
        layers = layers or Layers()
        if config.exchange:
            sizes = AimSizes(sizes.secondary, sizes.primary, 1, sizes.scene)
        self.config, self.sizes = config, sizes
        self.uses_scene = sizes.scene > 0
        self.uses_agents = config.variant in ("aim", "no_aim")
        if self.uses_agents:
            self.interaction = Interaction(config, sizes, layers)
        if self.uses_scene:
            extra = sizes.primary + sizes.agents * sizes.secondary if config.variant == "scene_agents" else 0
            self.encoder = layers.linear(sizes.scene + extra, config.width)
        if self.uses_scene and self.uses_agents and config.fusion == "attention":
            self.key = layers.linear(sizes.scene, config.width)
        regression = partial(Regression, config.width, config.regression_width, config.dropout, layers)
        self.regression = regression()
        if config.multi_task and self.uses_scene:
            self.execution = regression()
        if config.multi_task and self.uses_agents:
            self.synchronisation = regression()

    def forward(self, x: AimInputs, drop: Dropout = keep) -> AimOutput:
        """Scores of a batch, by default without dropout."""
        x = _exchanged(x) if self.config.exchange else x
        rate = self.config.feature_dropout
        scene = drop(self._scene(x), rate) if self.uses_scene else None  # X (..., B, T, d)
        agents = drop(self.interaction(x), rate) if self.uses_agents else None  # Y (..., B, T, d)
        fused, attention = self._fuse(scene, agents, x.scene)  # (..., B, T, d), (..., B, T, 2)
        steps = self.regression(fused, drop)  # (..., B, T)
        execution = self.execution(scene, drop) if hasattr(self, "execution") else None  # (..., B, T), equation 7
        together = self.synchronisation(agents, drop) if hasattr(self, "synchronisation") else None
        return AimOutput(
            score=steps.sum(-1),  # (..., B), equation 6
            step_scores=steps,
            attention=attention,
            execution=None if execution is None else execution.sum(-1),
            synchronisation=None if together is None else together.sum(-1),
        )

    @torch.no_grad()
    def start(self, generators: list[torch.Generator], scores: Tensor) -> None:
        """Initialise a stack, each member with its own generator.

        The last layer's bias starts at `scores` (M,) per time step; NaN keeps the drawn value.
        """
        start_values(self, generators)
        if self.config.variant == "aim" and self.config.identity_start and self.config.transformation:
            weight, bias = (self.get_parameter(f"interaction.transformation.{name}") for name in ("weight", "bias"))
            if weight.shape[-1] == weight.shape[-2]:
                weight.copy_(torch.eye(weight.shape[-1]).expand_as(weight))
                bias.zero_()
        self.regression.start_at(scores)

    def _scene(self, x: AimInputs) -> Tensor:
        inputs = x.scene  # (..., B, T, Nc)
        if self.config.variant == "scene_agents":
            inputs = torch.cat([inputs, x.primary, x.secondary.flatten(-2)], dim=-1)
        return torch.relu(self.encoder(inputs))  # (..., B, T, d)

    def _fuse(self, scene: Tensor | None, agents: Tensor | None, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Z and the two weights per step (equations 4 and 5)."""
        if scene is None or agents is None:
            only = scene if scene is not None else agents
            assert only is not None
            fixed = only.new_tensor([0.0, 1.0] if scene is None else [1.0, 0.0])
            return only, fixed.expand(*only.shape[:-1], 2)
        if self.config.fusion == "halves":
            return (scene + agents) / 2, scene.new_full((1,), 0.5).expand(*scene.shape[:-1], 2)
        return attend(scene, agents, self.key(whole))


def attend(scene: Tensor, agents: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Z (..., d), the weighted sum of two streams X and Y, and the weights W (..., 2) by the key O (..., d).

    W = softmax over the two of (X·O, Y·O)    equation 5
    Z = W_X X + W_Y Y                         equation 4
    """
    share = torch.sigmoid(((scene - agents) * key).sum(-1, keepdim=True))  # the softmax of two
    return torch.lerp(agents, scene, share), torch.cat([share, 1 - share], dim=-1).detach()


def _exchanged(x: AimInputs) -> AimInputs:
    """The inputs with the primary and the only secondary agent exchanged."""
    primary, primary_mask = x.secondary.squeeze(-2), x.secondary_mask.squeeze(-1)
    secondary, secondary_mask = x.primary.unsqueeze(-2), x.primary_mask.unsqueeze(-1)
    return AimInputs(primary, primary_mask, secondary, secondary_mask, x.scene)
