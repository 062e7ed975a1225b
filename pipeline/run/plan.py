"""Plans: which stages of a record are fresh, stale, missing or failed under a configuration, and which will run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.store import Siblings
from data.video import Record
from pipeline.cache import UNREADABLE, Cache, Check, Computation, fingerprints
from pipeline.cache.failure import Failure
from pipeline.run.ray_pool import pool_of
from pipeline.run.stage_files import StageFiles
from pipeline.settings.config import Config
from pipeline.settings.stages import needed_inputs, stage_class, with_inputs

REMOTE_THREADS = 8
"""Number of records that are planned in parallel where the cache or inputs are on a store."""


@dataclass(frozen=True)
class Step:
    """One stage of one record: its computation, and whether the stored output can be used."""

    computation: Computation
    check: Check

    @property
    def stage(self) -> str:
        """The stage's name."""
        return self.computation.stage


@dataclass(frozen=True)
class Plan:
    """All steps of one record, in order; `todo` are those that will run."""

    record: Record
    steps: tuple[Step, ...]
    todo: tuple[str, ...]

    @property
    def fresh(self) -> tuple[str, ...]:
        """Stages whose stored output can be used."""
        return tuple(step.stage for step in self.steps if step.check.state == "fresh")

    def keys(self) -> dict[str, str]:
        """Key of every output by stage."""
        return {step.stage: step.computation.key for step in self.steps}

    def faults(self) -> dict[str, Failure]:
        """Why stages have no output, by stage, causes first: a missing input, a failure, or an upstream failure."""
        failed = {step.stage: step.check.failure for step in self.steps if step.check.failure is not None}
        for step in self.steps:
            blocked = [name for name in step.computation.upstream if name in failed]
            if blocked and step.check.state != "fresh":
                failed.setdefault(step.stage, needs(step.stage, blocked[0]))
        return failed

    def states(self) -> Iterator[tuple[str, str, str]]:
        """Stage, state and reason of every step, as `status` shows them; a stage that needs a failed one failed too."""
        blocked = self.faults()
        for step in self.steps:
            state, reason = step.check.state, step.check.reason
            if state in ("missing", "stale") and step.stage in blocked:
                state, reason = "failed", blocked[step.stage].cause
            yield step.stage, state, reason

    def cause(self) -> Failure:
        """State and reason of the first stage that is not fresh, which is not computed by reading alone."""
        stage, state, reason = next(one for one in self.states() if one[1] != "fresh")
        return Failure("missing", stage, f"{stage} {state}: {reason}")

    def idle(self) -> Plan:
        """The same plan, of which no stage will run."""
        return replace(self, todo=())

    def waves(self) -> Iterator[list[Step]]:
        """The steps that will run, in groups that share one decode: no step needs another one of its group."""
        waiting = [step for step in self.steps if step.stage in self.todo]
        while waiting:
            pending = {step.stage for step in waiting}
            yield [step for step in waiting if not pending & set(step.computation.upstream)]
            waiting = [step for step in waiting if pending & set(step.computation.upstream)]


def needs(stage: str, other: str) -> Failure:
    """The failure of a stage that needs another one's output, which failed."""
    return Failure("upstream", stage, f"needs {other}, which failed")


def cannot_run(failure: Failure) -> Check:
    """The check of a stage that cannot run."""
    return Check("failed", failure.cause, failure)


MeasuredPlan = tuple[Plan, dict[str, dict[str, Any]]]
"""A plan, and the quality values of outputs by stage."""


