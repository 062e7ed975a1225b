"""One decode of a video for all stages that need its frames, streaming, in bounded memory.

Each stage runs in its own thread and iterates over `source.frames(...)`. The decoder waits until every stage has
requested its frames, then decodes once. Short queues pass each frame to the stages that requested it. Decoding overlaps
with the stages' work, and the slowest stage sets the pace. `map_pictures` and `trim_heap` keep pictures from
fragmenting the heap.
"""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from data.errors import Cancelled, DataError, VideoError
from data.store import Outputs, StageOutput
from data.store.arrays import Floats
from data.video import Frame, Record, VideoInfo, decode, probe

Content = TypeVar("Content")

QUEUE_FRAMES = 6
"""Length of a stage's queue; bounds its memory to this many pictures."""

MAPPED = 1 << 20
"""Arrays of at least this many bytes get their own memory mapping; a 1080p picture takes 6 MB."""

POLL_SECONDS = 0.1
"""Interval at which a waiting thread checks for a stop or the end of its peer."""

TELL_SECONDS = 0.2
"""Interval of progress reports."""


class DecodePass:
    """Decodes one video for several stages at once.

    `tell` is called with (frames done, frames to do, stages that still take frames), every `TELL_SECONDS` and at the
    end. `stop` ends the work.
    """

    def __init__(self, record: Record, stop: threading.Event, tell: Callable[..., None]) -> None:
        self.record, self.stop, self.tell = record, stop, tell
        self.sources: list[StageSource] = []
        self.changed = threading.Condition()
        self._probe_lock = threading.Lock()
        self._probed: tuple[VideoInfo, Floats] | None = None

    def outputs(
        self, stages: Mapping[str, tuple[Callable[[StageSource], StageOutput], Outputs]]
    ) -> Iterator[tuple[str, StageOutput | BaseException]]:
        """The output of each stage, or its error, in order of completion.

        `stages` has, by name, the function that computes a stage's output and the outputs that it needs. An error of
        the decoder reaches the stages that take frames.
        """
        self.sources = [StageSource(self, name, upstream) for name, (_, upstream) in stages.items()]
        ended = queue.SimpleQueue[tuple[str, StageOutput | BaseException]]()

        def extract(source: StageSource) -> None:
            output: StageOutput | BaseException
            try:
                output = stages[source.stage][0](source)
            except BaseException as error:  # noqa: BLE001 -- any error costs one output
                output = error
            source.close()
            ended.put((source.stage, output))

        threads = [threading.Thread(target=extract, args=(s,), name=s.stage, daemon=True) for s in self.sources]
        threads.append(threading.Thread(target=self._run, name="decoder", daemon=True))
        for thread in threads:
            thread.start()
        for _ in self.sources:
            yield ended.get()
        for thread in threads:
            thread.join()

    def _run(self) -> None:
        """Decode until every stage has its frames or has ended. Errors reach the stages."""
        with self.changed:
            while (
                not all(source.closed or source.wanted is not None for source in self.sources)
                and not self.stop.is_set()
            ):
                self.changed.wait(POLL_SECONDS)
        error: BaseException | None = None
        try:
            self._decode()
        except Exception as caught:  # noqa: BLE001 -- every error must reach the stages, or they wait for ever
            error = caught
        for source in self.sources:
            source.put(error)

    @property
    def probed(self) -> tuple[VideoInfo, Floats]:
        """Information and frame times, read once. Raises VideoError without a readable video."""
        with self._probe_lock:
            if self._probed is None:
                if self.record.video is None:
                    what = "the data set lists this performance without a video"
                    raise VideoError(what, where=self.record.id, fix="Add the video, or leave this performance out")
                self._probed = probe(self.record.video)
            return self._probed

    @property
    def frame_count(self) -> int:
        """Number of frames, 0 if no stage has requested the video or it is unreadable."""
        return len(self._probed[1]) if self._probed else 0

    @property
    def damage(self) -> dict[str, int]:
        """Numbers of damaged packets and hidden frames, without zeros; empty if no stage requested the video."""
        info = self._probed[0] if self._probed else None
        counts = {name: getattr(info, name, 0) for name in ("damaged_packets", "hidden_frames")}
        return {name: count for name, count in counts.items() if count}

    def _decode(self) -> None:
        if self.stop.is_set():  # a stage that has not asked for frames yet must not take this for an empty video
            raise Cancelled
        sources = [source for source in self.sources if source.wanted is not None and len(source.wanted)]
        if not sources or self.record.video is None:
            return
        masks = [np.zeros(len(self.probed[1]), bool) for _ in sources]  # sets would take 60 times the memory
        for source, mask in zip(sources, masks, strict=True):
            mask[np.asarray(source.wanted)] = True
        union, told = np.flatnonzero(np.any(masks, axis=0)), time.monotonic()
        for done, frame in enumerate(decode(self.record.video, union), start=1):
            for source, mask in zip(sources, masks, strict=True):
                if mask[frame.index]:
                    source.put(frame)
            if self.stop.is_set():
                raise Cancelled
            active = tuple(source.stage for source in sources if not source.closed)
            if done == len(union) or time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self.tell(done, len(union), active)
            if not active:
                return


