"""Settings and sizes of the AIM network, importable without torch.

Settings are fields of pydantic, like those of `extractors.base.setting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class AimConfig:
    """The parts and widths of AIM.

    The defaults are ours: small, and chosen on rendered dives. `configs/jigsaws-paper.yaml` has the paper's settings.
    """

    variant: Literal["aim", "no_aim", "scene", "scene_agents"] = Field(
        default="aim",
        description='"aim" is the full model (figure 2). "no_aim" replaces the asymmetric interaction module by one '
        'fully connected layer over both agents, without transformation, difference and LSTM (table 5, "w/o '
        'AIM"). "scene" scores the whole-scene feature only ("Baseline", tables 2, 4 and 5). "scene_agents" '
        'concatenates scene, primary and secondary before the encoder ("Baseline+Kinetic", "Baseline+Pose", '
        "tables 2 and 4).",
    )
    fusion: Literal["attention", "halves"] = Field(
        default="attention", description='"attention" is equations 4-5; "halves" gives each stream one half (table 5).'
    )
    transformation: bool = Field(
        default=True, description="False feeds the secondary untransformed (table 5); sizes must then agree."
    )
    identity_start: bool = Field(
        default=True,
        description="the transformation starts as the identity, to which it tends when both agents come from one "
        "domain, as the paper says. It is ignored for agents of unequal sizes.",
    )
    difference: Literal["signed", "absolute", "none"] = Field(
        default="absolute",
        description='"signed" is the paper\'s subtraction, "absolute" its magnitude, "none" concatenates the '
        'transformed secondary in its place (table 5, "w/o difference module").',
    )
    exchange: bool = Field(
        default=False,
        description="primary and secondary agent exchange roles (tables 5 and 6); one secondary agent only.",
    )
    agents: Literal["mean", "concat"] = Field(
        default="mean",
        description='how several secondaries join: "mean" of their differences, or "concat" in their order.',
    )
    multi_task: bool = Field(
        default=False, description="heads R_A on the scene stream and R_B on the AIM stream (equation 7)."
    )
    width: int = Field(default=64, ge=1, description="d, size of the encoder's and the LSTM's output.")
    regression_width: int = Field(default=64, ge=1, description="hidden size of the regression modules.")
    dropout: float = Field(
        default=0.2, ge=0, lt=1, description="inside each regression module, after its hidden layer."
    )
    feature_dropout: float = Field(
        default=0.1, ge=0, lt=1, description="on both streams before fusion; 0 in the paper."
    )

    def check(self, sizes: AimSizes) -> None:
        """Raise ValueError, which names the setting, if these sizes do not allow the configured parts."""
        if self.variant in ("scene", "scene_agents") and sizes.scene == 0:
            raise ValueError(f"variant '{self.variant}' needs a whole-scene feature, and these features have none")
        if self.variant != "scene" and (sizes.primary == 0 or sizes.secondary == 0 or sizes.agents == 0):
            raise ValueError(
                "these features have no primary or no secondary agent: only the variant 'scene' can use them"
            )
        if self.exchange and sizes.agents != 1:
            raise ValueError(f"exchange needs one secondary agent, and these features have {sizes.agents}")
        plain = self.variant == "aim" and not self.transformation
        if plain and self.difference != "none" and sizes.primary != sizes.secondary:
            shown_sizes = f"{sizes.primary} and {sizes.secondary}"
            raise ValueError(f"a difference without transformation needs equal sizes, these are {shown_sizes}")

    def missing_heads(self, sizes: AimSizes) -> dict[str, str]:
        """Reasons why scores of `multi_task` lack a head, by score: each head reads one stream (equation 7)."""
        absent: dict[str, str] = {}
        if self.multi_task and not sizes.scene:
            absent["execution"] = "its head reads the whole scene, and these features have none"
        if self.multi_task and self.variant not in ("aim", "no_aim"):
            absent["synchronisation"] = f"its head reads the interaction, and the network '{self.variant}' has none"
        return absent


@dataclass(frozen=True)
class AimSizes:
    """Sizes of the inputs, a property of the features."""

    primary: int  # Np, channels of the primary agent
    secondary: int  # Ns, channels of a secondary agent
    agents: int = 1  # A, number of secondary agents
    scene: int = 0  # Nc, entries of the whole-scene feature; 0 without it
    trial: int = 0  # K, trial-level descriptors for a model's regressions
