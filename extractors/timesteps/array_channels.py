"""Channels of any array with one row per time: kinematics of tools, or an array of another stage."""

from __future__ import annotations

import numpy as np

from data.errors import DataError, nearest
from data.store import StageOutput
from extractors.timesteps.channels import Channels, make_channels


def array_channels(output: StageOutput, stage: str, array: str) -> Channels:
    """Channels of the array `array` (row, …) of a stage: its columns as they are, named by `Array.names`.

    Further axes are flattened. A number that is not finite is a missing value.

    Raises DataError: no such array, no `time` (row,), or another number of rows.
    """
    arrays = output.arrays
    for name in ("time", array):
        if name not in arrays:
            raise DataError(f"stage '{stage}' stores no array '{name}'", fix=nearest(name, arrays))
    time = np.asarray(arrays["time"].values, dtype=np.float64)
    values = np.asarray(arrays[array].values, dtype=np.float64)
    if time.ndim != 1 or values.ndim < 1 or len(values) != len(time):
        shapes = f"{stage}/time {time.shape} and {stage}/{array} {values.shape}"
        raise DataError(f"{shapes} do not have one row each per time", fix="Name an array with the same first axis")
    width = int(np.prod(values.shape[1:], dtype=np.int64))
    flat = values.reshape(len(time), width)
    good = np.isfinite(flat)
    names = _names(arrays[array].names, array, values.shape[1:])
    observed = np.asarray(good.any(axis=1))
    return make_channels("array", names, time, lambda r: (flat[r], good[r].astype(np.float64)), observed=observed)


def _names(last: tuple[str, ...], array: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """One name per channel: the last axis' own names, with the place on the axes before it."""
    if len(shape) == 1 and last:
        return last
    labels = []
    for index in np.ndindex(*shape):
        parts = [str(i) for i in index]
        if last and parts:
            parts[-1] = last[index[-1]]
        labels.append(".".join([array, *parts]))
    return tuple(labels)
