"""Builds a network from its settings: AIM or one of the compared systems."""

from __future__ import annotations

from collections.abc import Callable

from models.aim import Aim
from models.aim_config import AimConfig, AimSizes
from models.comparisons import ClipLstm, Comparison, ComparisonConfig, JrGcn, Snippets, StGcn
from models.layers import Layers

NetworkConfig = AimConfig | ComparisonConfig
Network = Aim | Comparison

_COMPARISONS: dict[str, Callable[[ComparisonConfig, AimSizes, Layers], Comparison]] = {
    "clip_lstm": ClipLstm,
    "snippets": Snippets,
    "st_gcn": StGcn,
    "jr_gcn": JrGcn,
}


def build(config: NetworkConfig, sizes: AimSizes, layers: Layers) -> Network:
    """The network of these settings; `layers` decides whether it is one or a stack of many. Raises as `check`."""
    check(config, sizes)
    if isinstance(config, AimConfig):
        return Aim(config, sizes, layers)
    return _COMPARISONS[config.kind](config, sizes, layers)


def check(config: NetworkConfig, sizes: AimSizes) -> None:
    """Raise ValueError, which names the setting, where the network does not fit features of these sizes."""
    if isinstance(config, AimConfig):
        sizes.check(config)
    else:
        config.check(sizes)
