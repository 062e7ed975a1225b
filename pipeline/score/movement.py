"""Movement of bodies: angles and other kinematic variables, and differences from the better training videos.

Angles are those of the stage `timesteps` (`extractors.timesteps.pose_channels`), in degrees. A model stores the
`better_ranges` of its training part (`model.json`, `movement` of `calibration`), per group and time step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Generic, TypeVar

import numpy as np

from data.store import StageOutput
from data.store.arrays import Floats
from data.video import Record
from extractors.timesteps.channels import Channels
from extractors.timesteps.pose_channels import pose_channels
from extractors.timesteps.pose_points import PoseSettings
from extractors.timesteps.trial_descriptors import pair_descriptors

PEOPLE = ("pose", "skeleton")
"""Stages whose outputs contain keypoints of people."""

JOINTS = ("knee", "hip", "shoulder", "elbow")

EXTREMITIES = ("head", "left_wrist", "right_wrist", "left_knee", "right_knee", "left_ankle", "right_ankle")
"""Points whose mean distance from the middle of the trunk is the variable `extent`."""

SHARE = 1 / 3
"""Share of a group's training videos, the best by the judges' score, to compare other videos with."""

LEAST_BETTER = 5
"""Fewest better videos for a range; at most half of a group's videos count as better."""

OUTSIDE = 10
"""One in this many new better videos is below a range, and one above; a range of fewer videos contains all of them."""


@dataclass(frozen=True)
class MovementVariable:
    """A movement variable in a coach's words."""

    subject: str  # such as "knees"
    unit: str
    lower: str  # words for a value below the range
    higher: str  # words for a value above the range
    least: float  # smallest distance from the range that is reported
    decimals: int = 0


VARIABLES: Mapping[str, MovementVariable] = {
    "knee": MovementVariable("knees", "degrees", "more bent", "straighter", 10),
    "hip": MovementVariable("hips", "degrees", "more bent", "straighter", 10),
    "shoulder": MovementVariable("arms", "degrees", "closer to the body", "further from the body", 15),
    "elbow": MovementVariable("elbows", "degrees", "more bent", "straighter", 15),
    "trunk": MovementVariable("trunk", "degrees", "closer to upright", "further from upright", 10),
    "turning": MovementVariable("turning of the trunk", "degrees/s", "slower", "faster", 60),
    "speed": MovementVariable("speed of the trunk", "torso lengths/s", "slower", "faster", 0.5, 1),
    "extent": MovementVariable("body", "torso lengths", "tighter", "less tight", 0.1, 2),
    "height": MovementVariable("trunk", "torso lengths", "lower", "higher", 0.3, 1),
}
"""Variables of one person. Ranges of the better videos have no height."""

PAIR_VARIABLES: Mapping[str, MovementVariable] = {
    **{
        name: MovementVariable(f"{VARIABLES[name].subject} of the two", "degrees", "more alike", "more unlike", 10)
        for name in (*JOINTS, "trunk")
    },
    "distance": MovementVariable("distance between the two", "torso lengths", "smaller", "greater", 0.3, 1),
    "delay": MovementVariable("delay between the two", "s", "shorter", "longer", 0.06, 2),
}
"""Variables of two people: differences of their angles, distance of their trunks, delay over the whole video."""


MOST_LOST = 0.1
"""Share of a step's frames with a trunk but no rate, above which its turning has no mean. These are the slow frames of
fast reversals: the mean of the others was up to 35 % too high for pendulums of 4 Hz and more."""


T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


@dataclass(frozen=True)
class VariableValues(Generic[T_co]):
    """Values of movement variables by name: those of each person, and those of two people together."""

    people: Sequence[Mapping[str, T_co]] = ()
    pair: Mapping[str, T_co] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[int | None, str, T_co]]:
        """(person, name, value) of every variable; person is None for a variable of two people."""
        for person, variables in (*enumerate(self.people), (None, self.pair)):
            for name, value in variables.items():
                yield person, name, value

    def each(self, change: Callable[[T_co], U]) -> VariableValues[U]:
        """The variables with `change` applied to every value."""
        people = [{name: change(value) for name, value in variables.items()} for variables in self.people]
        return VariableValues(people, {name: change(value) for name, value in self.pair.items()})

    def value(self, person: int | None, name: str) -> T_co | None:
        """The value of a variable, or None."""
        if person is None:
            return self.pair.get(name)
        return self.people[person].get(name) if person < len(self.people) else None


StepVariables = VariableValues[Sequence[float]]
"""Variables of time steps, (T,) each."""

StepLimits = VariableValues[Sequence[tuple[float, float] | None]]
"""(low, high) by step; None where fewer than `LEAST_BETTER` videos have a value."""


