"""Trial-level descriptors: duration, path lengths, smoothness, and relative motion of two agents.

The trial-level branch of the scorer uses them. It generalises to new people better than the time steps do. The names of
the descriptors depend only on the roles, not on the video. Descriptors that cannot be measured are 0, such as those of
an undetected agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from data.store.arrays import Floats, Singles
from data.video import Phase
from extractors.signals import LONE_PERIOD_S
from extractors.timesteps.channels import Channels
from extractors.timesteps.motion_descriptors import (
    PointTrack,
    activity,
    correlation,
    floored_log,
    lag_by_correlation,
    track_descriptors,
)
from extractors.timesteps.pose_channels import SIDE_MARK
from extractors.timesteps.pose_points import TRUNK

Descriptors = dict[str, float]
"""Descriptors by name."""

LESS_IS_BETTER = frozenset({"log_duration_s", "log_path_m", "log_travel_rad", "log_turned_rad"})
"""Descriptors whose direction is known before any score: the time of a trial, and of each tool its path length, the
travel of its gripper and its turning. Skilled operators need less of each ("economy of motion"; Datta et al. 2001,
J Am Coll Surg 193:479-485)."""

LONGEST_LAG_S = 0.5  # divers with a longer lag do not dive together
_POSITION = re.compile(r"(left|right)_(?:pos_)?([xyz])_m", re.ASCII)
_GRIPPER = re.compile(r"(left|right)_gripper(?:_angle)?_rad", re.ASCII)
_TURNING = re.compile(r"(left|right)_turning_rad_s", re.ASCII)


def direction(name: str) -> int:
    """-1 if less is better, 0 if unknown."""
    return -1 if name.rpartition(".")[2] in LESS_IS_BETTER else 0


def describe_trial(
    primary: Channels, secondary: Sequence[Channels], duration: float, more: Mapping[str, float]
) -> tuple[tuple[str, ...], Singles]:
    """Names and values (descriptor,) for a performance of `duration` seconds.

    Each agent's descriptors come first, then those of pairs of the primary and a secondary agent, then `more`. Several
    secondary agents are averaged.
    """
    descriptors = {"log_duration_s": floored_log(duration)}
    descriptors |= {f"primary.{name}": value for name, value in _agent_descriptors(primary).items()}
    descriptors |= {f"secondary.{name}": v for name, v in _mean([_agent_descriptors(s) for s in secondary]).items()}
    descriptors |= {f"pair.{name}": v for name, v in _mean([pair_descriptors(primary, s) for s in secondary]).items()}
    descriptors |= more
    values = np.nan_to_num(np.array(list(descriptors.values()), dtype=np.float64), posinf=0.0, neginf=0.0)
    return tuple(descriptors), values.astype(np.float32)


def gestures(phases: Sequence[Phase], names: Sequence[str], end: float) -> Descriptors:
    """Number of occurrences of each named phase until `end`, and log(1 + its total seconds)."""
    descriptors = Descriptors()
    for name in names:
        found = [phase for phase in phases if name in (phase.name, re.sub(r" \d+$", "", phase.name))]
        seconds = sum(max(min(phase.end, end) - phase.start, 0.0) for phase in found)
        descriptors |= {f"gesture.{name}.count": len(found), f"gesture.{name}.log_s": float(np.log1p(seconds))}
    return descriptors


def _agent_descriptors(channels: Channels) -> Descriptors:
    """Descriptors of one agent: of its tracks, grippers and rotating tools, both hands together, or its body."""
    tracks = tracks_of(channels)
    descriptors = {f"{track.prefix}{name}": v for track in tracks for name, v in track_descriptors(track).items()}
    for name in channels.names:
        if match := _GRIPPER.fullmatch(name):
            busy = activity(channels.time, *channels.column(name))
            descriptors |= {f"{match[1]}.{key}": value for key, value in busy.items()}
        if match := _TURNING.fullmatch(name):
            turned = _integral(channels, name)
            seconds = max(channels.span[1] - channels.span[0], LONE_PERIOD_S)
            descriptors[f"{match[1]}.log_turned_rad"] = floored_log(turned)
            descriptors[f"{match[1]}.log_turning_rad_s"] = floored_log(turned / seconds)
    if len(tracks) == 2:
        descriptors |= _two_hands(*tracks)
    if turning := {"torso.turn", "torso.turn_speed"} & {*channels.names}:
        descriptors |= _one_body(channels, turning.pop())
    return descriptors


def pair_descriptors(primary: Channels, secondary: Channels) -> Descriptors:
    """Motion of the secondary agent relative to the primary one; empty for agents of different kinds."""
    if primary.names != secondary.names:
        return {}
    if primary.kind == "half":
        angles = [name for name in primary.names if "angle." in name]
        return _apart(primary, secondary) | _phase(primary, secondary, angles)
    if primary.kind == "pose":
        return _two_people(primary, secondary)
    descriptors: Descriptors = {}
    for track, other in zip(tracks_of(primary), tracks_of(secondary), strict=True):
        (fast, weight), (fast_too, weight_too) = track.speed(), other.speed()
        weight_of_pair = np.minimum(weight, weight_too)
        lag, _ = lag_by_correlation(track.time, fast[:, None], fast_too[:, None], LONGEST_LAG_S)
        descriptors[f"{track.prefix}speed_correlation"] = correlation(fast, fast_too, weight_of_pair)
        descriptors[f"{track.prefix}lag_s"] = lag
    return descriptors


def tracks_of(channels: Channels) -> list[PointTrack]:
    """The moving points of an agent: both tool tips, a person's trunk, or the camera's pan."""
    if channels.kind in ("pose", "half"):
        axes = [axis for axis in "xyz" if {f"place.{axis}", f"camera.{TRUNK[0]}.{axis}"} & set(channels.names)]
        names = [f"camera.{joint}.{axis}" for joint in TRUNK for axis in axes]
        if "place.x" in channels.names:
            names = [f"place.{axis}" for axis in axes]
        elif not names or names[0] not in channels.names:
            return []
        places, weight = channels.columns(names)
        trunk = places.reshape(len(places), len(names) // len(axes), len(axes)).mean(axis=1)
        return [PointTrack("", "body", channels.time, trunk, weight)]
    if channels.kind == "camera_flow":
        rate, weight = channels.columns(("motion.pan_x", "motion.pan_y"))
        return [PointTrack("", "image", channels.time, np.cumsum(rate * np.diff(channels.cells()), axis=0), weight)]
    tracks = []
    for side in ("left", "right"):
        matches = (_POSITION.fullmatch(name) for name in channels.names)
        if names := [match[0] for match in matches if match and match[1] == side]:
            tracks.append(PointTrack(f"{side}.", "m", channels.time, *channels.columns(names)))
    return tracks


def _two_hands(left: PointTrack, right: PointTrack) -> Descriptors:
    """Correlation of the hands' speeds, log ratio of their mean speeds, and share of time in which both move."""
    (a, weight_a), (b, weight_b) = left.speed(), right.speed()
    weight = np.minimum(weight_a, weight_b)
    if weight.sum() <= 0:
        return {"hands.speed_correlation": 0.0, "hands.log_speed_ratio": 0.0, "hands.both_share": 0.0}
    means = [float(np.average(x, weights=weight)) for x in (a, b)]
    busy = [x > 0.5 * mean for x, mean in zip((a, b), means, strict=True)]
    return {
        "hands.speed_correlation": correlation(a, b, weight),
        "hands.log_speed_ratio": floored_log(means[0]) - floored_log(means[1]),
        "hands.both_share": float(np.average(busy[0] & busy[1], weights=weight)),
    }


