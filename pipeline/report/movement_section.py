"""Charts of a video's angles, and its differences from the better training videos in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.errors import counted
from extractors.timesteps.pose_channels import ANGLES as JOINT_ANGLES
from extractors.timesteps.pose_points import POINTS
from pipeline.checks.accuracy import Interval, as_printed
from pipeline.report.page_data import Arc, BetterVideos, Curve, Observation, Traces
from pipeline.report.text import clock, steps_named, to_digits
from pipeline.score.movement import JOINTS, OUTSIDE, BetterRanges, Difference, Movement, movement_differences, steps_of
from pipeline.score.video_score import StepScore

MOST = 6
"""Most differences that a page lists."""

LEAST_SPAN = 0.6
"""Shortest span in seconds that loops without flicker."""

_TRUNK = (5, 6, 11, 12)

MARKED = {
    "knee": (13, 14), "hip": (11, 12), "shoulder": (5, 6), "elbow": (7, 8), "trunk": _TRUNK, "turning": _TRUNK,
    "speed": _TRUNK, "extent": (0, 9, 10, 13, 14, 15, 16), "distance": _TRUNK, "delay": _TRUNK,
    "height": _TRUNK,
}  # fmt: skip
"""COCO-17 joints to mark on the video, by movement variable."""

ANGLES = {**{joint: joint.capitalize() for joint in JOINTS}, "trunk": "Trunk against the vertical"}
"""Titles of the charts of angles, in the order of the page."""


def angle_charts(moved: Movement, names: Sequence[str]) -> tuple[Traces, ...]:
    """One chart per joint: both sides of each person, and for two people the difference of their means."""
    charts = []
    for joint, title in ANGLES.items():
        sides = ("",) if joint == "trunk" else ("left", "right")
        series: dict[str, Curve] = {}
        arcs: dict[str, Arc] = {}
        for number_of, (person, angles) in enumerate(zip(names, moved.angles, strict=True)):
            who = f"{person}, " if len(names) > 1 else ""
            for side in sides:
                name = f"{who}{side}".rstrip(", ") or "trunk"
                angle = f"{side}_{joint}".lstrip("_")
                series[name], arcs[name] = angles[angle], (number_of, _points(angle))
        if len(names) == 2:
            series["difference"] = moved.variables.people[0][joint] - moved.variables.people[1][joint]
        if any(np.isfinite(values).any() for values in series.values()):
            about = f"Difference: {names[0]} minus {names[1]}, mean of both sides." if len(names) == 2 else ""
            charts.append(Traces(title, "degrees", moved.time, series, about, arcs=arcs))
    return tuple(charts)


def _points(angle: str) -> tuple[tuple[int, ...], ...]:
    """The points of an angle, as in `page_data.Arc`."""
    if angle == "trunk":
        return (5, 6), (11, 12)
    return tuple((4 + POINTS.index(joint),) for joint in JOINT_ANGLES[angle])


def better_part(
    moved: Movement, steps: Sequence[StepScore], names: Sequence[str], ranges: BetterRanges
) -> BetterVideos | None:
    """The differences from the better third of the video's task; None if the numbers of steps differ."""
    if not steps or any(len(limit) != len(steps) for *_, limit in ranges.limits.items()):
        return None
    outside = movement_differences(steps_of(moved, np.array([(step.start, step.end) for step in steps])), ranges.limits)
    better = f"the {ranges.better} better training videos"
    than = f"9 of 10 of {better}" if ranges.better >= OUTSIDE else f"any of {better}"
    usual = round(ranges.typical)
    return BetterVideos(
        observations=tuple(_observation(difference, steps, names, than) for difference in outside[:MOST]),
        count=len(outside),
        usual=usual,
        note=(
            f"{better[:1].upper()}{better[1:]} have the highest judges' scores of {ranges.videos}. One of them "
            f"typically has {counted(usual, 'such difference')} from the others; this video has "
            f"{len(outside)}."
        ),
        best=ranges.best,
        best_score=ranges.best_score,
    )


def _observation(difference: Difference, steps: Sequence[StepScore], names: Sequence[str], than: str) -> Observation:
    variable, name = difference.variable, difference.name
    who = "" if difference.person is None or len(names) < 2 else f"{names[difference.person]}: "
    step = steps[difference.furthest]
    middle = (step.start + step.end) / 2
    when = "over the whole video" if name == "delay" else f"at {clock(middle)}"
    amount = f"{gap(difference)} {variable.unit}"
    value, low, high = (to_digits(v, variable.decimals) for v in (difference.value, difference.low, difference.high))
    text = f"{who}{variable.subject} {amount} {difference.direction} {when} than in {than}"
    shown = steps_named(steps, difference.first, difference.last)
    numbers = f"{value} {variable.unit}; better videos {low} to {high}" + ("" if name == "delay" else f"; {shown}")
    return Observation(text[:1].upper() + text[1:], numbers, middle, moment(step), marked(difference))


def gap(difference: Difference) -> str:
    """The distance of the value beyond its limit, as the difference of both printed numbers."""
    limit = difference.low if difference.beyond < 0 else difference.high
    value, passed = (as_printed(v, difference.variable.decimals) for v in (difference.value, limit))
    return to_digits(abs(value - passed), difference.variable.decimals)


def moment(step: StepScore) -> Interval:
    """Start and end of a step in seconds, widened on both sides to `LEAST_SPAN`."""
    wider = max(0.0, LEAST_SPAN - (step.end - step.start)) / 2
    return max(0.0, step.start - wider), step.end + wider


def marked(difference: Difference) -> tuple[tuple[int, int], ...]:
    """Person and joint to mark for a difference; both people for a variable of two."""
    people = (0, 1) if difference.person is None else (difference.person,)
    return tuple((person, joint) for person in people for joint in MARKED[difference.name])
