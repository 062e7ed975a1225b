"""The rows of one agent over time: named channels with weights, before they are cut into time steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats
from extractors.signals import LONE_PERIOD_S, Bools, blocks, row_period


@dataclass(frozen=True)
class Channels:
    """Channels of one agent, one row per frame, frame pair or sample."""

    kind: str  # their source: "pose", "camera_flow" or "array"
    names: tuple[str, ...]  # (channel,) names
    time: Floats  # (row,) seconds, ascending
    span: tuple[float, float]  # seconds of the first row's begin and the last row's end
    values: Floats  # (row, channel), finite, 0 where the weight is 0
    weight: Floats  # (row, channel) trust from 0 (no value) to 1
    observed: Bools  # (row,) true where the agent itself was seen; false where it is missing or filled in

    @property
    def present(self) -> Bools:
        """(row,) true where at least one channel has a value, seen or filled in."""
        return np.asarray((self.weight > 0).any(axis=1))

    def cells(self) -> Floats:
        """(row, 2) begin and end in seconds of the time that each row represents, see `row_cells`."""
        return row_cells(self.time, self.span)

    def column(self, name: str) -> tuple[Floats, Floats]:
        """Values (row,) and weights (row,) of one channel. Raises KeyError: no channel of that name."""
        if name not in self.names:
            raise KeyError(name)
        column = self.names.index(name)
        return self.values[:, column], self.weight[:, column]


def make_channels(
    kind: str,
    names: tuple[str, ...],
    time: Floats,
    rows_of: Callable[[slice], tuple[Floats, Floats]],
    *,
    observed: Bools,
    span: tuple[float, float] | None = None,
) -> Channels:
    """Channels with finite numbers only: a value that is not finite gets weight 0, and weight 0 gets value 0.

    Args:
        rows_of: gives values and weights (row, channel) of some rows; asked for a block of rows at a time.
        span: seconds; by default from the first row to one median period after the last.
    """
    values, weight = np.empty((len(time), len(names))), np.empty((len(time), len(names)))
    for rows in blocks(len(time)):
        part, trust = rows_of(rows)
        part = np.asarray(part, dtype=np.float64)
        weight[rows] = np.where(np.isfinite(part), np.nan_to_num(trust), 0.0).clip(0.0, 1.0)
        values[rows] = np.where(weight[rows] > 0, part, 0.0)
    return Channels(kind, names, time, span or row_span(time), values, weight, observed)


def row_span(time: Floats) -> tuple[float, float]:
    """Seconds from the first row to one period after the last, as long as the last frame is shown."""
    if not time.size:
        return 0.0, LONE_PERIOD_S
    return float(time[0]), float(time[-1]) + row_period(time)


def row_cells(time: Floats, span: tuple[float, float]) -> Floats:
    """(row, 2) begin and end in seconds of the time that is nearer to a row than to any other, within the span.

    Example: rows at 0, 1, 4 in the span 0..5 represent 0..0.5, 0.5..2.5 and 2.5..5.
    """
    if not time.size:
        return np.zeros((0, 2))
    middle = (time[1:] + time[:-1]) / 2
    edges = np.concatenate([[min(span[0], time[0])], middle, [max(span[1], time[-1])]])
    return np.stack([edges[:-1], edges[1:]], axis=1)
