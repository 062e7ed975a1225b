"""Carries the phases of annotated performances over to others by dynamic time warping.

A performance is the signal of its primary agent, as the time steps read it; of a person the angles, which do not depend
on place and camera. Each annotated performance that is aligned with a new one gives it every edge of its phases. The
median over the `NEAREST` best aligned ones counts, and half of their range is the uncertainty. There is no network.
`python -m benchmarks.phases` measures the error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.store.arrays import Floats
from data.video import Phase
from extractors.timesteps.channels import Channels

NEAREST = 3
"""Annotated performances of which the median counts."""

ROWS_PER_S, MOST_ROWS = 25.0, 1000
"""Rate to which signals are resampled, and the greatest number of rows; a longer performance has a lower rate."""

MOST_REFERENCES = 40
"""Annotated performances that a model keeps, evenly chosen."""

SURPRISE = 0.9
"""Share of the annotated performances whose own uncertainty, from the others, is within the limit of a flag."""


@dataclass(frozen=True)
class Signal:
    """A resampled performance."""

    rows: Floats  # (row, channel); NaN where a channel has no value
    end: float  # s, of the last row

    @classmethod
    def of(cls, channels: Channels) -> Signal:
        """The angles of a person, or else all channels of an agent. Raises DataError: the agent is never observed."""
        body = [n for n, name in enumerate(channels.names) if "angle." in name or name.startswith("torso.")]
        columns, end = body or list(range(len(channels.names))), channels.span[1]
        count = int(np.clip(round(end * ROWS_PER_S), 2, MOST_ROWS))
        rows, clock = np.full((count, len(columns)), np.nan), np.arange(count) * end / count
        for place, column in enumerate(columns):
            if (valued := channels.weight[:, column] > 0).any():
                rows[:, place] = np.interp(clock, channels.time[valued], channels.values[valued, column])
        if np.isnan(rows).all():
            raise DataError("the agent is never observed, so its phases cannot be found", fix="Mark them in phases.csv")
        return cls(rows, end)

    @property
    def centres(self) -> Floats:
        """(row,) middle of each row in seconds."""
        return np.asarray((np.arange(len(self.rows)) + 0.5) * self.end / len(self.rows))


@dataclass(frozen=True)
class CarriedPhases:
    """The phases of a performance by alignment.

    Attributes:
        half_range_s: half of the range over the nearest annotated performances, for the begin of each phase and the
            end of the last.
        limit: seconds, at least the half range of `SURPRISE` of the annotated performances; infinite where unknown.
    """

    phases: tuple[Phase, ...]
    half_range_s: tuple[float, ...]
    limit: float


@dataclass(frozen=True)
class PhaseReferences:
    """The n annotated performances of a model.

    Attributes:
        edges: (n, phase and end) seconds at which each phase begins and the last one ends; NaN for a left-out phase.
        limit: seconds, the greatest half range that is not doubtful.
    """

    names: tuple[str, ...]
    signals: tuple[Signal, ...]
    edges: Floats
    limit: float = np.inf

    @classmethod
    def fit(cls, names: Sequence[str], marked: Sequence[tuple[Signal, Sequence[Phase]]]) -> PhaseReferences:
        """References from at least one annotated performance; each one's half range by the others gives the limit."""
        chosen = np.unique(np.linspace(0, len(marked) - 1, MOST_REFERENCES).round().astype(int))
        edges = np.full((len(chosen), len(names) + 1), np.nan)
        for row, (signal, phases) in enumerate(marked[place] for place in chosen):
            for phase in phases:
                edges[row, names.index(phase.name)] = phase.start
            edges[row, -1] = min(phases[-1].end, signal.end)
        kept = cls(tuple(names), tuple(marked[place][0] for place in chosen), edges)
        if len(chosen) <= NEAREST:
            return kept
        half_ranges = list[float]()
        for row, signal in enumerate(kept.signals):
            others = kept.signals[:row] + kept.signals[row + 1 :]
            half_ranges.append(max(cls(kept.names, others, np.delete(edges, row, axis=0)).carry(signal).half_range_s))
        return replace(kept, limit=float(np.quantile(half_ranges, SURPRISE)))

    def carry(self, query: Signal) -> CarriedPhases:
        """The phases of a performance. A phase that most of the nearest references leave out is left out.

        Raises DataError: the performance has other channels than the references.
        """
        if {one.rows.shape[1] for one in self.signals} != {query.rows.shape[1]}:
            raise DataError("other channels than the annotated performances of the model", fix="Mark its phases")
        signals = (query, *self.signals)
        pool = np.ma.masked_invalid(np.concatenate([one.rows for one in signals]))
        shift, scale = (of(axis=0).filled(0.0) for of in (pool.mean, pool.std))
        scale[scale <= 1e-9] = 1.0
        plain = [replace(one, rows=np.nan_to_num((one.rows - shift) / scale)) for one in signals]
        aligned = [_align(plain[0], one, edges) for one, edges in zip(plain[1:], self.edges, strict=True)]
        nearest = np.array([edges for _, edges in sorted(aligned, key=lambda pair: pair[0])[:NEAREST]])
        kept = np.flatnonzero(2 * np.isfinite(nearest).sum(axis=0) >= len(nearest))
        places = np.maximum.accumulate(np.nanmedian(nearest[:, kept], axis=0)).tolist()
        half_ranges = (np.nanmax(nearest[:, kept], axis=0) - np.nanmin(nearest[:, kept], axis=0)) / 2
        named = zip((self.names[place] for place in kept[:-1]), pairwise(places), strict=True)
        phases = tuple(Phase(name, *ends) for name, ends in named if ends[1] > ends[0])
        return CarriedPhases(phases, tuple(half_ranges.tolist()), self.limit)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The references as arrays, for a file; signals follow one another."""
        rows, ends = zip(*((float(len(one.rows)), one.end) for one in self.signals), strict=True)
        signal = np.concatenate([one.rows for one in self.signals])
        made = {"signal": signal, "rows": rows, "ends": ends, "edges": self.edges, "limit": self.limit}
        return {name: np.array(values) for name, values in made.items()}

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, NDArray[np.float64]]) -> PhaseReferences:
        """What `arrays` wrote. Raises ValueError: the arrays do not fit together."""
        ends, signal = np.cumsum(arrays["rows"].astype(int)), arrays["signal"]
        clock = np.concatenate([arrays["ends"], arrays["edges"][..., -1].ravel()])
        whole = signal.ndim == 2 and ends[-1] == len(signal) and (np.diff(ends, prepend=0) > 1).all()
        if not whole or arrays["edges"].shape != (len(ends), len(names) + 1) or not np.isfinite(clock).all():
            raise ValueError("the phases do not fit together")
        signals = map(Signal, np.split(signal, ends[:-1]), arrays["ends"].tolist())
        return cls(tuple(names), tuple(signals), arrays["edges"], float(arrays["limit"]))


def _align(query: Signal, marked: Signal, edges: Floats) -> tuple[float, Floats]:
    """The distance of two normalised signals, and the edges of the marked one on the query's clock."""
    from dtaidistance import dtw, dtw_ndim

    distance, table = dtw_ndim.warping_paths_fast(np.ascontiguousarray(query.rows), np.ascontiguousarray(marked.rows))
    path = np.array(dtw.best_path(table))
    count = np.bincount(path[:, 1], minlength=len(marked.rows))
    matched = np.bincount(path[:, 1], query.centres[path[:, 0]], len(marked.rows)) / count
    clock = np.concatenate([[0.0], marked.centres, [marked.end]])
    carried = np.interp(edges, clock, np.concatenate([[0.0], matched, [query.end]]))
    return float(distance) / len(path) ** 0.5, np.where(np.isfinite(edges), carried, np.nan)