@dataclass(frozen=True)
class Movement:
    """Curves of one video, (frame,) each, NaN where unknown."""

    time: Floats  # seconds
    angles: Sequence[Mapping[str, Floats]]  # degrees, by person and name: left_knee, right_knee, ..., trunk
    variables: VariableValues[Floats]
    heights: Sequence[Floats] = ()  # torso lengths, by person: the trunk's height in the picture, or in space


def movement(pose: StageOutput) -> Movement:
    """Angles and variables of the people of a `pose` or `skeleton` output."""
    count = int(pose.arrays["keypoints"].values.shape[1])
    bodies = pose_channels(pose, range(count), PoseSettings(forms=("place", "body", "angle")))
    angles = [_angles(body) for body in bodies]
    people = [_one(body, angles[person]) for person, body in enumerate(bodies)]
    variables = VariableValues(people, _two(bodies, people) if count == 2 else {})
    time = pose.floats("time")
    return Movement(time, angles, variables, [_values(body, "place.y") for body in bodies])


def steps_of(moved: Movement, bounds: Floats) -> StepVariables:
    """Mean of every variable in each of the (T, 2) time steps; NaN without a value."""
    inside = [(moved.time >= start) & (moved.time < end) for start, end in bounds]
    made = moved.variables.each(lambda values: [float(known_mean(values[rows])) for rows in inside])
    people = [dict(steps) for steps in made.people]
    for own, steps in zip(moved.variables.people, people, strict=True):
        if "turning" in own:
            lost = np.isfinite(own["trunk"]) & np.isnan(own["turning"])
            steps["turning"] = [
                np.nan if lost[rows].sum() > MOST_LOST * rows.sum() else value
                for rows, value in zip(inside, steps["turning"], strict=True)
            ]
    return VariableValues(people, made.pair)


def compared_steps(moved: Movement, bounds: Floats, still: bool) -> StepVariables:
    """`steps_of` with heights relative to the first step if the camera is `still`; a moving camera hides heights."""
    made = steps_of(moved, bounds)
    if not still:
        return made
    curves = VariableValues([{"height": height} for height in moved.heights])
    heights = [person["height"] for person in steps_of(replace(moved, variables=curves), bounds).people]
    from_first = [[value - steps[0] for value in steps] for steps in heights]
    people = [{**own, "height": steps} for own, steps in zip(made.people, from_first, strict=True)]
    return VariableValues(people, made.pair)


def _angles(body: Channels) -> dict[str, Floats]:
    made = {f"{side}_{joint}": _values(body, f"angle.{side}_{joint}") for joint in JOINTS for side in ("left", "right")}
    made["trunk"] = np.arccos(np.clip(_values(body, "torso.y"), -1.0, 1.0))  # from the vertical: 0 is upright
    return {name: np.degrees(values) for name, values in made.items()}


def _one(body: Channels, angles: Mapping[str, Floats]) -> dict[str, Floats]:
    """Variables of one person by name; joints are averaged over both sides."""
    turning = "torso.turn" if "torso.turn" in body.names else "torso.turn_speed"
    middle = {axis: known_mean(np.stack([_values(body, f"body.{p}.{axis}") for p in _TRUNK])) for axis in _axes(body)}
    reach = [[_values(body, f"body.{point}.{axis}") - middle[axis] for axis in middle] for point in EXTREMITIES]
    velocity = np.stack([_values(body, f"place.v{axis}") for axis in middle])
    return {
        **{joint: known_mean(np.stack([angles[f"left_{joint}"], angles[f"right_{joint}"]])) for joint in JOINTS},
        "trunk": angles["trunk"],
        "turning": np.degrees(np.abs(_values(body, turning))),
        "speed": np.asarray(np.linalg.norm(velocity, axis=0)),
        "extent": known_mean(np.linalg.norm(np.array(reach), axis=1)),
    }


