"""Runs a plan: one decode per group of stages; outputs and failures go into the cache."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from data.errors import AimError, Cancelled, ChangedError, DataError, StorageError, printable
from data.store import StageOutput, fetched
from data.video import Record
from extractors.base import Extractor
from pipeline.cache import UNREADABLE, Cache, fingerprints, stamps, unreadable
from pipeline.config import BaseConfig
from pipeline.extract.decode_pass import DecodePass, StageFrames, StageSource, map_pictures, trim_heap
from pipeline.extract.failures import temporary_failure
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
        self._origins: Mapping[str, str] = {}  # address of each copied input by its path, for messages

    def run(self, plan: Plan, progress: StageFrames | None = None) -> Result:
        """Run the plan's stages; a stage that fails is left out with those that need it.

        Objects that they read are copied while they run. The fingerprint of a copy is computed from the bytes that are
        decoded, so that a change of the object is noticed.
        """
        map_pictures()  # each time: training in this process wants the contrary
        result = Result(plan.record, skipped=plan.fresh)
        failed = (step for step in plan.steps if step.check.state == "failed" and step.stage not in plan.todo)
        result.failed = {step.stage: step.check.reason for step in failed}
        reads = {name: set(stage_class(name).reads) for name in plan.todo}
        wanted = {kind: file for kind, file in plan.record.remote.items() if any(kind in one for one in reads.values())}
        record = plan.record
        contents: dict[str, str] = {}
        self._origins = {}
        with ExitStack() as stack:
            try:
                copies = stack.enter_context(fetched(wanted, self.stop)) if wanted else {}
            except Cancelled:
                result.cancelled = True
                return result
            except StorageError as error:
                result.failed |= {name: str(error) for name in plan.todo if reads[name] & set(wanted)}
                plan = replace(plan, todo=tuple(name for name in plan.todo if name not in result.failed))
            else:
                if record.remote:
                    paths = {kind: path for kind, (path, _) in copies.items()}
                    contents = {kind: content for kind, (_, content) in copies.items()}
                    self._origins = {printable(path): wanted[kind].url for kind, path in paths.items()}
                    video = paths.pop("video", None)
                    record = replace(record, path=video, sidecars={**record.sidecars, **paths}, remote={})
            self._run_waves(plan, record, contents, result, progress)
        return result

    def _run_waves(
        self, plan: Plan, record: Record, contents: dict[str, str], result: Result, progress: StageFrames | None
    ) -> None:
        """Run the stages on a record of local files; `contents` are the fingerprints of copied ones by kind."""
        first_stamps = stamps(record)  # before the content is read: a later change shows at the end
        contents = fingerprints(record, self.cache, contents)
        for wave in plan.waves():
            if self.stop.is_set():
                result.cancelled = True
                return
            obstacles = {step.stage: self._obstacle(step, record, contents, result) for step in wave}
            result.failed |= {stage: why for stage, why in obstacles.items() if why}
            runnable = [step for step in wave if not obstacles[step.stage]]
            if not runnable:
                continue
            names = [step.stage for step in runnable]
            shared = DecodePass(record, names, self.stop, progress)
            threads = [
                threading.Thread(
                    target=self._run_step, args=(shared, step, result, first_stamps), name=step.stage, daemon=True
                )
                for step in runnable
            ]
            if progress is not None:
                progress(0, 0, tuple(names))
            for thread in threads:
                thread.start()
            shared.run()
            for thread in threads:
                thread.join()
            trim_heap()

    def _obstacle(self, step: Step, record: Record, contents: Mapping[str, str], result: Result) -> str:
        """Why a step cannot run: a stage before it failed, or its output would carry the wrong key; else empty."""
        if blocked := [name for name in step.computation.upstream if name in result.failed]:
            return f"needs {blocked[0]}, which failed"
        if changed := [kind for kind, content in step.computation.inputs.items() if contents.get(kind) != content]:
            error = ChangedError(f"the {changed[0]} file changed since the run began", fix=AGAIN)
            return self._keep_failure(step, record, error)
        return ""

    def _run_step(self, shared: DecodePass, step: Step, result: Result, first_stamps: Mapping[str, str | None]) -> None:
        start, name, record = time.perf_counter(), step.stage, shared.record
        try:
            for kind in needed_inputs(name):
                if kind not in record.files():
                    fix = f"Add the file, or leave '{name}' out of `stages`"
                    raise DataError(f"no {kind} file", where=record.id, fix=fix)
            if name not in self._extractors:
                self._extractors[name] = stage_class(name)(self._configs[name])
            upstream = Upstream(step.computation.upstream, lambda stage: self._read(step, stage, record, result))
            output = self._extractors[name].extract(StageSource(shared, name, upstream))
            if shared.damaged_packets:
                output = replace(output, quality={**output.quality, "damaged_packets": shared.damaged_packets})
            if first_stamps != stamps(record):
                raise ChangedError("the input changed while it was read", fix=AGAIN)
            promise = stage_class(name).promise(self._configs[name], shared.frame_count)
            self.cache.write(step.computation, record, output, promise)
            result.done[name] = time.perf_counter() - start
        except Cancelled:
            result.cancelled = True
        except Exception as error:  # noqa: BLE001 -- one bad video is skipped and reported, whatever went wrong
            result.failed[name] = self._keep_failure(step, record, error)
        finally:
            result.frames = max(result.frames, shared.frame_count)
            shared.leave(name)

    def _read(self, step: Step, name: str, record: Record, result: Result) -> StageOutput:
        try:
            return self.cache.read(name, record.id, step.computation.upstream[name]).output
        except UNREADABLE as error:
            result.retry = True
            why = f"the cached output of {name} cannot be used ({unreadable(error)})"
            raise ChangedError(why, fix=AGAIN) from error

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
