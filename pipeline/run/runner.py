"""Runs the plan of one record: one decode per group of stages; outputs and failures go into the cache."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.errors import AimError, Cancelled, ChangedError, StorageError, printable
from data.store import StageOutput, fetched
from data.video import Record
from extractors.base import Extractor
from pipeline.cache import UNREADABLE, Cache, fingerprints, open_cache, stamps, unreadable
from pipeline.cache.failure import Failure
from pipeline.run.decode_pass import DecodePass, StageFrames, StageSource, map_pictures, trim_heap
from pipeline.run.failures import KEPT, failure_of
from pipeline.run.plan import Plan, Step, needs
from pipeline.run.stage_files import StageFiles
from pipeline.run.worker_pool import Tell, WorkerLost
from pipeline.settings.config import Config, validate
from pipeline.settings.stages import stage_class

AGAIN = "Type the same command again"

REPORT_SECONDS = 0.2
"""How often a worker reports progress."""


@dataclass
class Result:
    """The outcome of one record.

    Attributes:
        done: stages that ran, with their seconds.
        failed: stages that did not give an output, with the reason.
        skipped: stages whose output was there.
        unread: stages whose stored output could not be read when another stage asked for it, with the reason in words.
        frames: number of frames of the video, 0 where no stage asked for them.
        cancelled: the user asked to stop before all was done.
    """

    record: Record
    done: dict[str, float] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    unread: dict[str, str] = field(default_factory=dict)
    frames: int = 0
    cancelled: bool = False


class UpstreamError(Exception):
    """The output of another stage is needed and cannot be read."""


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
        """Run the plan's stages; where one fails, those that need it fail too.

        Objects on a store that they read are copied while they run. The fingerprint of a copy is that of the bytes that
        are decoded, so a change of the object is noticed.
        """
        map_pictures()  # on every run: training in this process sets the opposite
        kept = {name: failure for name, failure in plan.faults().items() if name not in plan.todo}
        result = Result(plan.record, failed=kept, skipped=plan.fresh)
        reads = {name: set(stage_class(name).reads) for name in plan.todo}
        wanted = {kind: file for kind, file in plan.record.remote.items() if any(kind in one for one in reads.values())}
        with ExitStack() as stack:
            try:
                copies = stack.enter_context(fetched(wanted, self.stop)) if wanted else {}
            except Cancelled:
                result.cancelled = True
                return result
            except StorageError as error:
                lost = [name for name in plan.todo if reads[name] & set(wanted)]
                result.failed |= {name: failure_of(error, name, plan.record) for name in lost}
                plan, copies = replace(plan, todo=tuple(name for name in plan.todo if name not in lost)), {}
            _LocalRun(self, plan, result, copies).run(progress)
        result.skipped = tuple(name for name in result.skipped if name not in result.done)
        return result

    def extractor(self, stage: str) -> Extractor[Any]:
        """The stage's extractor, made once."""
        if stage not in self._extractors:
            self._extractors[stage] = stage_class(stage)(self._configs[stage], StageFiles())
        return self._extractors[stage]


