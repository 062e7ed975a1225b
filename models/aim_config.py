"""Settings and sizes of the AIM network, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class AimConfig:
    """Which parts of AIM are built and how wide they are.

    The defaults are ours: small, and chosen on rendered dives. `configs/jigsaws-paper.yaml` has the paper's.

    Attributes:
        system: "aim" is the full model (figure 2). "no_aim" replaces the asymmetric interaction module by one
            fully connected layer over both agents, without transformation, difference and LSTM (table 5,
            "w/o AIM"). "scene" scores the whole-scene feature only ("Baseline", tables 2, 4 and 5).
            "scene_agents" concatenates scene, primary and secondary before the encoder ("Baseline+Kinetic",
            "Baseline+Pose", tables 2 and 4). "combined" is no network: AIM's score is averaged with those of
            regressions (`pipeline.systems.combination`); not in the paper.
        fusion: "attention" is equations 4-5; "halves" gives each stream one half (table 5).
        transformation: False feeds the secondary untransformed (table 5); sizes must then agree.
        identity_start: the transformation starts as the identity, to which it tends when both agents come from one
            domain, as the paper says. It is ignored for agents of unequal sizes.
        difference: "signed" is the paper's subtraction, "absolute" its magnitude, "none" concatenates the
            transformed secondary in its place (table 5, "w/o difference module").
        exchange: primary and secondary agent exchange roles (tables 5 and 6); one secondary agent only.
        agents: how several secondaries join: "mean" of their differences, or "concat" in their order.
        multi_task: heads R_A on the scene stream and R_B on the AIM stream (equation 7).
        trial: branch that adds a term from the trial-level descriptors to the score; not in the paper.
        width: d, size of the encoder's and the LSTM's output.
        regression_width: hidden size of the regression modules.
        dropout: inside each regression module, after its hidden layer.
        feature_dropout: on both streams before fusion; 0 in the paper.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    system: Literal["aim", "no_aim", "scene", "scene_agents", "combined"] = "aim"
    fusion: Literal["attention", "halves"] = "attention"
    transformation: bool = True
    identity_start: bool = True
    difference: Literal["signed", "absolute", "none"] = "absolute"
    exchange: bool = False
    agents: Literal["mean", "concat"] = "mean"
    multi_task: bool = False
    trial: Literal["none", "linear", "mlp"] = "none"
    width: int = 64
    regression_width: int = 64
    dropout: float = 0.2
    feature_dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width < 1 or self.regression_width < 1:
            raise ValueError("width and regression_width must be at least 1")
        if not (0.0 <= self.dropout < 1.0 and 0.0 <= self.feature_dropout < 1.0):
            raise ValueError("dropout and feature_dropout must be in [0, 1)")

    def check(self, sizes: AimSizes) -> None:
        """Raise ValueError, which names the setting, if these sizes do not allow the configured parts."""
        if self.system == "combined":
            raise ValueError("system 'combined' is no network; its network is 'aim'")
        if self.system in ("scene", "scene_agents") and sizes.scene == 0:
            raise ValueError(f"system '{self.system}' needs a whole-scene feature, and these features have none")
        if self.system != "scene" and (sizes.primary == 0 or sizes.secondary == 0 or sizes.agents == 0):
            raise ValueError("these features have no primary or no secondary agent: only system 'scene' can use them")
        if self.exchange and sizes.agents != 1:
            raise ValueError(f"exchange needs one secondary agent, and these features have {sizes.agents}")
        plain = self.system == "aim" and not self.transformation
        if plain and self.difference != "none" and sizes.primary != sizes.secondary:
            given = f"{sizes.primary} and {sizes.secondary}"
            raise ValueError(f"a difference without transformation needs equal sizes, these are {given}")
        if self.trial != "none" and sizes.trial == 0:
            raise ValueError("trial is on, and these features have no trial-level descriptors")


@dataclass(frozen=True)
class AimSizes:
    """Sizes of the inputs, a property of the features."""

    primary: int  # Np, channels of the primary agent
    secondary: int  # Ns, channels of a secondary agent
    agents: int = 1  # A, number of secondary agents
    scene: int = 0  # Nc, entries of the whole-scene feature; 0 where there is none
    trial: int = 0  # K, trial-level descriptors; 0 where there are none
