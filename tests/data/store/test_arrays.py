"""The store accepts the arrays that a stage declares, and names every difference."""

import numpy as np
import pytest

from data.store import Array, ArraySpec, OutputSpec, StageOutput
from data.store import hdf5 as store
from data.store.arrays import ContractError

SPECS = {
    "time": ArraySpec(("frame",), "s", "presentation time"),
    "keypoints": ArraySpec(("frame", "agent", "xy"), "px", "joints", ("x", "y")),
    "score": ArraySpec(("frame", "agent"), "1", "score of the person"),
}


def values(**changed):
    good = {"time": np.arange(5.0), "keypoints": np.zeros((5, 2, 2)), "score": np.zeros((5, 2))} | changed
    return {name: array for name, array in good.items() if array is not None}


def spec(ticks=5):
    return OutputSpec("pose", SPECS, "frame", ticks)


def test_dims_units_texts_and_fixed_names_come_from_the_table():
    """Names that depend on the settings are given with the values."""
    output = StageOutput.of(SPECS, values(), {"found": 1.0}, names={"score": ("first", "second")})
    assert output.quality == {"found": 1.0}
    keypoints = output.arrays["keypoints"]
    assert (keypoints.dims, keypoints.unit, keypoints.about) == (("frame", "agent", "xy"), "px", "joints")
    assert (keypoints.names, output.arrays["score"].names) == (("x", "y"), ("first", "second"))
    spec().check(output)
    spec(None).check(StageOutput.of(SPECS, values()))


SHORT = {"time": np.arange(4.0), "keypoints": np.zeros((4, 2, 2)), "score": np.zeros((4, 2))}


BY_HAND = {
    "another dim": {"score": Array(np.zeros((5, 2)), ("frame", "person"), "1")},
    "another unit": {"score": Array(np.zeros((5, 2)), ("frame", "agent"), "px")},
    "other names": {"keypoints": Array(np.zeros((5, 2, 2)), ("frame", "agent", "xy"), "px", names=("y", "x"))},
    "an undeclared array": {"speed": Array(np.zeros(5), ("frame",), "1")},
}
CHANGED = {
    "fewer frames in one": {"keypoints": SHORT["keypoints"]},
    "more agents in one": {"score": np.zeros((5, 3))},
    "one missing": {"score": None},
    "fewer frames": SHORT,
    "one that is not declared": {"speed": np.zeros(5)},
    "another shape": {"score": np.zeros(5)},
}
"""Changes of arrays that a stage gives by value, and of arrays that are made by hand."""


@pytest.mark.parametrize("name", [*CHANGED, *BY_HAND])
def test_a_difference_is_named_with_its_numbers(name, snapshot):
    with pytest.raises(ContractError) as caught:  # noqa: PT012
        output = StageOutput.of(SPECS, values(**CHANGED.get(name, {})))
        store.encode({}, StageOutput({**output.arrays, **BY_HAND.get(name, {})}), spec())
    assert str(caught.value) == snapshot


def test_declarations_and_texts_are_checked():
    with pytest.raises(ValueError, match="cannot be cached"):
        StageOutput.of(SPECS, values(time=np.array(["a"] * 5)))
    with pytest.raises(ContractError, match="unknown unit 'pixels', known: 1, s, px"):
        ArraySpec(("frame",), "pixels", "place")
    with pytest.raises(ContractError, match="no array has the clock's dim 'pair'"):
        OutputSpec("pose", SPECS, "pair").check(StageOutput.of(SPECS, values()))
    OutputSpec("pose", SPECS, "").check(StageOutput.of(SPECS, values()))
