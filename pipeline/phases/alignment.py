"""Carries the phases of annotated performances over to others by dynamic time warping.

A performance is the signal of its primary agent, as the time steps read it. Of a person, the angles are used, which do
not depend on place and camera. Each annotated performance that is aligned with a new one gives it every edge of its
phases. The median over the `NEAREST` best aligned ones counts, and half of their range is the uncertainty. There is no
network. `python -m benchmarks.phases` measures the error.
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
class Marked:
    """The signal of an annotated performance and its phases."""

    signal: Floats  # (row, channel); NaN where a channel has no value
    end: float  # s, of the last row
    phases: tuple[Phase, ...]

    @classmethod
    def of(cls, channels: Channels, phases: Sequence[Phase] = ()) -> Marked:
        """The resampled signal of an agent's channels: the angles of a person, or else all channels.

        Raises DataError: the agent is never observed.
        """
        body = [n for n, name in enumerate(channels.names) if "angle." in name or name.startswith("torso.")]
        columns = body or list(range(len(channels.names)))
        end = channels.span[1]
        count = int(np.clip(round(end * ROWS_PER_S), 2, MOST_ROWS))
        signal = np.full((count, len(columns)), np.nan)
        for place, column in enumerate(columns):
            valued = channels.weight[:, column] > 0
            if valued.any():
                signal[:, place] = np.interp(
                    np.arange(count) * end / count, channels.time[valued], channels.values[valued, column]
                )
        if np.isnan(signal).all():
            raise DataError("the agent is never observed, so its phases cannot be found", fix="Mark them in phases.csv")
        return cls(signal, end, tuple(phases))


@dataclass(frozen=True)
class Carried:
    """The phases of a performance by alignment.

    Attributes:
        spread: seconds, half of the range over the nearest annotated performances, for the begin of each phase and the
            end of the last.
        limit: seconds, the spread that `SURPRISE` of the annotated performances have at most; infinite where unknown.
    """

    phases: tuple[Phase, ...]
    spread: tuple[float, ...]
    limit: float

    @property
    def uncertainty(self) -> tuple[float, float]:
        """The greatest spread, and the limit above which it is flagged."""
        return max(self.spread), self.limit

    def as_json(self) -> list[dict[str, float]]:
        """Place and uncertainty in seconds of the begin of each phase, and of the end of the last."""
        places = [*(phase.start for phase in self.phases), *(phase.end for phase in self.phases[-1:])]
        return [{"at": at, "uncertainty": spread} for at, spread in zip(places, self.spread, strict=True)]


@dataclass(frozen=True)
class PhaseReferences:
    """The annotated performances of a model; `limit` is the greatest spread in seconds that is not doubtful."""

    names: tuple[str, ...]
    marked: tuple[Marked, ...]
    limit: float = np.inf

    @classmethod
    def fit(cls, names: Sequence[str], marked: Sequence[Marked]) -> PhaseReferences:
        """References from at least one annotated performance; each one's spread by the others gives the limit."""
        chosen = np.unique(np.linspace(0, len(marked) - 1, MOST_REFERENCES).round().astype(int))
        kept = cls(tuple(names), tuple(marked[place] for place in chosen))
        if len(kept.marked) <= NEAREST:
            return kept
        spreads = [max(kept.without(place).carry(one).spread) for place, one in enumerate(kept.marked)]
        return replace(kept, limit=float(np.quantile(spreads, SURPRISE)))

    def without(self, place: int) -> PhaseReferences:
        """All references but one."""
        return replace(self, marked=self.marked[:place] + self.marked[place + 1 :])

    def carry(self, query: Marked) -> Carried:
        """The phases of a performance. A phase that most of the nearest references leave out is left out."""
        pool = np.concatenate([query.signal, *(one.signal for one in self.marked)])
        with np.errstate(all="ignore"):
            shift, scale = np.nan_to_num(np.nanmean(pool, axis=0)), np.nan_to_num(np.nanstd(pool, axis=0))
        scale = np.where(scale > 1e-9, scale, 1.0)
        signals = [np.nan_to_num((one.signal - shift) / scale) for one in (query, *self.marked)]
        aligned = [
            _align(signals[0], signal, query.end, one) for one, signal in zip(self.marked, signals[1:], strict=True)
        ]
        nearest = [edges for _, edges in sorted(aligned, key=lambda pair: pair[0])[:NEAREST]]
        starts = {name: [edges[name] for edges in nearest if name in edges] for name in (*self.names, END)}
        kept = [name for name, values in starts.items() if 2 * len(values) >= len(nearest)]
        places = np.maximum.accumulate([np.median(starts[name]) for name in kept]).tolist()
        phases = [Phase(name, *ends) for name, ends in zip(kept, pairwise(places), strict=False) if ends[1] > ends[0]]
        spread = tuple(float(np.ptp(starts[name])) / 2 for name in kept)
        return Carried(tuple(phases), spread, self.limit)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The references as arrays, for a file: signals after one another, and (reference, phase and end) edges."""
        edges = np.full((len(self.marked), len(self.names) + 1), np.nan)
        for row, one in enumerate(self.marked):
            for name, start in _edges(one).items():
                edges[row, (*self.names, END).index(name)] = start
        return {
            "signal": np.concatenate([one.signal for one in self.marked]),
            "rows": np.array([len(one.signal) for one in self.marked], dtype=np.float64),
            "end": np.array([one.end for one in self.marked]),
            "edges": edges,
            "limit": np.array(self.limit),
        }

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, NDArray[np.float64]]) -> PhaseReferences:
        """What `arrays` wrote. Raises ValueError: the arrays do not fit together."""
        rows = np.cumsum(arrays["rows"].astype(int))
        if rows[-1] != len(arrays["signal"]) or arrays["edges"].shape != (len(rows), len(names) + 1):
            raise ValueError("the phases do not fit together")
        marked = []
        signals = np.split(arrays["signal"], rows[:-1])
        for signal, end, edges in zip(signals, arrays["end"].tolist(), arrays["edges"].tolist(), strict=True):
            given = [(name, start) for name, start in zip((*names, END), edges, strict=True) if np.isfinite(start)]
            phases = tuple(Phase(name, start, stop) for (name, start), (_, stop) in pairwise(given))
            marked.append(Marked(signal, end, phases))
        return cls(tuple(names), tuple(marked), float(arrays["limit"]))


END = ""
"""Name of the edge at which the last phase ends."""


def _edges(marked: Marked) -> dict[str, float]:
    """Seconds at which each phase begins, and at which the last one ends (`END`)."""
    return {phase.name: phase.start for phase in marked.phases} | {END: min(marked.phases[-1].end, marked.end)}


def _centres(rows: int, end: float) -> Floats:
    """(rows,) middle of each row in seconds."""
    return np.asarray((np.arange(rows) + 0.5) * end / rows)


def _align(query: Floats, signal: Floats, end: float, marked: Marked) -> tuple[float, dict[str, float]]:
    """The distance of two normalised signals, and the edges of the marked one on the query's clock."""
    from dtaidistance import dtw, dtw_ndim

    distance, table = dtw_ndim.warping_paths_fast(np.ascontiguousarray(query), np.ascontiguousarray(signal))
    path = np.array(dtw.best_path(table))
    count = np.bincount(path[:, 1], minlength=len(signal))
    matched = np.bincount(path[:, 1], _centres(len(query), end)[path[:, 0]], len(signal)) / count
    clock = np.concatenate([[0.0], _centres(len(signal), marked.end), [marked.end]])
    carried = np.interp(list(_edges(marked).values()), clock, np.concatenate([[0.0], matched, [end]]))
    return float(distance) / len(path) ** 0.5, dict(zip(_edges(marked), carried.tolist(), strict=True))
