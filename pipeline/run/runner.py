"""Runs the plan of one record: one decode per group of stages; outputs and failures go into the cache."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.errors import AimError, Cancelled, StorageError, VideoError, WorkerLost, printable
from data.stage_files import StageFiles
from data.store import StageOutput, fetched
from data.video import Record
from extractors.base import Extractor
from pipeline.cache import UNREADABLE, Cache, check_inputs, input_hashes, stamps, unusable
from pipeline.cache.failure import KEPT, Failure
from pipeline.run.decode_pass import DecodePass, map_pictures, trim_heap
from pipeline.run.plan import Plan, PlannedStage, needs
from pipeline.settings.stages import stage_class, stage_name


@dataclass
class Result:
    """The outcome of one record.

    Attributes:
        keys: key of every planned output by stage.
        todo: stages that were planned to run.
        done: stages that ran, with their seconds.
        failed: stages without an output, with the reason.
        skipped: stages whose output existed.
        frames: number of frames of the video, 0 if no stage requested them.
        cancelled: the user stopped the run before its end.
    """

    record: Record
    keys: Mapping[str, str] = field(default_factory=dict)
    todo: tuple[str, ...] = ()
    done: dict[str, float] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    frames: int = 0
    cancelled: bool = False

    @property
    def stored(self) -> Mapping[str, str]:
        """The keys of stored outputs; returns `keys` itself if possible, to save memory for a million records."""
        there = {*self.skipped, *self.done}
        if len(there) == len(self.keys):
            return self.keys
        return {stage: key for stage, key in self.keys.items() if stage in there}

    @property
    def fault(self) -> str:
        """The first failure in a line with the video and the stage, or ""."""
        return next((f"{self.record.name} [{stage}] {why.cause}" for stage, why in self.failed.items()), "")


class Upstream(Mapping[str, StageOutput]):
    """Outputs of earlier stages by stage. Each is read on every access, so that none stays in memory.

    Raises CacheError for an unreadable output.
    """

    def __init__(self, cache: Cache, video_id: str, keys: Mapping[str, str]) -> None:
        self._cache, self._video_id, self._keys = cache, video_id, keys

    def __getitem__(self, name: str) -> StageOutput:
        key = self._keys[name]
        try:
            return self._cache.read(name, self._video_id, key).output
        except UNREADABLE as error:
            raise unusable(name, error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, name: object) -> bool:
        return name in self._keys


def result_of(plan: Plan) -> Result:
    """The outcome before a stage has run."""
    failed = {name: failure for name, failure in plan.faults().items() if name not in plan.todo}
    return Result(plan.record, plan.keys(), plan.todo, failed=failed, skipped=tuple(plan.stored()))


class PlanRunner:
    """Runs one plan after the other. Holds one extractor per stage, so that models load once.

    `stop` ends the work. `tell` is called with (frames done, frames to do, working stages); with 0 frames to do, these
    stages begin. `stages` are those of `outside_stages`, which a worker process also imports.
    """

    def __init__(
        self, cache: Cache, stop: threading.Event, tell: Callable[..., None], stages: Collection[str] = ()
    ) -> None:
        for name in stages:
            stage_name(name)
        self.cache, self.stop, self.tell = cache, stop, tell
        self._extractors: dict[str, Extractor[Any]] = {}

    def __call__(self, plan: Plan) -> Result:
        """Run the plan's stages; if one fails, stages that need it fail too.

        Inputs on a store are copied while the stages run. A copy's fingerprint is that of the decoded bytes, so a
        changed object is noticed.
        """
        map_pictures()  # on every run: training in this process sets the opposite
        record, reads = plan.record, {name: stage_class(name).reads for name in plan.todo}
        self.result, copies = result_of(plan), dict[str, tuple[Path, str]]()  # path and fingerprint by kind
        wanted = {kind: file for kind, file in record.remote.items() if any(kind in kinds for kinds in reads.values())}
        with ExitStack() as stack:
            try:
                copies |= stack.enter_context(fetched(wanted, self.stop)) if wanted else {}
            except Cancelled:
                self.result.cancelled = True
                return self.result
            except StorageError as error:
                lost = [name for name in plan.todo if reads[name] & set(wanted)]
                self.result.failed |= {name: Failure.of(error, name, record) for name in lost}
            paths = {kind: path for kind, (path, _) in copies.items()}
            self._origins = {printable(path): record.remote[kind].url for kind, path in paths.items()}  # for messages
            if record.remote:
                video = paths.pop("video", None)
                record = replace(record, path=video, sidecars={**record.sidecars, **paths}, remote={})
            self.record = record
            self._first_stamps = stamps(self.record)  # before the content is read: a later change shows at the end
            self._contents = input_hashes(record, self.cache, {kind: content for kind, (_, content) in copies.items()})
            self._run(plan)
        self.result.skipped = tuple(name for name in self.result.skipped if name not in self.result.done)
        self.cache.index.flush()
        return self.result

    def extractor(self, planned: PlannedStage) -> Extractor[Any]:
        """The stage's extractor, made once for plans with equal settings."""
        made = self._extractors.get(planned.name)
        if made is None or made.config != planned.settings:
            made = self._extractors[planned.name] = stage_class(planned.name)(planned.settings, StageFiles())
        return made

    def _run(self, plan: Plan) -> None:
        """Run the stages in groups that share one decode; write each output when its stage ends."""
        record, result = self.record, self.result
        for wave in plan.waves():
            if self.stop.is_set():
                result.cancelled = True
                return
            steps = {planned.name: planned for planned in wave if self._can_run(planned)}
            if not steps:
                continue
            self.tell(0, 0, tuple(steps))
            work = {
                name: (self.extractor(planned).extract, Upstream(self.cache, record.id, planned.parts.upstream))
                for name, planned in steps.items()
            }
            shared, start = DecodePass(record, self.stop, self.tell), time.perf_counter()
            for name, output in shared.outputs(work):
                try:
                    if isinstance(output, BaseException):
                        raise output
                    output = replace(output, quality={**output.quality, **shared.damage})
                    if self._first_stamps != stamps(self.record):  # a new hard link changes stamps too
                        check_inputs(steps[name].parts, self.record)
                    extractor = self.extractor(steps[name])
                    promise = extractor.promise(extractor.config, shared.frame_count)
                    self.cache.write(steps[name].parts, record, output, promise)
                    result.done[name] = time.perf_counter() - start
                except Cancelled:
                    result.cancelled = True
                except Exception as error:  # noqa: BLE001 -- a bad video is skipped and reported, whatever the error
                    result.failed[name] = self._failure(steps[name], error)
                del output
            result.frames = max(result.frames, shared.frame_count)
            trim_heap()

    def _can_run(self, planned: PlannedStage) -> bool:
        """Whether a stage has to and can run; else the result says why not."""
        stage, result, contents = planned.name, self.result, self._contents
        inputs, there = planned.parts.inputs, {*result.skipped, *result.done}
        if stage in result.failed:
            return False
        if blocked := [name for name in planned.parts.upstream if name in result.failed]:
            result.failed[stage] = needs(stage, blocked[0])
        elif changed := [k for k, content in inputs.items() if content != contents.get(k)]:
            result.failed[stage] = Failure("changed", stage, f"the {changed[0]} file changed since the run began")
        elif planned.state != "fresh" and self.cache.has(stage, self.record.id, planned.parts.key):
            result.skipped += (stage,)  # another process, or a lost worker, has written it
        else:
            return there.issuperset(planned.parts.upstream)  # else the user has stopped one of them
        return False

    def _failure(self, planned: PlannedStage, error: Exception) -> Failure:
        """The failure of a stage; the cache keeps it if the content or a bug explains it.

        A failing disk or a copy in progress also looks like bad content, so the content is read once more.
        """
        if isinstance(error, AimError) and error.where is not None:
            error.where = self._origins.get(error.where, error.where)
        failure = Failure.of(error, planned.name, self.result.record)
        if failure.kind in KEPT:
            try:
                check_inputs(planned.parts, self.record)
                if self._first_stamps != stamps(self.record):  # the file may have been incomplete before
                    return Failure("changed", planned.name, "the input changed while it was read")
                self.cache.keep_failure(planned.parts, self.record, failure, error)
            except VideoError as other:
                return Failure.of(other, planned.name, self.result.record)
            except OSError as disk:
                return replace(failure, cause=f"{failure.cause} (and the failure could not be kept: {disk.strerror})")
        return failure


def lost_result(cache: Cache, plan: Plan, loss: WorkerLost) -> Result:
    """The result of a record that lost its workers: stages with an output are done, the others failed.

    Only a crash is kept as the video's failure; a kill from outside or a limit may not recur.
    """
    result = result_of(plan)
    for planned in plan.stages:
        if planned.name not in plan.todo:
            continue
        if cache.has(planned.name, plan.record.id, planned.parts.key):
            result.done[planned.name] = 0.0
            continue
        failure = result.failed[planned.name] = Failure.of(loss, planned.name)
        if not planned.parts.upstream and failure.kind in KEPT:
            with suppress(OSError, VideoError):
                check_inputs(planned.parts, plan.record)
                cache.keep_failure(planned.parts, plan.record, failure)
    return result
