"""Plans: which stages of a record are fresh, stale, missing or failed in a configuration, and which will run."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from data.errors import DataError
from data.stage_files import StageFiles
from data.store import Siblings
from data.video import Record
from extractors.base import StageConfig
from pipeline.cache import Cache, KeyParts, StageDescription, State, input_hashes
from pipeline.cache.failure import Failure
from pipeline.settings.config import Config
from pipeline.settings.stages import needed_inputs, outside_stages, stage_class

REMOTE_THREADS = 8
"""Number of records planned in parallel if the cache or inputs are on a store."""


@dataclass(frozen=True)
class PlannedStage:
    """One stage of one record.

    Attributes:
        settings: all settings of the computation; the key covers a part.
        state, reason: whether the stored output is usable, and why not.
        wanted: the output is requested directly, not only by a later stage.
        due: the stage runs if its output is needed: it has no usable output, or is forced.
    """

    parts: KeyParts
    settings: StageConfig
    state: State
    reason: Failure | None
    wanted: bool
    due: bool

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.parts.stage

    @property
    def kind_of_work(self) -> str:
        """Equal for units of work with about the same duration: the stage and its networks."""
        return f"{self.name} {json.dumps(self.parts.identity, sort_keys=True)}"


@dataclass(frozen=True)
class Plan:
    """All stages of one record, in order."""

    record: Record
    stages: tuple[PlannedStage, ...]

    @cached_property
    def todo(self) -> tuple[str, ...]:
        """The stages that will run: requested stages, and those that they need.

        A missing output stays missing if all outputs that need it are fresh.
        """
        chosen: list[PlannedStage] = []
        for planned in reversed(self.stages):
            if planned.due and (planned.wanted or any(planned.name in needing.parts.upstream for needing in chosen)):
                chosen.append(planned)
        return tuple(planned.name for planned in reversed(chosen))

    def keys(self) -> dict[str, str]:
        """Key of every output by stage."""
        return {planned.name: planned.parts.key for planned in self.stages}

    def stored(self) -> dict[str, str]:
        """Key of every usable output by stage."""
        return {planned.name: planned.parts.key for planned in self.stages if planned.state == "fresh"}

    def faults(self) -> dict[str, Failure]:
        """Why stages have no output, by stage, causes first: a missing input, a failure, or a failed earlier stage."""
        failed = {
            planned.name: planned.reason
            for planned in self.stages
            if planned.reason is not None and planned.state == "failed"
        }
        for planned in self.stages:
            blocked = [name for name in planned.parts.upstream if name in failed]
            if blocked and planned.state != "fresh":
                failed.setdefault(planned.name, needs(planned.name, blocked[0]))
        return failed

    def states(self) -> Iterator[tuple[str, State, Failure | None]]:
        """Name, state and reason of every stage for `status`; a stage that needs a failed one has failed too."""
        blocked = self.faults()
        for planned in self.stages:
            state, reason = planned.state, planned.reason
            if state in ("missing", "stale") and planned.name in blocked:
                state, reason = "failed", blocked[planned.name]
            yield planned.name, state, reason

    def cause(self) -> Failure:
        """State and reason of the first stage that is not fresh."""
        state, reason = next((state, reason) for _, state, reason in self.states() if reason is not None)
        return replace(reason, cause=f"{reason.stage} {state}: {reason.cause}")

    def idle(self) -> Plan:
        """The same plan without requested outputs, so that no stage runs."""
        return replace(self, stages=tuple(replace(planned, wanted=False) for planned in self.stages))

    def stage(self, name: str) -> PlannedStage:
        """The stage with this name."""
        return next(planned for planned in self.stages if planned.name == name)

    def again(self, cache: Cache, names: Container[str], done: Container[str] = ()) -> Plan:
        """The plan for the outputs that exist now; outputs of stages in `names` are requested too.

        A forced stage is due until it is `done`.
        """
        stages = list[PlannedStage]()
        for planned in self.stages:
            planned = replace(planned, wanted=planned.wanted or planned.name in names)
            if planned.state != "failed":  # earlier failures stay
                state, reason = cache.freshness(planned.parts, self.record.id)
                forced = planned.due and planned.state == "fresh" and planned.name not in done
                due = forced or state in ("missing", "stale")
                planned = replace(planned, state=state, reason=reason, due=due)
            stages.append(planned)
        return replace(self, stages=tuple(stages))

    def waves(self) -> Iterator[list[PlannedStage]]:
        """The stages that will run, in groups that share one decode: no stage needs another of its group."""
        waiting = [planned for planned in self.stages if planned.name in self.todo]
        while waiting:
            pending = {planned.name for planned in waiting}
            yield [planned for planned in waiting if not pending & set(planned.parts.upstream)]
            waiting = [planned for planned in waiting if pending & set(planned.parts.upstream)]


def needs(stage: str, other: str) -> Failure:
    """The failure of a stage that needs a failed stage's output."""
    return Failure("upstream", stage, f"needs {other}, which failed")