def _two(bodies: Sequence[Channels], people: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    made = {name: np.abs(people[0][name] - people[1][name]) for name in (*JOINTS, "trunk")}
    gap = np.stack([_values(bodies[0], f"place.{a}") - _values(bodies[1], f"place.{a}") for a in _axes(bodies[0])])
    together = np.isfinite(gap).all(axis=0).any()
    delay = abs(pair_descriptors(bodies[0], bodies[1])["lag_s"]) if together else np.nan
    return {**made, "distance": np.asarray(np.linalg.norm(gap, axis=0)), "delay": np.full(gap.shape[1], delay)}


_TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


def _axes(body: Channels) -> str:
    return "xyz" if "place.z" in body.names else "xy"


def _values(body: Channels, name: str) -> Floats:
    values, weight = body.column(name)
    return np.where(weight > 0, values, np.nan)


def known_mean(values: Floats, axis: int = 0) -> Floats:
    """Mean without NaN; NaN where all values are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an empty mean is NaN, as intended
        return np.asarray(np.nanmean(values, axis=axis))


@dataclass(frozen=True)
class BetterRanges:
    """The better third of the training videos of one task."""

    videos: int  # labelled training videos of the task
    better: int  # how many of them are the better third
    best: str  # the id of the best
    best_score: float  # its judges' score
    typical: float  # number of differences of a new better video
    limits: StepLimits


def better_ranges(videos: Sequence[tuple[Record, StepVariables]]) -> dict[str, BetterRanges]:
    """The better third of scored training videos by task; tasks with too few videos are left out.

    `typical` is the median number of `movement_differences` of one better video from the others. It is multiplied by
    the ratio of the chances of being outside all of them and outside the others.
    """
    made: dict[str, BetterRanges] = {}
    for task in dict.fromkeys(record.task for record, _ in videos):
        group = [
            (record.labels.score, record.id, steps)
            for record, steps in videos
            if record.task == task
            and record.labels
            and record.labels.score is not None
            and np.isfinite(record.labels.score)
        ]
        group.sort(key=lambda video: video[0], reverse=True)
        better = group[: max(LEAST_BETTER, round(SHARE * len(group)))]
        if len(better) < LEAST_BETTER or len(better) > len(group) / 2:
            continue
        rows = [steps for *_, steps in better]
        others = [[*rows[:index], *rows[index + 1 :]] for index in range(len(rows))]
        typical = median(len(movement_differences(row, _limits(rest))) for row, rest in zip(rows, others, strict=True))
        best_score, best, _ = group[0]
        typical *= _outside_chance(len(rows)) / _outside_chance(len(rows) - 1)
        made[task] = BetterRanges(len(group), len(better), best, best_score, typical, _limits(rows))
    return made


def _limits(rows: Sequence[StepVariables]) -> StepLimits:
    """(low, high) by step: a new row is below low with chance `_outside_chance`, and above high with the same."""
    values = [[value for *_, value in row.items()] for row in rows]
    limits = (_step_limits(np.array(of_rows)) for of_rows in zip(*values, strict=True))
    return rows[0].each(lambda _: next(limits))


def _step_limits(values: Floats) -> list[tuple[float, float] | None]:
    """The limits of one variable in each step, from its (row, step) values.

    Limits between two values are interpolated, so that the chance is the same for any number of rows from 9 on.
    """
    limits: list[tuple[float, float] | None] = []
    for of_step in np.sort(values, axis=0).T:  # NaN is last
        finite = of_step[np.isfinite(of_step)]
        if len(finite) < LEAST_BETTER - 1:  # one less if a better video is left out
            limits.append(None)
            continue
        rank = _outside_chance(len(finite)) * (len(finite) + 1) - 1  # from 0
        low, high = np.interp((rank, len(finite) - 1 - rank), np.arange(len(finite)), finite)
        limits.append((float(low), float(high)))
    return limits


def _outside_chance(count: int) -> float:
    """The chance that a new value is below the low limit of `count` values; it is 1 / (count + 1) for the smallest."""
    return max(1 / OUTSIDE, 1 / (count + 1))


@dataclass(frozen=True)
class Difference:
    """A variable outside the range of the better videos over neighbouring steps."""

    person: int | None  # None for a variable of two people
    name: str  # of the variable
    first: int  # step, from 0
    last: int
    furthest: int  # the step of the value furthest outside the range
    value: float
    low: float
    high: float

    @property
    def beyond(self) -> float:
        """Signed distance from the range, negative below it."""
        return self.value - self.low if self.value < self.low else self.value - self.high

    @property
    def variable(self) -> MovementVariable:
        """The variable in words."""
        return (PAIR_VARIABLES if self.person is None else VARIABLES)[self.name]

    @property
    def direction(self) -> str:
        """Words for the side of the range: lower or higher."""
        return self.variable.lower if self.beyond < 0 else self.variable.higher


def movement_differences(variables: StepVariables, limits: StepLimits) -> list[Difference]:
    """Variables outside their limits by at least `MovementVariable.least`, largest multiple first."""
    outside: list[Difference] = []
    for person, name, values in variables.items():
        previous: Difference | None = None
        for step, (value, limit) in enumerate(zip(values, limits.value(person, name) or (), strict=False)):
            latest = Difference(person, name, step, step, step, value, *limit) if limit and np.isfinite(value) else None
            if latest is None or latest.low <= value <= latest.high or abs(latest.beyond) < latest.variable.least:
                previous = None
                continue
            if previous is not None and previous.beyond * latest.beyond > 0:
                outside.pop()
                larger = max(previous, latest, key=lambda d: abs(d.beyond))
                latest = replace(larger, first=previous.first, last=step)
            outside.append(latest)
            previous = latest
    return sorted(outside, key=lambda d: abs(d.beyond) / d.variable.least, reverse=True)
