"""Reads the signals of performances from the cache: those of annotated ones for a model, and those of new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from data.errors import DataError
from data.video import Record
from extractors.timesteps import TimestepsConfig
from extractors.timesteps.channels import Channels
from extractors.timesteps.stage import Timesteps
from pipeline.cache.failure import Failure
from pipeline.observer import SILENT, Observer
from pipeline.phases.alignment import CarriedPhases, PhaseReferences, Signal
from pipeline.run import Planner, run

T = TypeVar("T")


def phases_of_model(planner: Planner, records: Sequence[Record]) -> PhaseReferences | None:
    """The references of a model from the stored outputs of its training performances.

    None for equal time steps, and where no output of the stage that alignment reads is stored.
    """
    config, annotated = planner.configs["timesteps"], [record for record in records if record.phases]
    if not isinstance(config, TimestepsConfig) or config.bounds == "equal" or not config.leading_stage:
        return None
    signals = sorted(_each(planner, annotated, Signal.of), key=lambda pair: pair[0].id)
    marked = [(signal, record.phases) for record, signal in signals if isinstance(signal, Signal)]
    return PhaseReferences.fit(config.bounds, marked) if marked else None


def carried_phases(
    references: PhaseReferences | None, planner: Planner, records: Sequence[Record], observer: Observer
) -> Iterator[tuple[Record, CarriedPhases | Failure]]:
    """The phases of records without marks; the stage that alignment reads is extracted first."""
    unmarked = [record for record in records if not record.phases]
    if references is not None and unmarked:
        yield from _each(planner, unmarked, lambda channels: references.carry(Signal.of(channels)), observer)


def _each(
    planner: Planner, records: Sequence[Record], use: Callable[[Channels], T], observer: Observer | None = None
) -> Iterator[tuple[Record, T | Failure]]:
    """What `use` makes of each record's primary agent; without an observer from stored outputs alone."""
    config = planner.configs["timesteps"]
    assert isinstance(config, TimestepsConfig)
    first = Planner(planner.config, planner.cache, stages=(config.leading_stage,), retry_failed=planner.retry_failed)
    stage, plans = Timesteps(config, planner.files), first.plan_all(records)
    plans = plans if observer else (plan.idle() for plan in plans)
    for result, outputs in run(plans, first, observer or SILENT, read=first.wanted):
        made: T | Failure
        try:
            made = outputs if isinstance(outputs, Failure) else use(stage.primary(outputs))
        except DataError as error:  # such as an agent that is never observed
            made = Failure.of(error, "timesteps", result.record)
        yield result.record, made
