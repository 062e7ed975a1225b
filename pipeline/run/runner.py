"""Runs a plan: one decode per group of stages; outputs and failures go into the cache.

An output of an earlier stage that cannot be read is computed again before the stage that reads it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.errors import AimError, CacheError, Cancelled, ChangedError, DataError, StorageError, VideoError, printable
from data.store import StageOutput, fetched
from data.video import Record
from extractors.base import Extractor
from pipeline.cache import UNREADABLE, Cache, fingerprints, open_cache, stamps, unreadable
from pipeline.run.decode_pass import DecodePass, StageFrames, StageSource, map_pictures, trim_heap
from pipeline.run.failures import is_crash, temporary_failure
from pipeline.run.plan import Plan, Step
from pipeline.run.worker_pool import LimitExceeded, Report, WorkerLost
from pipeline.settings.config import Config, validate
from pipeline.settings.stages import needed_inputs, stage_class

AGAIN = "Type the same command again"

REPORT_SECONDS = 0.2
"""How often a worker reports progress."""


@dataclass
class Result:
    """The outcome of one record.

    Attributes:
        done: stages that ran, with their seconds.
        failed: stages that did not give an output, with one line why.
        skipped: stages whose output was there.
        frames: number of frames of the video, 0 where no stage asked for them.
        cancelled: the user asked to stop before all was done.
        lost: why the workers of the record ended by themselves, else empty.
    """

    record: Record
    done: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    frames: int = 0
    cancelled: bool = False
    lost: str = ""


class UpstreamError(Exception):
    """The output of the stage `stage` is needed and cannot be read."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class Upstream(Mapping[str, StageOutput]):
    """Outputs of earlier stages by stage. Each is read anew when a stage asks for it, so that none stays in memory."""

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

    def __init__(self, config: Config, cache: Cache, stop: threading.Event | None = None) -> None:
        self.cache = cache
        self.stop = stop or threading.Event()
        self._configs = config.stage_configs
        self._extractors: dict[str, Extractor[Any]] = {}

    def run(self, plan: Plan, progress: StageFrames | None = None) -> Result:
        """Run the plan's stages; where one fails, those that need it fail too."""
        map_pictures()  # on every run: training in this process sets the opposite
        result = Result(plan.record, skipped=plan.fresh)
        failed = (step for step in plan.steps if step.check.state == "failed" and step.stage not in plan.todo)
        result.failed = {step.stage: step.check.reason for step in failed}
        repaired: set[str] = set()
        todo = {*plan.todo}
        while todo and not result.cancelled:
            ordered = tuple(step.stage for step in plan.steps if step.stage in todo)
            unread = self._run_stages(replace(plan, todo=ordered), result, repaired, progress)
            repaired |= {*unread.values()}
            todo = {*unread, *unread.values()}
        result.skipped = tuple(name for name in result.skipped if name not in result.done)
        return result

    def _run_stages(
        self, plan: Plan, result: Result, repaired: Collection[str], progress: StageFrames | None
    ) -> dict[str, str]:
        """Run stages once; returns those that could not read an output of another stage, with that stage.

        Objects on a store that they read are copied while they run. The fingerprint of a copy is that of the bytes that
        are decoded, so a change of the object is noticed.
        """
        reads = {name: set(stage_class(name).reads) for name in plan.todo}
        wanted = {kind: file for kind, file in plan.record.remote.items() if any(kind in one for one in reads.values())}
        job = _Job(self, plan.record, {}, result, repaired)
        with ExitStack() as stack:
            try:
                copies = stack.enter_context(fetched(wanted, self.stop)) if wanted else {}
            except Cancelled:
                result.cancelled = True
                return {}
            except StorageError as error:
                result.failed |= {name: str(error) for name in plan.todo if reads[name] & set(wanted)}
                plan = replace(plan, todo=tuple(name for name in plan.todo if name not in result.failed))
            else:
                if plan.record.remote:
                    paths = {kind: path for kind, (path, _) in copies.items()}
                    job.contents = {kind: content for kind, (_, content) in copies.items()}
                    job.origins = {printable(path): wanted[kind].url for kind, path in paths.items()}
                    video = paths.pop("video", None)
                    sidecars = {**plan.record.sidecars, **paths}
                    job.record = replace(plan.record, path=video, sidecars=sidecars, remote={})
            job.run(plan, progress)
        return job.unread

    def extractor(self, stage: str) -> Extractor[Any]:
        """The stage's extractor, made once."""
        if stage not in self._extractors:
            self._extractors[stage] = stage_class(stage)(self._configs[stage])
        return self._extractors[stage]


