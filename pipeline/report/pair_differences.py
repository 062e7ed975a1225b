"""Differences in movement between two videos of a page, in the same parts of the movement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from data.store.arrays import Floats
from pipeline.report.movement_section import MOST, gap, marked
from pipeline.report.page_data import VideoSection
from pipeline.report.text import steps_named, to_digits
from pipeline.score.aligned_movement import AlignedSteps, aligned_steps
from pipeline.score.movement import Difference, movement_differences


def pair_payload(videos: Sequence[VideoSection]) -> dict[str, list[dict[str, Any]]]:
    """Differences of B from A, by "A-B", the positions of two videos on the page: timing first, then the largest.

    Each has a text, the phase that shows it in A (2.5: the middle of the third step), the delay of the same moment in B
    in steps, and the joints to mark. Videos without movement, or with different numbers of steps or people, have no
    entry.
    """
    return {
        f"{a}-{b}": _differences(videos[a], videos[b])
        for a, b in permutations(range(len(videos)), 2)
        if _alike(videos[a], videos[b])
    }


def _alike(a: VideoSection, b: VideoSection) -> bool:
    counts = {(len(video.people), len(video.time_steps)) for video in (a, b)}
    return a.moved is not None and b.moved is not None and len(counts) == 1


def _differences(a: VideoSection, b: VideoSection) -> list[dict[str, Any]]:
    assert a.moved is not None
    assert b.moved is not None
    bounds_a, bounds_b = np.array(a.time_steps), np.array(b.time_steps)
    aligned = aligned_steps(a.moved, b.moved, bounds_a, bounds_b, a.still and b.still)
    limits = aligned.a.each(lambda values: [(v, v) if np.isfinite(v) else None for v in values])
    found = movement_differences(aligned.b, limits)[:MOST]
    return [*_timing(aligned), *(_moved(difference, a, aligned, bounds_b) for difference in found)]


def _timing(aligned: AlignedSteps) -> list[dict[str, Any]]:
    later, slower = aligned.clocks.named()
    said = []
    if later:
        said.append(f"B begins {abs(later):.2f} s {'later' if later > 0 else 'earlier'} in the movement")
    if slower:
        said.append(f"B is {100 * abs(slower):.0f} % {'slower' if slower > 0 else 'faster'}")
    shown = {"numbers": "the lines below allow for it", "phase": 0.5, "ahead": 0.0, "joints": ()}
    return [{"text": text, **shown} for text in said]


def _moved(difference: Difference, a: VideoSection, aligned: AlignedSteps, bounds_b: Floats) -> dict[str, Any]:
    variable = difference.variable
    who = "" if difference.person is None or len(a.people) < 2 else f"{a.people[difference.person]}: "
    values = " and ".join(to_digits(v, variable.decimals) for v in (difference.low, difference.value))
    text = f"{who}{variable.subject} {gap(difference)} {variable.unit} {difference.direction} in B"
    step, whole = difference.furthest, difference.name == "delay"
    when = "" if whole else f", {steps_named(a.result.steps, step, step)} of A"
    edges = [*bounds_b[:, 0], bounds_b[-1, 1]]
    moment = np.interp(aligned.bounds_b[step].mean(), edges, np.arange(len(edges)))
    return {
        "text": f"{text[:1].upper()}{text[1:]}",
        "numbers": f"A and B: {values} {variable.unit}{when}",
        "phase": step + 0.5,
        "ahead": float(moment - step - 0.5) if not whole else 0.0,
        "joints": marked(difference),
    }
