"""Carries the phases of annotated performances over to others by dynamic time warping.

A performance is the signal of its primary agent, as the time steps read it; for a person, the angles, which do not
depend on place and camera. Each annotated performance is aligned with a new one and transfers the edges of its phases.
The result is the median over the `NEAREST` best aligned performances, and their range is the uncertainty. Of simulated
edges, .82 to .92 were within this range on either side, and .57 to .75 within half of it
(`benchmarks.interval_coverage`). `python -m benchmarks.phases` measures the error. No network is involved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np

from data.errors import DataError
from data.stage_files import StageFiles
from data.store.arrays import Floats
from data.video import Phase, Record
from extractors.signals import resampled
from extractors.timesteps import TimestepsConfig
from extractors.timesteps.channels import Channels
from extractors.timesteps.stage import Timesteps
from pipeline.cache import Cache
from pipeline.cache.failure import Failure
from pipeline.observer import SILENT, Observer
from pipeline.run import Planner, run
from pipeline.settings.config import Config

T = TypeVar("T")

NEAREST = 3
"""Number of annotated performances in the median."""

ROWS_PER_S, MOST_ROWS = 25.0, 1000
"""Rate of resampled signals, and the maximum number of rows; longer performances get a lower rate."""

MOST_REFERENCES = 40
"""Most annotated performances in a model, evenly chosen."""

SURPRISE = 0.9
"""Share of the annotated performances whose uncertainty, computed from the others, is within a flag's limit."""


class Signal(NamedTuple):
    """A resampled performance."""

    rows: Floats  # (row, channel); NaN where a channel has no value
    end: float  # s, of the last row

    @classmethod
    def of(cls, channels: Channels) -> Signal:
        """The angles of a person, else all channels of an agent. Raises DataError for an agent without observations."""
        body = [n for n, name in enumerate(channels.names) if "angle." in name or name.startswith("torso.")]
        columns, end = body or list(range(len(channels.names))), channels.span[1]
        count = int(np.clip(round(end * ROWS_PER_S), 2, MOST_ROWS))
        values = np.where(channels.weight > 0, channels.values, np.nan)[:, columns]
        rows = resampled(channels.time, values, np.arange(count) * end / count)
        if np.isnan(rows).all():
            raise DataError("the agent is never observed, so its phases cannot be found", fix="Mark them in phases.csv")
        return cls(rows, end)


@dataclass(frozen=True)
class CarriedPhases:
    """The phases of a performance by alignment."""

    phases: tuple[Phase, ...]
    range_s: tuple[float, ...]  # of each begin and the last end, over the nearest annotated performances
    limit: float  # s, at least the range of `SURPRISE` of the annotated performances; infinite where unknown


@dataclass(frozen=True)
class PhaseReferences:
    """The n annotated performances of a model. Raises ValueError for incompatible arrays."""

    names: tuple[str, ...]
    signals: Floats  # (n, row, channel) rows of `Signal`, NaN beyond the end of a performance
    ends: Floats  # (n,) s
    edges: Floats  # (n, phase and end) s at which each phase begins and the last one ends; NaN for a left-out phase
    limit: float | Floats = np.inf  # s, the largest range without a flag

    def __post_init__(self) -> None:
        count, begins = len(self.ends), self.signals[:, :2]
        shapes = np.shape(self.limit), self.ends.shape, self.edges.shape, begins[..., 0].shape
        finite = all(np.isfinite(values).all() for values in (self.ends, self.edges[..., -1]))
        whole = finite and np.isfinite(begins).any(axis=-1).all()
        if not whole or shapes != ((), (count,), (count, len(self.names) + 1), (count, 2)):
            raise ValueError("the phases do not fit together")

    @classmethod
    def fit(cls, names: Sequence[str], marked: Sequence[tuple[Signal, Sequence[Phase]]]) -> PhaseReferences:
        """References from at least one annotated performance; ranges from the other performances give the limit."""
        chosen = [marked[n] for n in np.unique(np.linspace(0, len(marked) - 1, MOST_REFERENCES).round().astype(int))]
        longest = max((signal.rows for signal, _ in chosen), key=len)
        signals, edges = np.full((len(chosen), *longest.shape), np.nan), np.full((len(chosen), len(names) + 1), np.nan)
        for n, (signal, phases) in enumerate(chosen):
            signals[n, : len(signal.rows)] = signal.rows
            edges[n, [names.index(phase.name) for phase in phases]] = [phase.start for phase in phases]
            edges[n, -1] = min(phases[-1].end, signal.end)
        kept = cls(tuple(names), signals, np.array([signal.end for signal, _ in chosen]), edges)
        if len(chosen) <= NEAREST:
            return kept
        ranges = [max(kept.carry(signal, without=n).range_s) for n, (signal, _) in enumerate(chosen)]
        return replace(kept, limit=float(np.quantile(ranges, SURPRISE)))

    def carry(self, query: Signal, without: int | None = None) -> CarriedPhases:
        """The phases of a performance, without those that most of the nearest references leave out.

        Raises DataError if its channels differ from the references'.
        """
        if self.signals.shape[2] != query.rows.shape[1]:
            raise DataError("other channels than the annotated performances of the model", fix="Mark its phases")
        used = [n for n in range(len(self.ends)) if n != without]
        signals = [query.rows, *(signal[np.isfinite(signal).any(axis=1)] for signal in self.signals[used])]
        pool = np.ma.masked_invalid(np.concatenate(signals))
        shift, scale = (of(axis=0).filled(0.0) for of in (pool.mean, pool.std))
        scale[scale <= 1e-9] = 1.0
        plain, *others = (np.nan_to_num((signal - shift) / scale) for signal in signals)
        marked = zip(map(Signal, others, self.ends[used].tolist()), self.edges[used], strict=True)
        aligned = [_align(Signal(plain, query.end), *reference) for reference in marked]
        nearest = np.array([edges for _, edges in sorted(aligned, key=lambda pair: pair[0])[:NEAREST]])
        kept = np.flatnonzero(2 * np.isfinite(nearest).sum(axis=0) >= len(nearest))
        places = np.maximum.accumulate(np.nanmedian(nearest[:, kept], axis=0)).tolist()
        ranges = np.nanmax(nearest[:, kept], axis=0) - np.nanmin(nearest[:, kept], axis=0)
        named = zip((self.names[index] for index in kept[:-1]), pairwise(places), strict=True)
        phases = tuple(Phase(name, *ends) for name, ends in named if ends[1] > ends[0])
        return CarriedPhases(phases, tuple(ranges.tolist()), float(self.limit))


