"""One decode of a video for all stages that need its frames, streaming, in bounded memory.

Each stage runs in a thread of its own and iterates over `source.frames(...)`. The decoder waits until every stage has
said which frames it wants, decodes once, and passes each frame to the stages that asked for it through short queues.
Decoding overlaps with the stages' work, and the slowest stage sets the pace.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.errors import Cancelled, VideoError
from data.store import StageOutput
from data.video import Frame, Record, VideoInfo, decode, probe
from pipeline.extract.heap import trim_heap

QUEUE_FRAMES = 6
"""Length of a stage's queue; bounds the memory to this many pictures per stage."""

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
    """Opens one video for several stages at once, when a stage first asks for it.

    Each of `stages` must end with `leave`. `progress` is called for every decoded frame; `stop` ends the work.
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

    def source(self, stage: str, upstream: Mapping[str, StageOutput]) -> StageSource:
        """One stage's view of the video."""
        return StageSource(self, stage, upstream)

    def leave(self, stage: str) -> None:
        """Declare that a stage has ended, so that the decoder does not wait for it."""
        with self._changed:
            self._expected.discard(stage)
            if stage in self._subscriptions:
                self._subscriptions[stage].closed = True
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

    def subscribe(self, stage: str, wanted: Sequence[int] | None) -> Iterator[Frame]:
        """The frames of one stage; see `extractors.base.Source.frames`."""
        indices = range(len(self.probed[1])) if wanted is None else wanted
        subscription = _Subscription(indices)
        with self._changed:
            if stage in self._subscriptions:
                raise RuntimeError(f"stage '{stage}' asked for frames twice; one pass over a video is all there is")
            self._subscriptions[stage] = subscription
            self._changed.notify_all()
        try:
            while (item := self._take(subscription)) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            subscription.closed = True
            trim_heap()  # the pictures are gone, and now the stage makes its arrays

    @property
    def probed(self) -> tuple[VideoInfo, NDArray[np.float64]]:
        """Information and frame times, read once. Raises VideoError without a video that can be read."""
        with self._probe_lock:
            return self._probed

    @property
    def frame_count(self) -> int:
        """Number of frames, 0 where no stage has asked for the video or it cannot be read."""
        return len(self.__dict__["_probed"][1]) if "_probed" in self.__dict__ else 0

    @cached_property
    def _probed(self) -> tuple[VideoInfo, NDArray[np.float64]]:
        if self.record.video is None:
            raise VideoError("the data set lists this performance without a video", where=self.record.id)
        return probe(self.record.video)

    def _decode(self) -> None:
        asked = {name: np.asarray(s.wanted) for name, s in self._subscriptions.items() if len(s.wanted)}
        if not asked or self.record.video is None:
            return
        open_ = {name: np.zeros(len(self.probed[1]), bool) for name in asked}  # a set takes 60 times as much
        for name, wanted in open_.items():
            wanted[asked[name]] = True
        union = np.flatnonzero(np.any([*open_.values()], axis=0))
        for done, frame in enumerate(decode(self.record.video, union), start=1):
            for name, wanted in open_.items():
                if wanted[frame.index]:
                    self._put(self._subscriptions[name], frame)
            if self.stop.is_set():
                raise Cancelled
            if self._progress is not None:
                active = tuple(name for name in open_ if not self._subscriptions[name].closed)
                self._progress(done, len(union), active)
            if all(self._subscriptions[name].closed for name in open_):
                return

    def _put(self, subscription: _Subscription, item: Frame | BaseException | None) -> None:
        while not subscription.closed:
            try:
                subscription.frames.put(item, timeout=POLL_SECONDS)
                return
            except queue.Full:
                continue

    def _take(self, subscription: _Subscription) -> Frame | BaseException | None:
        while True:
            try:
                return subscription.frames.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self.stop.is_set():
                    raise Cancelled from None


class StageSource:
    """One stage's view of an opened input; implements `extractors.base.Source`."""

    def __init__(self, decode_pass: DecodePass, stage: str, upstream: Mapping[str, StageOutput]) -> None:
        self._pass = decode_pass
        self._stage = stage
        self.upstream = upstream

    @property
    def record(self) -> Record:
        """Id, path, sidecar files and labels."""
        return self._pass.record

    @property
    def info(self) -> VideoInfo:
        """Size as shown."""
        return self._pass.probed[0]

    @property
    def times(self) -> NDArray[np.float64]:
        """(N,) presentation time of every frame in seconds from the first."""
        return self._pass.probed[1]

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """Decoded frames in display order, each asked-for index once (ascending), or all."""
        return self._pass.subscribe(self._stage, indices)
