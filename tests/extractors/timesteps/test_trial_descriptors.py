"""Trial-level descriptors against loops over joints and rows, in two and three dimensions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from data.stage_files import StageFiles
from data.store import StageOutput
from extractors.timesteps import Timesteps, TimestepsConfig
from extractors.timesteps.channels import Channels, make_channels
from extractors.timesteps.trial_descriptors import describe_trial
from tests.extractors.skeleton.test_skeleton import moving
from tests.helpers.made_outputs import skeleton_of

FILES = StageFiles()

TORSO = [5, 6, 11, 12]
SIDES = {"left": [5, 7, 9, 11, 13, 15], "right": [6, 8, 10, 12, 14, 16]}
LEVELS = {"upper": [5, 6, 7, 8, 9, 10], "lower": [11, 12, 13, 14, 15, 16]}


def people(*points: NDArray[np.float64]) -> dict[str, StageOutput]:
    return {"skeleton": skeleton_of(*points)}


def described(upstream: dict[str, StageOutput], first: str, second: str, *forms: str) -> dict[str, float]:
    config = TimestepsConfig(primary=first, secondary=(second,), scene="", pose={"forms": forms})
    trial = Timesteps(config, FILES).extract(SimpleNamespace(upstream=upstream)).arrays["trial"]
    return dict(zip(trial.names, trial.values.tolist(), strict=True))


def torso_length(points: NDArray[np.float64]) -> float:
    """The 80th percentile of the distance from hips to shoulders, the unit of a body."""
    spine = points[:, [5, 6]].mean(axis=1) - points[:, [11, 12]].mean(axis=1)
    return float(np.percentile(np.linalg.norm(spine, axis=1), 80))


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("halves", [SIDES, LEVELS])
def test_halves_are_as_far_apart_as_their_joints(axes: int, halves: dict[str, list[int]]) -> None:
    points = 100 * moving(40, seed=3)[..., :axes]
    (one, first), (other, second) = halves.items()
    got = described(people(points), f"skeleton:0:{one}", f"skeleton:0:{other}", "place", "body", "camera", "angle")
    apart = np.array(
        [[np.linalg.norm(frame[a] - frame[b]) for a, b in zip(first, second, strict=True)] for frame in points]
    ).mean(axis=1)
    apart /= torso_length(points)
    for form in ("body", "camera"):
        assert got[f"pair.{form}_difference_mean"] == pytest.approx(apart.mean(), rel=2e-3)
        assert got[f"pair.{form}_difference_high"] == pytest.approx(np.percentile(apart, 95), rel=2e-3)


@pytest.mark.parametrize("axes", [2, 3])
def test_two_people_are_as_far_apart_as_their_joints(axes: int) -> None:
    a, b = 100 * moving(40, seed=4)[..., :axes], 100 * moving(40, seed=5)[..., :axes]
    b = b + np.arange(1, axes + 1) * 20.0
    got = described(people(a, b), "skeleton:0", "skeleton:1", "place", "camera")
    unit = (torso_length(a) + torso_length(b)) / 2
    joints = [slice(0, 5), *range(5, 17)]  # the face is one point
    apart = [
        np.linalg.norm(
            (a[:, j].mean(axis=1) - b[:, j].mean(axis=1)) if isinstance(j, slice) else a[:, j] - b[:, j], axis=1
        )
        for j in joints
    ]
    assert got["pair.camera_difference_mean"] == pytest.approx(np.mean(apart) / unit, rel=2e-3)
    gap = (a[:, TORSO] - b[:, TORSO]).mean(axis=1) / unit
    distance = np.linalg.norm(gap, axis=1)
    assert got["pair.distance_mean"] == pytest.approx(distance.mean(), rel=2e-3)
    assert got["pair.height_difference_mean"] == pytest.approx(np.abs(gap[:, 1]).mean(), rel=2e-3)
    assert got["pair.height_difference_high"] == pytest.approx(np.percentile(np.abs(gap[:, 1]), 95), rel=2e-3)
    slope, _ = np.polyfit(np.arange(40) / 30, distance, 1)
    assert got["pair.distance_change"] == pytest.approx(abs(slope) * 39 / 30, abs=2e-3)


def test_a_body_in_three_dimensions_has_the_descriptors_of_one_in_a_picture() -> None:
    flat = [moving(40, seed) * [1, 1, 0] + [seed, 0, 0] for seed in (0, 1)]
    pictured = [100 * points[..., :2] * [1, -1] for points in flat]
    deep, shown = (
        described(people(*pair), "skeleton:0", "skeleton:1", "place", "camera", "angle") for pair in (flat, pictured)
    )
    assert deep.keys() == shown.keys()
    assert deep["primary.turned_rad"] > 0.01
    for name, value in shown.items():
        if name.endswith("log_volume"):  # a third axis without extent
            continue
        assert deep[name] == pytest.approx(value, abs=2e-3), name


def tools(left: NDArray[np.float64], right: NDArray[np.float64], rate: float = 50) -> Channels:
    """Two tool tips (row, 3) in metres."""
    names = tuple(f"{side}_{axis}_m" for side in ("left", "right") for axis in "xyz")
    values = np.hstack([left, right])
    time = np.arange(len(values)) / rate
    observed = np.ones(len(values), dtype=bool)
    return make_channels("array", names, time, lambda r: (values[r], np.ones_like(values[r])), observed=observed)


def test_hands_that_move_in_turn_are_never_busy_together() -> None:
    time = np.arange(500) / 50
    sway = 0.05 * np.sin(2 * np.pi * time)[:, None] * [1, 0.5, 0.2]
    first, second = (np.where(half[:, None], sway, 0.0) for half in (time < 5, time >= 5))
    _, turns = describe_trial(tools(first, second), [tools(first, second)], 10)
    names, together = describe_trial(tools(first, first), [tools(first, first)], 10)
    row = {name: place for place, name in enumerate(names)}
    assert turns[row["primary.hands.both_share"]] == pytest.approx(0, abs=0.05)
    assert together[row["primary.hands.both_share"]] == pytest.approx(0.5, abs=0.2)
    assert turns[row["primary.hands.speed_correlation"]] < -0.5
    assert together[row["primary.hands.speed_correlation"]] == pytest.approx(1)
    assert together[row["primary.hands.log_speed_ratio"]] == pytest.approx(0, abs=1e-6)
    _, faster = describe_trial(tools(3 * first, first), [tools(first, first)], 10)
    assert faster[row["primary.hands.log_speed_ratio"]] == pytest.approx(np.log(3), abs=1e-3)


def test_total_rotation_of_a_tool_is_the_integral_of_its_speed() -> None:
    time = np.arange(200) / 20
    values = np.cos(time)[:, None]
    channels = make_channels(
        "array",
        ("left_turning_rad_s",),
        time,
        lambda r: (values[r], np.ones_like(values[r])),
        observed=np.ones(200, bool),
    )
    names, got = describe_trial(channels, [], 10)
    row = dict(zip(names, got.tolist(), strict=True))
    fine = np.linspace(0, 10, 100_001)
    assert np.exp(row["primary.left.log_turned_rad"]) == pytest.approx(
        np.trapezoid(np.abs(np.cos(fine)), fine), rel=0.01
    )
    assert row["primary.left.log_turned_rad"] - row["primary.left.log_turning_rad_s"] == pytest.approx(
        np.log(10), abs=1e-5
    )
