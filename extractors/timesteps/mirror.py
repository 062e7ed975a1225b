"""Augmentation of stored features: mirroring the picture, and exchanging two people.

Both follow from the features' names. Mirroring exchanges left and right joints and changes the sign of horizontal
components. Unsigned statistics (`std`, `absdiff`, `dct…`) stay unchanged. This is exact for the channels of people and
for the camera's global motion; border cells and tools have no mirror image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from data.store.arrays import Rows, Singles

ChannelMap = tuple[Rows, Singles]
"""(channel,) old index of every channel and (channel,) factor: new[..., c] = factor[c] * old[..., index[c]]."""

_SIDEWAYS = ("place.vx", "torso.x", "torso.turn", "motion.pan_x", "motion.rotation")


def mirror_map(names: Sequence[str]) -> ChannelMap:
    """The map of features `<channel>.<statistic>` for a mirrored picture. Raises ValueError: no mirror image."""

    def image(name: str) -> tuple[str, bool]:
        channel, _, statistic = name.rpartition(".")
        if channel.partition(".")[0] not in ("place", "camera", "body", "velocity", "angle", "torso", "motion"):
            raise ValueError(f"'{name}' has no mirror image")
        side, other = ("left_", "right_") if "left_" in name else ("right_", "left_")
        signed = statistic == "mean" or statistic.startswith("at")
        return name.replace(side, other), signed and (channel in _SIDEWAYS or channel.endswith(".x"))

    return _map_of(names, image)


def exchange_map(names: Sequence[str]) -> ChannelMap:
    """The map of trial-level descriptors if primary and only secondary exchange roles. Raises as `mirror_map`."""

    def image(name: str) -> tuple[str, bool]:
        part, _, rest = name.partition(".")
        twin = {"primary": f"secondary.{rest}", "secondary": f"primary.{rest}"}.get(part, name)
        return twin, part == "pair" and name.rpartition(".")[2] == "lag_s"

    return _map_of(names, image)


def _map_of(names: Sequence[str], image: Callable[[str], tuple[str, bool]]) -> ChannelMap:
    """The map; `image` gives the counterpart of each name, and whether its sign changes."""
    places = {name: i for i, name in enumerate(names)}
    index, factor = np.empty(len(names), dtype=np.intp), np.ones(len(names), dtype=np.float32)
    for i, name in enumerate(names):
        twin, negative = image(name)
        if twin not in places:
            raise ValueError(f"'{name}' has no counterpart '{twin}'")
        index[i], factor[i] = places[twin], -1.0 if negative else 1.0
    return index, factor
