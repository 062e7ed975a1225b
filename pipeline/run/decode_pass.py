"""One decode of a video for all stages that need its frames, streaming, in bounded memory.

Each stage runs in a thread of its own and iterates over `source.frames(...)`. The decoder waits until every stage has
said which frames it wants, and then decodes once. Short queues pass each frame to the stages that asked for it.
Decoding overlaps with the stages' work, and the slowest stage sets the pace. `map_pictures` and `trim_heap` keep the
pictures from fragmenting the heap.
"""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data.errors import Cancelled, DataError, VideoError
from data.store import StageOutput
from data.video import Frame, Record, VideoInfo, decode, probe

Content = TypeVar("Content")

QUEUE_FRAMES = 6
"""Length of a stage's queue; bounds the memory to this many pictures per stage."""

MAPPED = 1 << 20
"""Arrays of at least this many bytes get memory of their own: a picture of 1080p takes 6 MB."""

POLL_SECONDS = 0.1
"""How often a waiting thread checks whether the user asked to stop or its peer has ended."""

StageFrames = Callable[[int, int, tuple[str, ...]], None]
"""Called with (frames done, frames to do, stages that still take them)."""


@dataclass
class _Subscription:
    wanted: Sequence[int]
    frames: queue.Queue[Frame | BaseException | None] = field(default_factory=lambda: queue.Queue(QUEUE_FRAMES))
    closed: bool = False


class DecodePass:
    """Decodes one video for several stages at once.

    `leave` must be called for each of `stages` when it ends. `progress` is called for every decoded frame; `stop` ends
    the work.
    """

    def __init__(
        self, record: Record, stages: Sequence[str], stop: threading.Event, progress: StageFrames | None = None
    ) -> None:
        self.record = record
        self.stop = stop
        self._progress = progress
        self._expected = set(stages)
        self._subscriptions: dict[str, _Subscription] = {}
        self._changed = threading.Condition()
        self._probe_lock = threading.Lock()
        self._probed: tuple[VideoInfo, NDArray[np.float64]] | None = None

    def leave(self, stage: str) -> None:
        """Declare that a stage has ended, so that the decoder does not wait for it."""
        with self._changed:
            self._expected.discard(stage)
            if stage in self._subscriptions:
                self._subscriptions[stage].closed = True
            self._changed.notify_all()

    def subscribe(self, stage: str, subscription: _Subscription) -> None:
        """Declare which frames a stage wants."""
        with self._changed:
            if stage in self._subscriptions:
                raise RuntimeError(f"stage '{stage}' asked for frames twice; it gets one pass over the video")
            self._subscriptions[stage] = subscription
            self._changed.notify_all()

    def run(self) -> None:
        """Decode until every stage has its frames or has ended. Errors reach the stages, not the caller."""
        with self._changed:
            while not self._expected <= set(self._subscriptions) and not self.stop.is_set():
                self._changed.wait(POLL_SECONDS)
        error: BaseException | None = None
        try:
            self._decode()
        except Exception as caught:  # noqa: BLE001 -- every error must reach the stages, or they wait for ever
            error = caught
        for subscription in self._subscriptions.values():
            self._put(subscription, error)

    @property
    def probed(self) -> tuple[VideoInfo, NDArray[np.float64]]:
        """Information and frame times, read once. Raises VideoError without a readable video."""
        with self._probe_lock:
            if self._probed is None:
                if self.record.video is None:
                    raise VideoError("the data set lists this performance without a video", where=self.record.id)
                self._probed = probe(self.record.video)
            return self._probed

    @property
    def frame_count(self) -> int:
        """Number of frames, 0 where no stage has asked for the video or it cannot be read."""
        return len(self._probed[1]) if self._probed else 0

    @property
    def damage(self) -> dict[str, int]:
        """Numbers of damaged packets and hidden frames, without zeros; empty where no stage asked for the video."""
        info = self._probed[0] if self._probed else None
        counts = {name: getattr(info, name, 0) for name in ("damaged_packets", "hidden_frames")}
        return {name: count for name, count in counts.items() if count}

    def _decode(self) -> None:
        asked = {name: np.asarray(s.wanted) for name, s in self._subscriptions.items() if len(s.wanted)}
        if not asked or self.record.video is None:
            return
        masks = {name: np.zeros(len(self.probed[1]), bool) for name in asked}  # sets take 60 times the memory
        for name, mask in masks.items():
            mask[asked[name]] = True
        union = np.flatnonzero(np.any([*masks.values()], axis=0))
        for done, frame in enumerate(decode(self.record.video, union), start=1):
            for name, mask in masks.items():
                if mask[frame.index]:
                    self._put(self._subscriptions[name], frame)
            if self.stop.is_set():
                raise Cancelled
            if self._progress is not None:
                active = tuple(name for name in masks if not self._subscriptions[name].closed)
                self._progress(done, len(union), active)
            if all(self._subscriptions[name].closed for name in masks):
                return

    def _put(self, subscription: _Subscription, item: Frame | BaseException | None) -> None:
        while not subscription.closed:
            try:
                subscription.frames.put(item, timeout=POLL_SECONDS)
                return
            except queue.Full:
                continue


class StageSource:
    """One stage's view of an opened input; implements `extractors.base.Source`."""

    def __init__(self, shared: DecodePass, stage: str, upstream: Mapping[str, StageOutput]) -> None:
        self.record, self.upstream = shared.record, upstream
        self._shared, self._stage = shared, stage

    @property
    def info(self) -> VideoInfo:
        """Size of the pictures, and damaged packets of the stream."""
        return self._shared.probed[0]

    @property
    def times(self) -> NDArray[np.float64]:
        """(N,) presentation time of every frame in seconds from the first."""
        return self._shared.probed[1]

    def opened(self, kind: str, reader: Callable[..., Content], *further: str, fix: str = "") -> Content:
        """What `reader` makes of the record's file of this kind and of those of `further` kinds."""
        sidecars = self.record.sidecars
        if kind not in sidecars:
            fix = fix or f"Put it where the data set has it, or leave out the stage {self._stage}"
            raise DataError(f"no {kind} file", where=self.record.name, fix=fix)
        return reader(sidecars[kind], **{other: sidecars.get(other) for other in further})

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """Decoded frames in display order: those of the ascending `indices`, or all."""
        subscription = _Subscription(range(len(self.times)) if indices is None else indices)
        self._shared.subscribe(self._stage, subscription)
        try:
            while (item := self._next(subscription)) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            subscription.closed = True
            trim_heap()  # before the stage makes its arrays

    def _next(self, subscription: _Subscription) -> Frame | BaseException | None:
        while True:
            try:
                return subscription.frames.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._shared.stop.is_set():
                    raise Cancelled from None


def trim_heap() -> None:
    """Give memory that Python and numpy have freed back to the system.

    The C library keeps it in one heap per thread, where later threads cannot use it. So the arrays of one stage would
    add to the pictures and arrays of the stages before.
    """
    _call("malloc_trim", 0)


def map_pictures() -> None:
    """Give each picture memory of its own, which returns to the system when the picture is freed.

    By default, once a large array is freed, the C library puts all later ones into its heaps, between small arrays.
    """
    mmap_threshold = -3  # M_MMAP_THRESHOLD in malloc.h
    _call("mallopt", mmap_threshold, MAPPED)


def _call(name: str, *values: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            getattr(ctypes.CDLL(None), name)(*values)
