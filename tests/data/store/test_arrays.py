"""The store accepts the arrays that a stage declares, and names every difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data.store import Array, ArraySpec, ContractError, OutputSpec, StageOutput
from data.store import hdf5 as store

SPECS = {
    "time": ArraySpec(("frame",), "s", "presentation time"),
    "keypoints": ArraySpec(("frame", "agent", "xy"), "px", "joints", ("x", "y")),
    "score": ArraySpec(("frame", "agent"), "1", "score of the person"),
    "cuts": ArraySpec(("cut",), "s", "cuts", optional=True),
}


def values(**changed: Any) -> dict[str, Any]:
    good = {"time": np.arange(5.0), "keypoints": np.zeros((5, 2, 2)), "score": np.zeros((5, 2))} | changed
    return {name: array for name, array in good.items() if array is not None}


def spec(ticks: int | None = 5) -> OutputSpec:
    return OutputSpec("pose", SPECS, "frame", ticks)


def test_dims_units_texts_and_fixed_names_come_from_the_table() -> None:
    output = StageOutput.of(SPECS, values(), {"found": 1.0})
    assert output.quality == {"found": 1.0}
    assert output.arrays["keypoints"].dims == ("frame", "agent", "xy")
    assert (output.arrays["keypoints"].unit, output.arrays["keypoints"].about) == ("px", "joints")
    assert output.arrays["keypoints"].names == ("x", "y")
    spec().check(output)
    spec(None).check(output)


def test_names_that_depend_on_the_settings_are_given_with_the_values() -> None:
    output = StageOutput.of(SPECS, values(), names={"score": ("first", "second")})
    assert output.arrays["score"].names == ("first", "second")
    spec().check(output)


def test_an_optional_array_may_be_there_or_not() -> None:
    spec().check(StageOutput.of(SPECS, values(cuts=np.zeros(3))))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"keypoints": np.zeros((4, 2, 2))}, "stage 'pose': keypoints has 4 frames, time has 5"),
        ({"score": np.zeros((5, 3))}, "score has 3 agents, keypoints has 2"),
        ({"score": None}, "score is missing"),
        (
            {"time": np.arange(4.0), "keypoints": np.zeros((4, 2, 2)), "score": np.zeros((4, 2))},
            "time has 4 frames, the video and the settings give 5",
        ),
    ],
)
def test_a_difference_is_named_with_its_numbers(changed: dict[str, Any], message: str) -> None:
    output = StageOutput.of(SPECS, values(**changed))
    with pytest.raises(ContractError, match=message):
        store.encode({}, output, spec())


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "score",
            Array(np.zeros((5, 2)), ("frame", "person"), "1"),
            r"score has dims \(frame, person\), declared are \(frame, agent\)",
        ),
        ("score", Array(np.zeros((5, 2)), ("frame", "agent"), "px"), "score has unit 'px', declared is '1'"),
        (
            "keypoints",
            Array(np.zeros((5, 2, 2)), ("frame", "agent", "xy"), "px", names=("y", "x")),
            "keypoints names its last axis",
        ),
        ("speed", Array(np.zeros(5), ("frame",), "1"), "speed is not declared"),
    ],
)
def test_arrays_made_by_hand_must_agree_with_the_table(name: str, array: Array, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        spec().check(StageOutput({**StageOutput.of(SPECS, values()).arrays, name: array}))


def test_undeclared_arrays_are_refused() -> None:
    with pytest.raises(ContractError, match="speed is not declared"):
        StageOutput.of(SPECS, values(speed=np.zeros(5)))
    with pytest.raises(ContractError, match=r"score has shape \(5,\), declared is \(frame, agent\)"):
        StageOutput.of(SPECS, values(score=np.zeros(5)))


def test_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be cached"):
        StageOutput.of(SPECS, values(time=np.array(["a"] * 5)))


def test_unknown_units_are_refused_in_a_declaration() -> None:
    with pytest.raises(ContractError, match="unknown unit 'pixels', known: 1, s, px"):
        ArraySpec(("frame",), "pixels", "place")


def test_the_clock_is_an_axis_of_some_array() -> None:
    with pytest.raises(ContractError, match="no array has the clock's dim 'pair'"):
        OutputSpec("pose", SPECS, "pair").check(StageOutput.of(SPECS, values()))
    OutputSpec("pose", SPECS, "").check(StageOutput.of(SPECS, values()))
