"""Named arrays with dimensions and units, as declared and returned by stages and stored in cache files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Reals = NDArray[np.floating]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]
"""Indices of the first axis, such as the performances of a training part."""

Measures = Mapping[str, float | str | None]
"""Quality measures by name: numbers, booleans, texts; None for non-finite numbers."""

Quality = Mapping[str, Measures]
"""Quality measures of the outputs of stages, by stage."""

UNITS: Mapping[str, str] = {
    "1": "pure number, share, index or truth value",
    "s": "seconds",
    "px": "pixels of the video",
    "1/s": "per second",
    "m": "metres",
    "m/s": "metres per second",
    "rad": "radians",
    "rad/s": "radians per second",
    "mixed": "every entry of the last axis has a unit of its own, see its name",
}
"""The units that a stage may declare, and what they mean."""


class ContractError(ValueError):
    """A stage's output contradicts its declaration: a bug in the stage, not a fault of the video."""


@dataclass(frozen=True)
class Array:
    """One named array."""

    values: NDArray[np.generic]  # numbers or booleans, C-contiguous
    dims: tuple[str, ...]  # one name per axis, such as ("frame", "agent", "joint", "xyc")
    unit: str  # physical unit, "1" for pure numbers, "px" for pixels, "s" for seconds
    about: str = ""  # one sentence for readers of the file without this code
    names: tuple[str, ...] = ()  # of the entries of the last axis if they differ in meaning, else empty

    def __post_init__(self) -> None:
        if self.values.ndim != len(self.dims):
            raise ValueError(f"{len(self.dims)} dims {self.dims} for an array of shape {self.values.shape}")
        if self.names and len(self.names) != self.values.shape[-1]:
            raise ValueError(f"{len(self.names)} names for a last axis of {self.values.shape[-1]}")
        if self.values.dtype.kind not in "biuf":
            raise ValueError(f"dtype {self.values.dtype} cannot be cached: give numbers or booleans")
        object.__setattr__(self, "values", np.asarray(self.values, order="C"))


@dataclass(frozen=True)
class ArraySpec:
    """The declaration of one array of a stage. Raises ContractError: the unit is not one of `UNITS`."""

    dims: tuple[str, ...]  # one name per axis; axes of one name have one length in all arrays of the stage
    unit: str  # one of `UNITS`
    about: str  # one sentence for readers of the file without this code
    names: tuple[str, ...] = ()  # of the entries of the last axis, if equal for all videos and settings

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ContractError(f"unknown unit '{self.unit}', known: {', '.join(UNITS)}")


@dataclass(frozen=True)
class StageOutput:
    """The output of a stage for one video."""

    arrays: Mapping[str, Array]
    quality: Measures = field(default_factory=dict)
    """Numbers on the reliability of the arrays, which `status` and the report print."""

    @classmethod
    def of(
        cls,
        specs: Mapping[str, ArraySpec],
        values: Mapping[str, NDArray[np.generic]],
        quality: Measures | None = None,
        names: Mapping[str, tuple[str, ...]] | None = None,
    ) -> StageOutput:
        """An output with dims, units and texts from the stage's table `specs`.

        `names` label the entries of the last axis, for arrays whose names depend on the settings.

        Raises ContractError: an undeclared array, or a wrong number of axes.
        """
        arrays = {}
        for name, numbers in values.items():
            if name not in specs:
                raise ContractError(f"{name} is not declared")
            spec = specs[name]
            if numbers.ndim != len(spec.dims):
                raise ContractError(f"{name} has shape {numbers.shape}, declared is ({', '.join(spec.dims)})")
            named = spec.names or (names or {}).get(name, ())
            arrays[name] = Array(numbers, spec.dims, spec.unit, spec.about, named)
        return cls(arrays, quality or {})

    def floats(self, name: str) -> Floats:
        """The values of an array as float64."""
        return np.asarray(self.arrays[name].values, dtype=np.float64)


Outputs = Mapping[str, StageOutput]
"""Outputs of one record by stage."""


@dataclass(frozen=True)
class OutputSpec:
    """The arrays that a stage promises for one video."""

    stage: str
    arrays: Mapping[str, ArraySpec]
    clock: str  # the dim along time, such as "frame"; empty for a stage without it
    ticks: int | None = None  # length of the clock for this video; None if it depends on an input file's content

    def check(self, output: StageOutput) -> None:
        """Check an output against its declaration.

        Raises ContractError: an array is missing, undeclared, or has wrong dims, unit or names; axes of one name differ
        in length; or the clock has a wrong length for this video and these settings.
        """
        faults = [*self._faults(output.arrays)] or [*self._lengths(output.arrays)]
        if faults:
            raise ContractError(f"stage '{self.stage}': {'; '.join(faults)}")

    def _faults(self, arrays: Mapping[str, Array]) -> Iterator[str]:
        """Differences between the arrays and their declarations."""
        yield from (f"{name} is not declared" for name in arrays if name not in self.arrays)
        yield from (f"{name} is missing" for name in self.arrays if name not in arrays)
        for name in set(arrays) & set(self.arrays):
            array, spec = arrays[name], self.arrays[name]
            if array.dims != spec.dims:
                yield f"{name} has dims ({', '.join(array.dims)}), declared are ({', '.join(spec.dims)})"
            if array.unit != spec.unit:
                yield f"{name} has unit '{array.unit}', declared is '{spec.unit}'"
            if name.endswith("_mask") and array.values.dtype.kind != "b":
                yield f"{name} is of {array.values.dtype}, declared are truth values"
            if spec.names and array.names != spec.names:
                yield f"{name} names its last axis {array.names}, declared are {spec.names}"

    def _lengths(self, arrays: Mapping[str, Array]) -> Iterator[str]:
        """Differences between the lengths of axes of one name, and between the clock and the video."""
        first: dict[str, tuple[str, int]] = {}
        for name in sorted(arrays, key=lambda key: (key != "time", key)):  # time first: the others are compared with it
            for dim, length in zip(arrays[name].dims, arrays[name].values.shape, strict=True):
                other, expected = first.setdefault(dim, (name, length))
                if length != expected:
                    yield f"{name} has {_count(length, dim)}, {other} has {expected}"
        if not self.clock:
            return
        if self.clock not in first:
            yield f"no array has the clock's dim '{self.clock}'"
            return
        name, length = first[self.clock]
        if self.ticks is not None and length != self.ticks:
            yield f"{name} has {_count(length, self.clock)}, the video and the settings give {self.ticks}"


def _count(number: int, dim: str) -> str:
    return f"{number} {dim}{'es' if dim.endswith('s') else 's'}"
