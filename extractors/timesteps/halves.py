"""Halves of one body as two agents: left against right, or upper against lower.

Both halves have the same channels in the same order (table: docs/features.md), so that AIM subtracts corresponding
joints. Coordinates are those of the whole body: none is mirrored, so a difference of `x` is the distance of two joints.
"""

from __future__ import annotations

import re
from dataclasses import replace

from extractors.timesteps.channels import Channels

LEVELS = {
    "upper": {"shoulder": "root", "elbow": "middle", "wrist": "end"},
    "lower": {"hip": "root", "knee": "middle", "ankle": "end"},
}
"""Names that arms and legs share, by half and joint."""

_JOINT = re.compile(r"(left|right)_([a-z]+)", re.ASCII)

SIDE_MARK = "side."
"""Prefix of the channels of a left or right half: its mirror image is the other agent: `mirror_plan` refuses it."""


def half_of(channels: Channels, half: str) -> Channels:
    """The channels of one half of a body, named and ordered alike for both; `channels` are those of the whole body."""
    named = []
    for column, name in enumerate(channels.names):
        match = _JOINT.search(name)
        side, joint = match.groups() if match else ("", "")
        if half in LEVELS and joint in LEVELS[half]:
            name = name.replace(joint, LEVELS[half][joint])
        elif side == half:
            name = SIDE_MARK + name.replace(f"{side}_", "")
        elif match:
            continue  # a joint of the other half
        named.append((name, column))
    names, columns = zip(*sorted(named), strict=True)  # arms and legs are listed in different orders
    picked = list(columns)
    values, weight = channels.values[:, picked], channels.weight[:, picked]
    return replace(channels, kind="half", names=names, values=values, weight=weight)