@dataclass
class _Job:
    """The stages of one record of local files.

    Attributes:
        contents: fingerprints of the inputs by kind; at first only those of copies.
        repaired: stages whose outputs were computed again because they could not be read.
        origins: address of each copied input by its path, for messages.
        unread: stages that could not read an output, with the stage of that output.
        first_stamps: stamps of the inputs before their content is read.
    """

    runner: PlanRunner
    record: Record
    contents: dict[str, str]
    result: Result
    repaired: Collection[str]
    origins: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    first_stamps: Mapping[str, str | None] = field(default_factory=dict)

    def run(self, plan: Plan, progress: StageFrames | None) -> None:
        """Run the stages in groups that share one decode."""
        stop = self.runner.stop
        self.first_stamps = stamps(self.record)  # before the content is read: a later change shows at the end
        self.contents = fingerprints(self.record, self.runner.cache, self.contents)
        for wave in plan.waves():
            if stop.is_set():
                self.result.cancelled = True
                return
            runnable = [step for step in wave if self._can_run(step)]
            if not runnable:
                continue
            names = [step.stage for step in runnable]
            shared = DecodePass(self.record, names, stop, progress)
            threads = [
                threading.Thread(target=self._run_step, args=(shared, step), name=step.stage, daemon=True)
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

    def _can_run(self, step: Step) -> bool:
        """Whether a step has something to do and can do it; else the result says why not."""
        stage, upstream, failed = step.stage, step.computation.upstream, self.result.failed
        if blocked := [name for name in upstream if name in failed]:
            failed[stage] = f"needs {blocked[0]}, which failed"
        elif waits := [name for name in upstream if name in self.unread]:
            self.unread[stage] = self.unread[waits[0]]
        elif changed := [
            kind for kind, content in step.computation.inputs.items() if self.contents.get(kind) != content
        ]:
            error = ChangedError(f"the {changed[0]} file changed since the run began", fix=AGAIN)
            failed[stage] = self._keep_failure(step, error)
        elif step.check.state != "fresh" and self.runner.cache.has(stage, self.record.id, step.computation.key):
            self.result.skipped += (stage,)  # another process, or a worker that was lost, has written it
        else:
            return True
        return False

    def _run_step(self, shared: DecodePass, step: Step) -> None:
        start, name, record, result = time.perf_counter(), step.stage, self.record, self.result
        try:
            for kind in needed_inputs(name):
                if kind not in record.files():
                    fix = f"Add the file, or leave '{name}' out of `stages`"
                    raise DataError(f"no {kind} file", where=record.id, fix=fix)
            upstream = Upstream(step.computation.upstream, lambda stage: self._read(step, stage))
            extractor = self.runner.extractor(name)
            output = extractor.extract(StageSource(shared, name, upstream))
            if damage := shared.damage:
                output = replace(output, quality={**output.quality, **damage})
            if self.first_stamps != stamps(record):
                raise ChangedError("the input changed while it was read", fix=AGAIN)
            promise = extractor.promise(extractor.config, shared.frame_count)
            self.runner.cache.write(step.computation, record, output, promise)
            result.done[name] = time.perf_counter() - start
        except Cancelled:
            result.cancelled = True
        except UpstreamError as error:
            self.unread[name] = error.stage
        except Exception as error:  # noqa: BLE001 -- one bad video is skipped and reported, whatever went wrong
            result.failed[name] = self._keep_failure(step, error)
        finally:
            result.frames = max(result.frames, shared.frame_count)
            shared.leave(name)

    def _read(self, step: Step, name: str) -> StageOutput:
        """The output of an earlier stage. Raises UpstreamError if it must be computed again, CacheError if it was."""
        try:
            return self.runner.cache.read(name, self.record.id, step.computation.upstream[name]).output
        except UNREADABLE as error:
            if name in self.repaired or name in self.result.done:
                raise CacheError(f"the output of {name} cannot be used ({unreadable(error)})", fix=AGAIN) from error
            raise UpstreamError(name) from error

    def _keep_failure(self, step: Step, error: BaseException) -> str:
        """Keep a failure in the cache, unless the moment is at fault; returns one line why."""
        if isinstance(error, AimError) and error.where is not None:
            error.where = self.origins.get(error.where, error.where)
        temporary = temporary_failure(error, self.record)
        if temporary is not None:
            return temporary
        try:
            return str(self.runner.cache.record_failure(step.computation, self.record, error)["what"])
        except OSError as disk:
            return f"{error} (and the failure could not be written: {disk.strerror})"


def start_worker(values: dict[str, Any], root: Path, stop: threading.Event) -> Callable[[Plan, Report], Result]:
    """The function that runs plans in a worker, from a dumped configuration and the cache's place."""
    config = validate(values)
    cache = open_cache(root, config.machine.storage.reach())
    runner = PlanRunner(config, cache, stop)

    def run(plan: Plan, report: Report) -> Result:
        last_report = 0.0

        def progress(done: int, total: int, stages: tuple[str, ...]) -> None:
            nonlocal last_report
            if done == total or time.monotonic() - last_report > REPORT_SECONDS:
                last_report = time.monotonic()
                report(done, total, stages)

        result = runner.run(plan, progress)
        cache.index.flush()
        return result

    return run


def lost_result(plan: Plan, cache: Cache, loss: WorkerLost) -> Result:
    """The result of a record that lost its workers: stages with an output are done, the others failed.

    Only a crash is kept as the video's failure; a kill from outside, or a limit, may not occur again.
    """
    reason = str(loss)
    result = Result(plan.record, skipped=plan.fresh, lost="" if isinstance(loss, LimitExceeded) else reason)
    error = VideoError(reason, where=plan.record.id, fix="Run `extract --retry-failed` to try it again")
    for step in plan.steps:
        if step.stage not in plan.todo:
            continue
        if cache.has(step.stage, plan.record.id, step.computation.key):
            result.done[step.stage] = 0.0
            continue
        result.failed[step.stage] = reason
        if not step.computation.upstream and is_crash(reason):
            with suppress(OSError):
                cache.record_failure(step.computation, plan.record, error)
    return result
