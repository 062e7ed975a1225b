"""A flag: a reason to doubt a score, with its severity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "warn", "bad"]
"""Severity of a flag: for information, use the score with care, do not use the score."""

Agent = Literal["", "primary", "secondary"]
"""The agent of a flag, or ""."""

SEVERITY: dict[Level, int] = {"bad": 0, "warn": 1, "info": 2}


@dataclass(frozen=True)
class Flag:
    """A reason to doubt a score, such as Flag("bad", "cut in the video", "The video has 3 cuts.")."""

    level: Level
    kind: str
    detail: str = ""
    agent: Agent = ""
    title: str = ""  # as shown: the kind, unless it includes a name or a number

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.kind)


def worst_first(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """Flags by severity; flags of one level keep their order."""
    return tuple(sorted(flags, key=lambda flag: SEVERITY.get(flag.level, 0)))
