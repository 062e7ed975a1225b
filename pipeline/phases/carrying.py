"""Reads the signals of performances from the cache: those of annotated ones for a model, and those of new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from data.errors import DataError
from data.video import Record
from extractors.timesteps import TimestepsConfig
from extractors.timesteps.stage import Timesteps
from pipeline.cache.failure import Failure
from pipeline.observer import Observer
from pipeline.phases.alignment import CarriedPhases, PhaseReferences, Signal
from pipeline.run import Outputs, Planner, run


def phases_of_model(planner: Planner, records: Sequence[Record]) -> PhaseReferences | None:
    """The references of a model from the stored outputs of its training performances.

    None for equal time steps, and where no output of the primary agent's stage is stored.
    """
    config = planner.configs["timesteps"]
    if not isinstance(config, TimestepsConfig) or config.bounds == "equal":
        return None
    stage, first = _reading(planner)
    plans = (plan.idle() for plan in first.plan_all([record for record in records if record.phases]))
    made = {}
    for result, outputs in run(plans, first, read=first.wanted):
        with suppress(DataError):  # an agent that is never observed
            if not isinstance(outputs, Failure):
                made[result.record.id] = Signal.of(stage.primary(outputs)), result.record.phases
    return PhaseReferences.fit(config.bounds, [made[name] for name in sorted(made)]) if made else None


def carried_phases(
    references: PhaseReferences, planner: Planner, records: Sequence[Record], observer: Observer
) -> Iterator[tuple[Record, CarriedPhases | Failure]]:
    """The phases of records without marks; the stage that alignment reads is extracted first."""
    stage, first = _reading(planner)
    for result, outputs in run(first.plan_all(records), first, observer, read=first.wanted):
        yield result.record, outputs if isinstance(outputs, Failure) else _carried(references, stage, outputs)


def _reading(planner: Planner) -> tuple[Timesteps, Planner]:
    """The time steps, and a planner of the stage that their primary agent comes from."""
    config = planner.configs["timesteps"]
    assert isinstance(config, TimestepsConfig)
    stages = (config.roles()[0].stage,)
    first = Planner(planner.config, planner.cache, stages=stages, retry_failed=planner.retry_failed)
    return Timesteps(config, planner.files), first


def _carried(references: PhaseReferences, stage: Timesteps, outputs: Outputs) -> CarriedPhases | Failure:
    try:
        return references.carry(Signal.of(stage.primary(outputs)))
    except DataError as error:
        return Failure("input", "timesteps", error.what, error.fix or "")
