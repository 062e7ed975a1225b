"""Runs a plan: one decode per group of stages; outputs and failures go into the cache."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from data.errors import AimError, Cancelled, ChangedError, DataError
from data.store import StageOutput
from data.video import Record
from extractors.base import Extractor
from pipeline.cache import UNREADABLE, Cache, fingerprints, stamps, unreadable
from pipeline.config import BaseConfig
from pipeline.extract.copies import local_copies
from pipeline.extract.decode_pass import DecodePass, StageFrames
from pipeline.extract.failures import temporary_failure
from pipeline.extract.heap import map_pictures, trim_heap
from pipeline.extract.plan import Plan, Step
from pipeline.stages import needed_inputs, stage_class

AGAIN = "Run `extract` again"


@dataclass
class Result:
    """The outcome of one record.

    Attributes:
        record: the performance.
        done: stages that ran, with their seconds.
        failed: stages that did not give an output, with one line why.
        skipped: stages that were fresh.
        frames: frames of the video as far as a stage asked for them, else 0.
        cancelled: the user asked to stop before all was done.
        retry: an output that a stage reads was damaged, removed or replaced meanwhile; a new plan computes it again.
    """

    record: Record
    done: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    frames: int = 0
    cancelled: bool = False
    retry: bool = False


class Upstream(Mapping[str, StageOutput]):
    """Outputs of the stages before, each read when it is asked for, so that none is held longer than it is used."""

    def __init__(self, names: Collection[str], read: Callable[[str], StageOutput]) -> None:
        self._names, self._read = names, read

    def __getitem__(self, name: str) -> StageOutput:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


class PlanRunner:
    """Runs plans in this process. Holds one extractor per stage, so that models load once."""

    def __init__(self, config: BaseConfig, cache: Cache, stop: threading.Event | None = None) -> None:
        self.cache = cache
        self.stop = stop or threading.Event()
        self._configs = config.stage_configs()
        self._extractors: dict[str, Extractor[Any]] = {}
        self._origins: Mapping[str, str] = {}

    def run(self, plan: Plan, progress: StageFrames | None = None) -> Result:
        """Run the plan's stages; a stage that fails is left out with those that need it."""
        map_pictures()  # each time: training in this process wants the contrary
        with local_copies(plan, self.stop) as given:
            self._origins = given.origins
            result = self._run(given.plan, progress, given.contents, given.failed)
        result.cancelled = result.cancelled or given.cancelled
        return replace(result, record=plan.record)

    def _run(
        self, plan: Plan, progress: StageFrames | None, contents: Mapping[str, str] | None, failed: Mapping[str, str]
    ) -> Result:
        """Run a plan of local files; `contents` are the fingerprints of copied files."""
        result = Result(plan.record, skipped=plan.fresh)
        result.failed = {
            s.stage: s.check.reason for s in plan.steps if s.check.state == "failed" and s.stage not in plan.todo
        } | dict(failed)
        first_stamps = stamps(plan.record)  # before the content is read: a later change shows at the end
        contents = fingerprints(plan.record, self.cache, contents)
        for wave in plan.waves():
            if self.stop.is_set():
                result.cancelled = True
                break
            runnable = [step for step in wave if not self._blocked(step, result)]
            runnable = [step for step in runnable if not self._outdated(step, plan.record, contents, result)]
            self._run_wave(plan.record, runnable, result, progress, first_stamps)
        return result

    def _blocked(self, step: Step, result: Result) -> bool:
        failed = [name for name in step.computation.upstream if name in result.failed]
        if failed:
            result.failed[step.stage] = f"needs {failed[0]}, which failed"
        return bool(failed)

    def _outdated(self, step: Step, record: Record, contents: Mapping[str, str], result: Result) -> bool:
        """Whether an input differs from the planned one, so that the output would carry the wrong key."""
        changed = [kind for kind, content in step.computation.inputs.items() if contents.get(kind) != content]
        if changed:
            error = ChangedError(f"the {changed[0]} file changed since the run began", fix=AGAIN)
            result.failed[step.stage] = self._keep_failure(step, record, error)
        return bool(changed)

    def _run_wave(
        self,
        record: Record,
        wave: list[Step],
        result: Result,
        progress: StageFrames | None,
        first_stamps: Mapping[str, str | None],
    ) -> None:
        if not wave:
            return
        shared = DecodePass(record, [step.stage for step in wave], self.stop, progress)
        threads = [
            threading.Thread(
                target=self._run_step, args=(shared, step, result, first_stamps), name=step.stage, daemon=True
            )
            for step in wave
        ]
        if progress is not None:
            progress(0, 0, tuple(step.stage for step in wave))
        for thread in threads:
            thread.start()
        shared.run()
        for thread in threads:
            thread.join()
        trim_heap()

    def _run_step(self, shared: DecodePass, step: Step, result: Result, first_stamps: Mapping[str, str | None]) -> None:
        start = time.perf_counter()
        record = shared.record
        try:
            _require_inputs(record, step)
            upstream = Upstream(step.computation.upstream, lambda name: self._upstream(step, name, record, result))
            output = self._extractor(step.stage).extract(shared.source(step.stage, upstream))
            if first_stamps != stamps(record):
                raise ChangedError("the input changed while it was read", fix=AGAIN)
            promise = stage_class(step.stage).promise(self._configs[step.stage], shared.frame_count)
            self.cache.write(step.computation, record, output, promise)
            result.done[step.stage] = time.perf_counter() - start
        except Cancelled:
            result.cancelled = True
        except Exception as error:  # noqa: BLE001 -- one bad video is skipped and reported, whatever went wrong
            result.failed[step.stage] = self._keep_failure(step, record, error)
        finally:
            result.frames = max(result.frames, shared.frame_count)
            shared.leave(step.stage)

    def _keep_failure(self, step: Step, record: Record, error: BaseException) -> str:
        """One line why. It is kept in the cache unless the moment is at fault: the next run then tries again."""
        if isinstance(error, AimError) and error.where is not None:
            error.where = self._origins.get(error.where, error.where)
        temporary = temporary_failure(error, record)
        if temporary is not None:
            return temporary
        try:
            return str(self.cache.record_failure(step.computation, record, error)["what"])
        except OSError as disk:
            return f"{error} (and the failure could not be written: {disk.strerror})"

    def _upstream(self, step: Step, name: str, record: Record, result: Result) -> StageOutput:
        try:
            return self.cache.read(name, record.id, step.computation.upstream[name]).output
        except UNREADABLE as error:
            result.retry = True
            why = f"the cached output of {name} cannot be used ({unreadable(error)})"
            raise ChangedError(why, fix=AGAIN) from error

    def _extractor(self, name: str) -> Extractor[Any]:
        if name not in self._extractors:
            self._extractors[name] = stage_class(name)(self._configs[name])
        return self._extractors[name]


def _require_inputs(record: Record, step: Step) -> None:
    for kind in needed_inputs(step.stage):
        if kind not in record.files():
            fix = f"Add the file, or leave '{step.stage}' out of `stages`"
            raise DataError(f"no {kind} file", where=record.id, fix=fix)