def _integral(channels: Channels, name: str) -> float:
    """Integral over time of the absolute value of a channel."""
    return float((np.abs(channels.column(name)[0]) * np.diff(channels.cells())[:, 0]).sum())


def _one_body(channels: Channels, turning: str) -> Descriptors:
    """Total turning of the trunk, and mean and 5th percentile of the knee and hip angles, in radians.

    The 5th percentile of the hip is the tightest tuck or pike. A half has the angles of its own joints.
    """
    descriptors = {"turned_rad": _integral(channels, turning)}
    for joint in ("knee", "hip"):
        angles = [channels.column(name) for name in channels.names if "angle." in name and name.endswith(joint)]
        if not angles:
            continue
        value, weight = np.mean([a for a, _ in angles], axis=0), np.min([w for _, w in angles], axis=0)
        descriptors |= _spread(joint, value, weight, "low", 5)
    return descriptors


def _apart(a: Channels, b: Channels) -> Descriptors:
    """Distance of corresponding joints, in body-fixed coordinates and in the shared frame.

    Halves share one head, which is excluded.
    """
    descriptors: Descriptors = {}
    for form in ("body", "camera"):
        forms, one_head = (f"{form}.", f"{SIDE_MARK}{form}."), a.kind == "half"
        columns = [i for i, n in enumerate(a.names) if n.startswith(forms) and not (one_head and ".head." in n)]
        if columns:
            axes = len({a.names[column].rpartition(".")[2] for column in columns})
            difference = (a.values[:, columns] - b.values[:, columns]).reshape(len(a.time), -1, axes)
            apart = np.linalg.norm(difference, axis=2)
            weight = np.minimum(a.weight[:, columns[::axes]], b.weight[:, columns[::axes]])
            total = weight.sum(axis=1)
            mean = (weight * apart).sum(axis=1) / np.where(total > 0, total, 1.0)
            descriptors |= _spread(f"{form}_difference", mean, weight.mean(axis=1))
    return descriptors


