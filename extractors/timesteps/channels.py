"""Channels of one agent: named series with weights, before they are divided into time steps.

They come from any array with one row per time, from the camera's motion, or from a tracked person (`pose_channels`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.errors import DataError, nearest
from data.store import StageOutput
from data.store.arrays import Bools, Floats
from extractors.signals import LONE_PERIOD_S, blocks, row_period, spans_between

MOTION = ("pan_x", "pan_y", "zoom", "rotation")
"""The camera's motion: image widths and heights per second, log scale per second, radians per second."""


@dataclass(frozen=True)
class Channels:
    """Channels of one agent, one row per frame, frame pair or sample."""

    kind: str  # source: "pose", "camera_flow", "array", "clips" or "none"
    names: tuple[str, ...]  # (channel,) names
    time: Floats  # (row,) seconds, ascending
    span: tuple[float, float]  # seconds from the start of the first row to the end of the last
    values: Floats  # (row, channel), finite, 0 where the weight is 0
    weight: Floats  # (row, channel) confidence from 0 (no value) to 1
    observed: Bools  # (row,) true if the agent was detected or measured; false if missing or interpolated
    timed: bool = True  # false: times are fractions 0..1 of a performance of unknown duration

    @property
    def present(self) -> Bools:
        """(row,) true if at least one channel has a value, measured or interpolated."""
        return np.asarray((self.weight > 0).any(axis=1))

    def stretched(self, start: float, end: float) -> Channels:
        """The same rows over the seconds `start` to `end`, for times that are fractions."""
        if self.timed:
            return self
        return replace(self, time=start + self.time * (end - start), span=(start, end), timed=True)

    def cells(self) -> Floats:
        """(row, 2) start and end in seconds of each row's cell, see `row_cells`."""
        return row_cells(self.time, self.span)

    def column(self, name: str) -> tuple[Floats, Floats]:
        """Values (row,) and weights (row,) of one channel. Raises KeyError: no channel of that name."""
        values, weight = self.columns([name])
        return values[:, 0], weight

    def columns(self, names: Sequence[str]) -> tuple[Floats, Floats]:
        """Values (row, name) of some channels, and the least of their weights (row,). Raises as `column`."""
        positions = {name: column for column, name in enumerate(self.names)}
        columns = [positions[name] for name in names]
        return self.values[:, columns], self.weight[:, columns].min(axis=1)


def make_channels(
    kind: str,
    names: tuple[str, ...],
    time: Floats,
    rows_of: Callable[[slice], tuple[Floats, Floats]],
    *,
    observed: Bools,
    span: tuple[float, float] | None = None,
) -> Channels:
    """Channels of finite numbers: non-finite values get weight 0, and values of weight 0 become 0.

    Args:
        rows_of: returns values and weights (row, channel) of a block of rows.
        span: seconds; by default from the first row to one median period after the last.
    """
    values, weight = np.empty((len(time), len(names))), np.empty((len(time), len(names)))
    for rows in blocks(len(time)):
        part, trust = rows_of(rows)
        weight[rows] = np.where(np.isfinite(part), np.nan_to_num(trust), 0.0).clip(0.0, 1.0)
        values[rows] = np.where(weight[rows] > 0, part, 0.0)
    return Channels(kind, names, time, span or row_span(time), values, weight, observed)


def row_span(time: Floats) -> tuple[float, float]:
    """Start in seconds of the first row, and end of the last, which lasts one period."""
    return (float(time[0]), float(time[-1]) + row_period(time)) if time.size else (0.0, LONE_PERIOD_S)


def row_cells(time: Floats, span: tuple[float, float]) -> Floats:
    """(row, 2) start and end in seconds of each row's cell: the times nearer to it than to other rows.

    Example: rows at 0, 1, 4 in the span 0..5 represent 0..0.5, 0.5..2.5 and 2.5..5.
    """
    if not time.size:
        return np.zeros((0, 2))
    middle = (time[1:] + time[:-1]) / 2
    return spans_between(np.concatenate([[min(span[0], time[0])], middle, [max(span[1], time[-1])]]))


CLIPS = "clips"
"""Kind of an array whose rows have a start and an end, without pauses between them."""

NO_CHANNELS = Channels("none", (), np.zeros(0), (0.0, 0.0), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0, bool))
"""The channels of a missing agent."""


