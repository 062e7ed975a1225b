"""Roles: texts that assign outputs of upstream stages to AIM's primary and secondary agents.

| text | means |
|---|---|
| `pose:0`, `pose:1`, … | that tracked person of the `pose` stage; `pose` is `pose:0` |
| `pose:0:left`, `:right`, `:upper`, `:lower` | half of that person's body (`half_of` in `pose_channels`) |
| `skeleton:0`, `skeleton:0:left`, … | the same of a person of the `skeleton` stage |
| `camera_flow` | the camera's motion, from the `camera_flow` stage |
| `kinematics:master`, `kinematics:slave` | that array of the `kinematics` stage |
| `features/primary`, `features/secondary` | arrays of feature files, from the `features` stage |
| `stage/array` | any array of a stage that also stores `time`, one row of the array per time |
| `none` | no agent |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NO_AGENT = "none"

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_GENERIC = re.compile(rf"({_NAME})/({_NAME})", re.ASCII)
_POSE = re.compile(r"(pose|skeleton)(?::([0-9]{1,3})(?::(left|right|upper|lower))?)?", re.ASCII)
_KINEMATICS = re.compile(r"kinematics:(master|slave)", re.ASCII)


@dataclass(frozen=True)
class Role:
    """One role, parsed. Roles of one kind (and one array) have the same channels in the same order."""

    text: str  # as written in the configuration
    kind: str  # of channels: "pose", "camera_flow", "array" or "none"
    stage: str  # the upstream stage; empty for "none"
    array: str = ""  # name of the array for kind "array"
    agent: int = 0  # index of the tracked person for kind "pose"
    half: str = ""  # "left", "right", "upper" or "lower" half of that person; empty for the whole body


def parse_role(text: str) -> Role:
    """The role for `text`, see the table in this module's docstring. Raises ValueError: an invalid text."""
    name = text.strip()
    if match := _POSE.fullmatch(name):
        return Role(name, "pose", match[1], agent=int(match[2] or 0), half=match[3] or "")
    if name == "camera_flow":
        return Role(name, "camera_flow", "camera_flow")
    if name == NO_AGENT:
        return Role(name, NO_AGENT, "")
    if match := _KINEMATICS.fullmatch(name):
        return Role(name, "array", "kinematics", array=match[1])
    if match := _GENERIC.fullmatch(name):
        return Role(name, "array", match[1], array=match[2])
    grammar = "pose:0, pose:1, pose:0:left (or right, upper, lower), skeleton:0, camera_flow, kinematics:master, "
    raise ValueError(f"'{text}' is not a role: a role is {grammar}kinematics:slave, stage/array or none")


def parse_scene(text: str) -> tuple[str, str]:
    """(stage, array) of the scene feature, `stage/array`; `clips` means `clips/logits`. Raises ValueError."""
    stage = text.strip()
    if match := _GENERIC.fullmatch(stage):
        return match[1], match[2]
    if re.fullmatch(_NAME, stage, re.ASCII):
        return stage, "logits"
    raise ValueError(f"'{text}' is not a scene feature: give a stage such as clips, or clips/features")


def check_roles(roles: tuple[Role, ...]) -> None:
    """Raise ValueError for a repeated role, or for secondary roles (after the first) with different channels."""
    agents = [role.text for role in roles if role.kind != NO_AGENT]
    if len(set(agents)) < len(agents):
        raise ValueError("a role is given twice: each agent can have one role only")
    if len({(role.kind, role.stage, _family(role)) for role in roles[1:]}) > 1:
        raise ValueError("the secondary agents must be of one kind, such as two people or one camera")
    if len({role.stage for role in roles if role.kind == "pose"}) > 1:
        raise ValueError("people of pose and of skeleton have no common frame: take all from one stage")


def _family(role: Role) -> str:
    """Key of roles with the same channels: master and slave tools share one, and so do both halves of a body."""
    if role.half:
        return "sides" if role.half in ("left", "right") else "levels"
    return "tools" if role.stage == "kinematics" else role.array