def _align(query: Signal, marked: Signal, edges: Floats) -> tuple[float, Floats]:
    """The distance of two normalised signals, and the edges of the marked one on the query's clock."""
    from dtaidistance import dtw, dtw_ndim

    distance, table = dtw_ndim.warping_paths_fast(np.ascontiguousarray(query.rows), np.ascontiguousarray(marked.rows))
    path = np.array(dtw.best_path(table))
    query_s, marked_s = (
        (np.arange(len(signal.rows)) + 0.5) * signal.end / len(signal.rows) for signal in (query, marked)
    )
    count = np.bincount(path[:, 1], minlength=len(marked_s))
    matched = np.bincount(path[:, 1], query_s[path[:, 0]], len(marked_s)) / count
    clocks = np.array([0.0, *marked_s, marked.end]), np.array([0.0, *matched, query.end])
    return float(distance) / len(path) ** 0.5, np.where(np.isfinite(edges), np.interp(edges, *clocks), np.nan)


def phases_of_model(records: Sequence[Record], config: Config, cache: Cache) -> PhaseReferences | None:
    """The references of a model from the stored outputs of its training performances.

    None for equal time steps, and without stored outputs of the stage that alignment reads.
    """
    steps, annotated = config.method.stage("timesteps"), [record for record in records if record.phases]
    if not isinstance(steps, TimestepsConfig) or steps.bounds == "equal" or not steps.leading_stage:
        return None
    signals = sorted(_each(annotated, config, cache, Signal.of), key=lambda pair: pair[0].id)
    marked = [(signal, record.phases) for record, signal in signals if isinstance(signal, Signal)]
    return PhaseReferences.fit(steps.bounds, marked) if marked else None


def carried_phases(
    references: PhaseReferences | None, records: Sequence[Record], config: Config, cache: Cache, observer: Observer
) -> Iterator[tuple[Record, CarriedPhases | Failure]]:
    """The phases of records without marks; the stage that alignment reads is extracted first."""
    unmarked = [record for record in records if not record.phases]
    if references is not None and unmarked:
        yield from _each(unmarked, config, cache, lambda channels: references.carry(Signal.of(channels)), observer)


def _each(
    records: Sequence[Record],
    config: Config,
    cache: Cache,
    use: Callable[[Channels], T],
    observer: Observer | None = None,
) -> Iterator[tuple[Record, T | Failure]]:
    """`use` applied to each record's primary agent; without an observer, from stored outputs alone."""
    steps = config.method.stage("timesteps")
    assert isinstance(steps, TimestepsConfig)
    read = (steps.leading_stage,)
    stage, planner = Timesteps(steps, StageFiles()), Planner(config, cache, stages=read, retry_failed=True)
    plans = (plan if observer else plan.idle() for plan in planner.plan_all(records))
    for result, outputs in run(plans, config.machine, cache, observer or SILENT, read=read):
        made: T | Failure
        try:
            made = outputs if isinstance(outputs, Failure) else use(stage.primary(outputs))
        except DataError as error:  # such as an agent that is never observed
            made = Failure.of(error, "timesteps", result.record)
        yield result.record, made
