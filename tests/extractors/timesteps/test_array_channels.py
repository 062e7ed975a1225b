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


SHAPES = [((4, 2), ("a", "b")), ((4, 2), ()), ((4,), ()), ((4, 2, 2), ("a", "b")), ((4, 2, 1), ())]


def test_every_column_has_the_place_of_its_value(snapshot):
    columns = {}
    for shape, names in SHAPES:
        made = array_channels(stored(np.arange(np.prod(shape), dtype=float).reshape(shape), names), "sensor", "felt")
        columns |= {f"{shape} {names} {name}": made.column(name)[0].tolist() for name in made.names}
    assert columns == snapshot
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