class StageSource:
    """An opened input as one stage reads it; implements `extractors.base.Source`."""

    def __init__(self, shared: DecodePass, stage: str, upstream: Outputs) -> None:
        self.record, self.stage, self.upstream = shared.record, stage, upstream
        self.wanted: Sequence[int] | None = None  # indices of the requested frames; None before the request
        self.closed = False  # takes no more frames
        self._shared = shared
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(QUEUE_FRAMES)

    @property
    def info(self) -> VideoInfo:
        """Size of the pictures, and damaged packets of the stream."""
        return self._shared.probed[0]

    @property
    def times(self) -> Floats:
        """(N,) presentation time of every frame in seconds from the first."""
        return self._shared.probed[1]

    def opened(self, kind: str, reader: Callable[[Path], Content]) -> Content:
        """The record's file of this kind, read by `reader`."""
        if kind not in self.record.sidecars:
            fix = f"Put it where the data set has it, or leave out the stage {self.stage}"
            raise DataError(f"no {kind} file", where=self.record.name, fix=fix)
        return reader(self.record.sidecars[kind])

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """Decoded frames in display order: those of the ascending `indices`, or all."""
        if self.wanted is not None:
            raise RuntimeError(f"stage '{self.stage}' asked for frames twice; it gets one pass over the video")
        wanted = range(len(self.times)) if indices is None else indices
        with self._shared.changed:
            self.wanted = wanted
            self._shared.changed.notify_all()
        try:
            while (item := self._next()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.closed = True
            trim_heap()  # before the stage allocates its arrays

    def put(self, item: Frame | BaseException | None) -> None:
        """Hand over a frame, an error, or None at the end; waits while the queue is full."""
        while not self.closed:
            try:
                self._queue.put(item, timeout=POLL_SECONDS)
                return
            except queue.Full:
                continue

    def close(self) -> None:
        """Take no more frames, so that the decoder does not wait for this stage."""
        with self._shared.changed:
            self.closed = True
            self._shared.changed.notify_all()

    def _next(self) -> Frame | BaseException | None:
        while True:
            try:
                return self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._shared.stop.is_set():
                    raise Cancelled from None


def trim_heap() -> None:
    """Return memory that Python and numpy have freed to the system.

    The C library keeps it in one heap per thread, where later threads cannot use it. So memory would grow with every
    stage.
    """
    _call("malloc_trim", 0)


def map_pictures() -> None:
    """Give each picture its own memory mapping, which returns to the system when the picture is freed.

    By default, once a large array is freed, the C library puts later ones into its heaps, between small arrays.
    """
    mmap_threshold = -3  # M_MMAP_THRESHOLD in malloc.h
    _call("mallopt", mmap_threshold, MAPPED)


def _call(name: str, *values: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            getattr(ctypes.CDLL(None), name)(*values)
