"""Named arrays with dimensions and units: what every stage returns and every cache file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
"""Indices of the first axis, such as the performances of a training part."""


@dataclass(frozen=True)
class Array:
    """One named array.

    Attributes:
        values: numbers or booleans, C-contiguous.
        dims: one name per axis, such as ("frame", "agent", "joint", "xyc").
        unit: physical unit, "1" for pure numbers, "px" for pixels, "s" for seconds.
        about: one sentence for people who open the file without this code.
        names: one name per entry of the last axis where those entries differ in meaning, else empty.
    """

    values: NDArray[np.generic]
    dims: tuple[str, ...]
    unit: str
    about: str = ""
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != len(self.dims):
            raise ValueError(f"{len(self.dims)} dims {self.dims} for an array of shape {self.values.shape}")
        if self.names and len(self.names) != self.values.shape[-1]:
            raise ValueError(f"{len(self.names)} names for a last axis of {self.values.shape[-1]}")
        if self.values.dtype.kind not in "biuf":
            raise ValueError(f"dtype {self.values.dtype} cannot be cached: give numbers or booleans")
        object.__setattr__(self, "values", np.asarray(self.values, order="C"))


@dataclass(frozen=True)
class StageOutput:
    """What a stage computed for one video.

    Attributes:
        arrays: the named arrays.
        quality: figures that tell a person how far to trust the arrays, shown by `status` and the report.
    """

    arrays: Mapping[str, Array]
    quality: Mapping[str, float | int | str | bool] = field(default_factory=dict)