class _LocalRun:
    """The stages of one record, whose objects on a store have local copies: path and fingerprint by kind."""

    def __init__(self, runner: PlanRunner, plan: Plan, result: Result, copies: Mapping[str, tuple[Path, str]]) -> None:
        record = plan.record
        self.origins = {printable(path): record.remote[kind].url for kind, (path, _) in copies.items()}  # for messages
        if record.remote:
            paths = {kind: path for kind, (path, _) in copies.items()}
            video = paths.pop("video", None)
            record = replace(record, path=video, sidecars={**record.sidecars, **paths}, remote={})
        self.runner, self.plan, self.result, self.record = runner, plan, result, record
        self.first_stamps = stamps(record)  # before the content is read: a later change shows at the end
        self.contents = fingerprints(record, runner.cache, {kind: content for kind, (_, content) in copies.items()})

    def run(self, progress: StageFrames | None) -> None:
        """Run the stages in groups that share one decode."""
        stop = self.runner.stop
        for wave in self.plan.waves():
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
        stage, result, contents = step.stage, self.result, self.contents
        there = {*result.skipped, *result.done}
        if blocked := [name for name in step.computation.upstream if name in result.failed]:
            result.failed[stage] = needs(stage, blocked[0])
        elif changed := [kind for kind, content in step.computation.inputs.items() if contents.get(kind) != content]:
            error = ChangedError(f"the {changed[0]} file changed since the run began", fix=AGAIN)
            result.failed[stage] = failure_of(error, stage, self.record)
        elif step.check.state != "fresh" and self.runner.cache.has(stage, self.record.id, step.computation.key):
            result.skipped += (stage,)  # another process, or a worker that was lost, has written it
        else:
            return there.issuperset(step.computation.upstream)  # else one of them waits for an output that is unread
        return False

    def _run_step(self, shared: DecodePass, step: Step) -> None:
        start, name, record, result = time.perf_counter(), step.stage, self.record, self.result
        try:
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
        except UpstreamError:
            pass  # the result says which output cannot be read
        except Exception as error:  # noqa: BLE001 -- one bad video is skipped and reported, whatever went wrong
            result.failed[name] = self._failure(step, error)
        finally:
            result.frames = max(result.frames, shared.frame_count)
            shared.leave(name)

    def _read(self, step: Step, name: str) -> StageOutput:
        """The output of an earlier stage. Raises UpstreamError where it cannot be read."""
        try:
            return self.runner.cache.read(name, self.record.id, step.computation.upstream[name]).output
        except UNREADABLE as error:
            self.result.unread[name] = unreadable(error)
            raise UpstreamError from error

    def _failure(self, step: Step, error: Exception) -> Failure:
        """The failure of a step; the cache keeps it where the video's content or a fault of the program explains it."""
        if isinstance(error, AimError) and error.where is not None:
            error.where = self.origins.get(error.where, error.where)
        failure = failure_of(error, step.stage, self.plan.record)
        if failure.kind in KEPT:
            try:
                self.runner.cache.keep_failure(step.computation, self.record, failure, error)
            except OSError as disk:
                return replace(failure, cause=f"{failure.cause} (and the failure could not be kept: {disk.strerror})")
        return failure


def start_worker(values: dict[str, Any], root: Path, stop: threading.Event) -> Callable[[Plan, Tell], Result]:
    """The function that runs plans in a worker, from a dumped configuration and the cache's place."""
    config = validate(values)
    cache = open_cache(root, config.machine.storage.reach())
    runner = PlanRunner(config, cache, stop)

    def run(plan: Plan, tell: Tell) -> Result:
        last_report = 0.0

        def progress(done: int, total: int, stages: tuple[str, ...]) -> None:
            nonlocal last_report
            if done == total or time.monotonic() - last_report > REPORT_SECONDS:
                last_report = time.monotonic()
                tell(done, total, stages)

        result = runner.run(plan, progress)
        cache.index.flush()
        return result

    return run


def lost_result(plan: Plan, cache: Cache, loss: WorkerLost) -> Result:
    """The result of a record that lost its workers: stages with an output are done, the others failed.

    Only a crash is kept as the video's failure; a kill from outside, or a limit, may not occur again.
    """
    result = Result(plan.record, skipped=plan.fresh)
    for step in plan.steps:
        if step.stage not in plan.todo:
            continue
        if cache.has(step.stage, plan.record.id, step.computation.key):
            result.done[step.stage] = 0.0
            continue
        failure = result.failed[step.stage] = Failure(loss.kind, step.stage, str(loss))
        if not step.computation.upstream and failure.kind in KEPT:
            with suppress(OSError):
                cache.keep_failure(step.computation, plan.record, failure)
    return result