class Planner:
    """Works out what records need under one configuration.

    Args:
        stages: only these stages (those they need are added); default: the configuration's.
        force: run the asked-for stages even where fresh.
        retry_failed: run stages again that failed with the same settings and input.
        fetch: called with a sentence before each download of weights; None: no download.

    `pool` runs the plans, None for this process; the section `run` chooses it.
    Raises UsageError for an unknown stage, or for settings of two stages that do not fit together.
    """

    def __init__(
        self,
        config: Config,
        cache: Cache,
        *,
        stages: Sequence[str] = (),
        force: bool = False,
        retry_failed: bool = False,
        fetch: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self.cache = cache
        self.files = StageFiles()
        self.pool = pool_of(config.machine.run)
        self.configs = config.stage_configs
        self.asked = tuple(stages) or config.method.stages
        self.stages = with_inputs(self.asked, self.configs)
        for name in self.stages:
            stage_class(name).check_inputs(self.configs[name], self.configs)
        self.force = force
        self.retry_failed = retry_failed
        if fetch is not None:
            for name in self.stages:
                stage_class(name).fetch(self.configs[name], self.files, fetch)
        self._fixed = {}
        for name in self.stages:
            stage = stage_class(name)
            settings = self.configs[name].result_settings()
            identity = dict(stage.identity(self.configs[name], self.files))
            self._fixed[name] = stage.version, settings, identity
        self._needs = {name: stage_class(name).inputs(self.configs[name]) for name in self.stages}
        self.reads = frozenset(kind for name in self.stages for kind in needed_inputs(name))

    def plan(self, record: Record, siblings: Siblings | None = None, *, needed: Sequence[str] = ()) -> Plan:
        """The steps of one record; reads no outputs.

        A stage fails where an input is missing, or where it cannot say which further files belong to the record.

        Args:
            siblings: `Cache.siblings` for many records.
            needed: stages that run where they have no output, even if all that need them are fresh.
        """
        steps: list[Step] = []
        more: dict[str, Mapping[str, Path | str]] = {}
        absent: dict[str, Failure] = {}
        for name in self.stages:
            try:
                more[name] = stage_class(name).reads_of(self.configs[name], record, self.files)
            except DataError as error:
                more[name], absent[name] = {}, Failure("input", name, str(error))
            files = {kind: place for kind, place in more[name].items() if isinstance(place, Path)}
            if files:
                record = replace(record, sidecars={**record.sidecars, **files})
        inputs = fingerprints(record, self.cache)
        keys: dict[str, str] = {}
        for name in self.stages:
            reads = {kind: inputs[kind] for kind in (*stage_class(name).reads, *more[name]) if kind in inputs}
            upstream = {need: keys[need] for need in self._needs[name]}
            version, settings, identity = self._fixed[name]
            identity = {**identity, **{kind: value for kind, value in more[name].items() if isinstance(value, str)}}
            if record.rate and record.frames is None and "video" in stage_class(name).reads:
                identity["frames_per_s"] = str(record.rate)
            computation = Computation(name, version, settings, identity, reads, upstream)
            keys[name] = computation.key
            if lacking := self.lacking(record, name):
                absent.setdefault(name, Failure("input", name, lacking[0], f"Add the file, or leave '{name}' out"))
            failure = absent.get(name)
            check = self.cache.check(computation, record.id, siblings) if failure is None else cannot_run(failure)
            steps.append(Step(computation, check))
        todo = self._todo([step for step in steps if step.stage not in absent], (*self.asked, *needed))
        return Plan(record, tuple(steps), todo)

    def lacking(self, record: Record, *stages: str) -> list[str]:
        """The inputs that a record lacks for these stages (default: all), each as "no kinematics file"."""
        needed = {kind for name in stages or self.stages for kind in needed_inputs(name)}
        return [f"no {kind} file" for kind in sorted(needed - {*record.files(), *record.remote})]

    def plan_all(self, records: Sequence[Record]) -> Iterator[Plan]:
        """The steps of many records, in their order; records on a store are planned in parallel."""
        plan = partial(self.plan, siblings=self.cache.siblings(len(records) * len(self.stages)))
        if not self.cache.on_store and not any(record.remote for record in records):
            yield from map(plan, records)
            return
        with ThreadPoolExecutor(REMOTE_THREADS) as pool:
            yield from pool.map(plan, records)

    def measure(self, records: Sequence[Record]) -> list[MeasuredPlan]:
        """The plans of records, each with the quality values of its fresh outputs by stage."""
        plans = list(self.plan_all(records))
        return [
            (plan, self.measures(plan.record, {stage: plan.keys()[stage] for stage in plan.fresh})) for plan in plans
        ]

    def measures(self, record: Record, keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Quality values by stage of the outputs with these keys; unreadable outputs are left out."""
        measured = {}
        for stage, key in keys.items():
            with suppress(*UNREADABLE):
                measured[stage] = self.cache.quality(stage, record.id, key)
        return measured

    def settings_of(self, stage: str) -> dict[str, Any]:
        """Version, settings and identity of a stage and of every stage that it needs, by stage, as JSON types."""
        described = {}
        for name in with_inputs((stage,), self.configs):
            version, settings, identity = self._fixed[name]
            described[name] = {"version": version, "settings": dict(settings), "identity": dict(identity)}
        return described

    def _todo(self, steps: Sequence[Step], wanted: Collection[str]) -> tuple[str, ...]:
        """The stages to run: `wanted` ones without a usable output, and those that they need without one.

        A missing output stays missing where all outputs that need it are fresh.
        """
        by_name = {step.stage: step for step in steps}
        chosen: set[str] = set()
        for step in reversed(steps):
            name = step.stage
            forced = self.force and name in self.asked
            needed = name in wanted or any(name in by_name[c].computation.upstream for c in chosen)
            retried = step.check.state == "failed" and self.retry_failed
            if needed and (forced or retried or step.check.state in ("missing", "stale")):
                chosen.add(name)
        return tuple(step.stage for step in steps if step.stage in chosen)
