"""What moved differently between two videos of a page: the rule of the better videos, with one video as the range."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from pipeline.report.movement_section import MOST, gap, marked
from pipeline.report.page_data import VideoSection
from pipeline.report.text import steps_named, to_digits
from pipeline.score.movement import Difference, movement_differences

WHOLE = ("delay", "length", "tightest")
"""Movement variables that are one value of the whole performance."""


def pair_payload(videos: Sequence[VideoSection]) -> dict[str, list[dict[str, Any]]]:
    """The largest differences by "A-B", the places of two videos on the page.

    Each has a text, the phase that shows it in both videos (2.5: the middle of the third step), and the joints to mark.
    Videos without variables, or with other numbers of steps or people, have no entry.
    """
    return {
        f"{a}-{b}": [_moved(one, videos[a]) for one in _between(videos[a], videos[b])[:MOST]]
        for a, b in permutations(range(len(videos)), 2)
        if _alike(videos[a], videos[b])
    }


def _alike(a: VideoSection, b: VideoSection) -> bool:
    counts = {(len(one.people), len(one.time_steps)) for one in (a, b)}
    return bool(a.variables.people) and bool(b.variables.people) and len(counts) == 1


def _between(a: VideoSection, b: VideoSection) -> list[Difference]:
    return movement_differences(
        a.variables, b.variables.each(lambda values: [(v, v) if np.isfinite(v) else None for v in values])
    )


def _moved(one: Difference, a: VideoSection) -> dict[str, Any]:
    variable = one.variable
    who = "" if one.person is None or len(a.people) < 2 else f"{a.people[one.person]}: "
    values = " and ".join(to_digits(v, variable.decimals) for v in (one.value, one.low))
    text = f"{who}{variable.subject} {gap(one)} {variable.unit} {one.direction} in A"
    when = "" if one.name in WHOLE else f", {steps_named(a.result.steps, one.furthest, one.furthest)}"
    extent = a.variables.value(one.person, "extent") if one.name == "tightest" else None
    step = one.furthest if extent is None else int(np.argmin(extent))
    return {
        "text": f"{text[:1].upper()}{text[1:]}",
        "numbers": f"A and B: {values} {variable.unit}{when}",
        "phase": step + 0.5,
        "joints": marked(one),
    }