def _two_people(a: Channels, b: Channels) -> Descriptors:
    """Differences of pose, height, position and phase between two people in one shared frame."""
    descriptors = _apart(a, b)
    for track, other in zip(tracks_of(a), tracks_of(b), strict=True):
        gap, weight = track.position - other.position, np.minimum(track.weight, other.weight)
        descriptors |= _spread("height_difference", np.abs(gap[:, 1]), weight)
        apart = np.linalg.norm(gap, axis=1)
        descriptors |= _spread("distance", apart, weight)
        descriptors["distance_change"] = abs(_change(a.time, apart, weight))
    return descriptors | _phase(a, b, [n for n in a.names if n.startswith("angle.") or n in ("torso.x", "torso.y")])


def _phase(a: Channels, b: Channels, names: Sequence[str]) -> Descriptors:
    """Lag of `b` in seconds and the correlation at it, over rows with both; empty without `names`."""
    if not names:
        return {}
    (first, trust), (second, trust_too) = a.columns(names), b.columns(names)
    rows = (trust > 0) & (trust_too > 0)
    first, second = first[rows], second[rows]
    lag, agreement = 0.0, 0.0
    if len(first):
        size = np.concatenate([first, second]).std(axis=0)
        size = np.where(size > 1e-6, size, np.inf)
        lag, agreement = lag_by_correlation(a.time[rows], first / size, second / size, LONGEST_LAG_S)
    return {"lag_s": lag, "abs_lag_s": abs(lag), "lag_correlation": agreement}


def _change(time: Floats, values: Floats, weight: Floats) -> float:
    """Change of a fitted straight line from the first row to the last."""
    weighted = weight > 0
    if weighted.sum() < 2 or np.ptp(time[weighted]) <= 0:
        return 0.0
    slope = np.polyfit(time[weighted] - time[weighted][0], values[weighted], 1, w=np.sqrt(weight[weighted]))[0]
    return float(slope * np.ptp(time[weighted]))


def _spread(name: str, values: Floats, weight: Floats, end: str = "high", percentile: float = 95) -> Descriptors:
    """Mean, and a percentile at one end, over the rows with weight."""
    weighted = weight > 0
    if not weighted.any():
        return {f"{name}_mean": 0.0, f"{name}_{end}": 0.0}
    mean = float(np.average(values[weighted], weights=weight[weighted]))
    return {f"{name}_mean": mean, f"{name}_{end}": float(np.percentile(values[weighted], percentile))}


def _mean(descriptors: Sequence[Descriptors]) -> Descriptors:
    return (
        {name: float(np.mean([descriptor[name] for descriptor in descriptors])) for name in descriptors[0]}
        if descriptors
        else {}
    )