class Planner:
    """Plans records for one configuration.

    Args:
        stages: only these stages, and those that they need; default: the configuration's.
        force: rerun requested stages even if fresh.
        retry_failed: retry stages that failed with the same settings and input.

    `stages` has the settings of all planned stages by name; `descriptions` has what their outputs depend on. Raises
    UsageError as `Config.with_upstream`.
    """

    def __init__(
        self,
        config: Config,
        cache: Cache,
        *,
        stages: Sequence[str] = (),
        force: bool = False,
        retry_failed: bool = False,
    ) -> None:
        self.stages = config.with_upstream(stages)
        self.descriptions = {name: _described(name, settings) for name, settings in self.stages.items()}
        self._wanted = tuple(stages) or tuple(self.stages)
        self._cache, self._force, self._retry_failed = cache, force, retry_failed
        self._upstream = {name: stage_class(name).upstream(settings) for name, settings in self.stages.items()}

    def plan(self, record: Record, siblings: Siblings | None = None) -> Plan:
        """The stages of one record; reads no outputs. `siblings` is `Cache.siblings` for many records.

        A stage fails if an input is missing, or if it cannot find further files of the record.
        """
        stages: list[PlannedStage] = []
        more: dict[str, Mapping[str, Path | str]] = {}
        absent: dict[str, Failure] = {}
        for name, settings in self.stages.items():
            try:
                more[name] = stage_class(name).reads_of(settings, record, StageFiles())
            except DataError as error:
                more[name], absent[name] = {}, Failure.of(error, name, record)
            files = {kind: source for kind, source in more[name].items() if isinstance(source, Path)}
            if files:
                record = replace(record, sidecars={**record.sidecars, **files})
        for name in self.stages:
            if lacking := record.lacking(needed_inputs(name)):
                fix = "Add the file. To extract without it, name other stages with --stages"
                absent.setdefault(name, Failure("input", name, f"no {lacking[0]} file", fix))
        inputs = input_hashes(record, self._cache)
        keys: dict[str, str] = {}
        for name, settings in self.stages.items():
            reads = {kind: inputs[kind] for kind in (*stage_class(name).reads, *more[name]) if kind in inputs}
            upstream = {other: keys[other] for other in self._upstream[name]}
            stage = self.descriptions[name]
            identity = {
                **stage.identity,
                **{kind: value for kind, value in more[name].items() if isinstance(value, str)},
            }
            if record.rate and record.frames is None and "video" in stage_class(name).reads:
                identity["frames_per_s"] = str(record.rate)
            parts = KeyParts(name, stage.version, stage.settings, identity, reads, upstream)
            keys[name] = parts.key
            if (failure := absent.get(name)) is not None:
                stages.append(PlannedStage(parts, settings, "failed", failure, wanted=False, due=False))
                continue
            (state, reason), wanted = self._cache.freshness(parts, record.id, siblings), name in self._wanted
            again = (self._force and wanted) or (self._retry_failed and state == "failed")
            stages.append(PlannedStage(parts, settings, state, reason, wanted, again or state in ("missing", "stale")))
        return Plan(record, tuple(stages))

    def plan_all(self, records: Sequence[Record]) -> Iterator[Plan]:
        """The stages of many records, in order; records on a store are planned in parallel."""
        plan = partial(self.plan, siblings=self._cache.siblings(len(records) * len(self.stages)))
        if not self._cache.on_store and not any(record.remote for record in records):
            yield from map(plan, records)
            return
        # Not `run_items`: the order matters, and threads only wait for the store.
        with ThreadPoolExecutor(REMOTE_THREADS) as threads:
            yield from threads.map(plan, records)


def _described(name: str, settings: StageConfig) -> StageDescription:
    """Version, settings and identity of a stage, which determine its outputs."""
    stage = stage_class(name)
    class_path = outside_stages().get(name)
    identity = {**stage.identity(settings, StageFiles()), **({} if class_path is None else {"stage": class_path})}
    return StageDescription(stage.version, settings.result_settings(), identity)