def stored(output: StageOutput, stage: str, array: str) -> Floats:
    """The values of an array of a stage. Raises DataError: the stage stores no such array."""
    if array not in output.arrays:
        raise DataError(f"stage '{stage}' stores no array '{array}'", fix=nearest(array, output.arrays))
    return output.floats(array)


def array_channels(output: StageOutput, stage: str, array: str) -> Channels:
    """Channels of the array `array` (row, …) of a stage: its unchanged columns, named by `Array.names`.

    Further axes are flattened. Non-finite numbers are missing values. The times are `ARRAY_bounds` (row, 2) if it
    exists, else those of the stage: `time`, or `bounds` (row, 2).

    Raises DataError: no such array, no times (row,), or a wrong number of rows.
    """
    clock = next((name for name in (f"{array}_bounds", "time", "bounds") if name in output.arrays), "time")
    time, span, timed = _times(stored(output, stage, clock), bounds=clock != "time")
    values = stored(output, stage, array)
    if time.ndim != 1 or values.ndim < 1 or len(values) != len(time):
        shapes = f"{stage}/{clock} {time.shape} and {stage}/{array} {values.shape}"
        raise DataError(f"{shapes} do not have one row each per time", fix="Choose an array with one row per time")
    if span is not None and not len(time):
        raise DataError(f"no features of the {array}", fix=f"Add --features {array}=FOLDER")
    last, shape = output.arrays[array].names, values.shape[1:]
    names = last
    if len(shape) != 1 or not last:  # the last axis' own names, with the place on the axes before it
        parts = [[str(i) for i in index] for index in np.ndindex(*shape)]
        if last:
            parts = [[*part[:-1], last[int(part[-1])]] for part in parts]
        names = tuple(".".join([array, *part]) for part in parts)
    flat = values.reshape(len(time), len(names))
    finite = np.isfinite(flat)
    observed = np.asarray(finite.any(axis=1))
    kind = "array" if span is None else CLIPS
    made = make_channels(
        kind,
        names,
        time,
        lambda r: (flat[r], finite[r].astype(np.float64)),
        observed=observed,
        span=span,
    )
    return replace(made, timed=timed)


def _times(clock: Floats, *, bounds: bool) -> tuple[Floats, tuple[float, float] | None, bool]:
    """Times (row,), their span if known, and whether they are seconds, from times (row,) or `bounds` (row, 2)."""
    if not bounds:
        return clock, None, True
    timed = bool(np.isfinite(clock).all())
    if not timed:
        clock = spans_between(np.linspace(0.0, 1.0, len(clock) + 1))
    return clock.mean(axis=1), (float(clock[0, 0]), float(clock[-1, 1])) if len(clock) else (0.0, 0.0), timed


def flow_channels(output: StageOutput) -> Channels:
    """Channels of a `camera_flow` output, the camera as an agent: `motion.*`, then `cell.00.u`, `cell.00.v`, …

    A row's time is the middle of its frame pair. The weight of the global motion is its share of inlier cells. Masked
    cells (bars, overlays) have weight 0, and so have all channels of a pair across a cut.

    Args:
        output: arrays `time` (pair, 2), `motion` (pair, 4), `inliers` (pair,), `cells` (pair, cell, 2) and
            `cell_mask` (pair, cell).
    """
    arrays = output.arrays
    pair = output.floats("time").reshape(-1, 2)
    motion, cells = arrays["motion"].values, arrays["cells"].values
    usable = np.asarray(arrays["cell_mask"].values, dtype=bool)
    inliers = output.floats("inliers")[:, None]
    names = tuple(f"motion.{name}" for name in MOTION)
    names += tuple(f"cell.{cell:02d}.{axis}" for cell in range(cells.shape[1]) for axis in "uv")

    def rows_of(rows: slice) -> tuple[Floats, Floats]:
        flat = cells[rows].reshape(-1, 2 * cells.shape[1])
        values = np.concatenate([motion[rows], flat], axis=1, dtype=np.float64)
        return values, np.concatenate([np.repeat(inliers[rows], 4, axis=1), np.repeat(usable[rows], 2, axis=1)], axis=1)

    span = (float(pair[0, 0]), float(pair[-1, 1])) if len(pair) and pair[-1, 1] > pair[0, 0] else None
    observed = np.asarray(usable.any(axis=1))
    return make_channels("camera_flow", names, pair.mean(axis=1), rows_of, observed=observed, span=span)
