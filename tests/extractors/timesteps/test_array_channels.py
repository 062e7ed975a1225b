"""Channels of a stored array: names, gaps, and arrays that are refused."""

import numpy as np
import pytest

from data.errors import DataError
from data.store import Array, StageOutput
from extractors.timesteps.channels import array_channels


def stored(values, names=(), time=None):
    rows = np.arange(len(values)) / 10 if time is None else time
    dims = ("row", *(f"axis{k}" for k in range(values.ndim - 1)))
    return StageOutput({"time": Array(rows, ("row",) * rows.ndim, "s"), "felt": Array(values, dims, "1", "", names)})


@pytest.mark.parametrize(
    ("shape", "names", "expected"),
    [
        ((4, 2), ("a", "b"), ("a", "b")),
        ((4, 2), (), ("felt.0", "felt.1")),
        ((4,), (), ("felt",)),
        ((4, 2, 2), ("a", "b"), ("felt.0.a", "felt.0.b", "felt.1.a", "felt.1.b")),
        ((4, 2, 1), (), ("felt.0.0", "felt.1.0")),
    ],
)
def test_every_column_has_the_place_of_its_value(shape, names, expected):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    made = array_channels(stored(values, names), "sensor", "felt")
    assert made.names == expected
    for column, name in enumerate(expected):
        np.testing.assert_array_equal(made.column(name)[0], values.reshape(4, -1)[:, column])
    with pytest.raises(KeyError, match="other"):
        made.column("other")


@pytest.mark.parametrize(
    ("output", "array", "message"),
    [
        (stored(np.zeros((4, 2))), "feelt", "'sensor' stores no array 'feelt'. did you mean 'felt'"),
        (StageOutput({"felt": Array(np.zeros(3), ("row",), "1")}), "felt", "stores no array 'time'"),
        (stored(np.zeros((4, 2)), time=np.arange(5) / 10), "felt", r"sensor/time \(5,\) and sensor/felt \(4, 2\)"),
        (stored(np.zeros((4, 2)), time=np.zeros((4, 2))), "felt", "do not have one row each per time"),
    ],
)
def test_arrays_that_do_not_fit_are_named(output, array, message):
    with pytest.raises(DataError, match=message) as caught:
        array_channels(output, "sensor", array)
    assert caught.value.fix
