"""Presentation times of a stream's frames, and the frame shown at a given time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import VideoError
from data.store.arrays import Floats, Integers
from data.video.containers import AGAIN, reason

TAIL_SHARE = 0.01  # tolerated share of missing frames: some encoders list frames that are never shown


def shown_at(times: NDArray[np.floating[Any]], time: float) -> int:
    """Index of the frame shown at `time`: the last of the ascending `times` that is not later, else 0."""
    return int(np.clip(np.searchsorted(times, time + 1e-6, side="right") - 1, 0, len(times) - 1))


def frame_length(times: Floats) -> float:
    """Seconds for which a typical frame is shown."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / 25


@dataclass(frozen=True)
class FrameStamps:
    """When the frames of a stream are shown."""

    times: Floats  # (N,) seconds from the first, ascending
    pts: Integers | None  # (N,) presentation stamps; None: missing or repeated, so frames are counted
    damaged: int = 0  # packets that FFmpeg reports as damaged
    hidden: int = 0  # frames of the file that are never shown

    def index(self, position: int, pts: int | None) -> int | None:
        """Index of the `position`-th decoded frame; None if the stream does not list it."""
        if self.pts is None:
            return position if position < len(self.times) else None
        if pts is None:
            return None
        index = int(np.searchsorted(self.pts, pts))
        return index if index < len(self.pts) and self.pts[index] == pts else None

    def since(self, path: Path, first: int | None) -> FrameStamps:
        """The stamps from the first decoded frame on (`first`). Raises VideoError: most stamps are before it."""
        index = self.index(0, first)
        if self.pts is None or not index:
            return self
        if index > len(self.times) / 2:
            what = f"the first {index} of {len(self.times)} frames cannot be decoded"
            raise VideoError(what, where=path, fix=AGAIN)
        return replace(self, times=self.times[index:] - self.times[index], pts=self.pts[index:])


def packet_stamps(path: Path, container: Any, stream: Any) -> FrameStamps:
    """Presentation times of the stream's frames, from its packets.

    AVI files have no times, only positions of pictures. FFmpeg guesses presentation stamps, wrongly for H.264 with
    B-frames and for packed B-frames (DivX). The decoder yields the pictures in order, so the k-th picture belongs to
    the k-th position.
    """
    import av

    by_place = container.format.name == "avi"
    stamps: list[int | None] = []
    listed, end, damaged = 0, 0, 0
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            listed += 1
            damaged += packet.is_corrupt
            end = max(end, (packet.pts or 0) + (packet.duration or 0))
            if not packet.is_discard:
                stamps.append(packet.dts if by_place else packet.pts)
    except av.error.FFmpegError as error:
        raise VideoError(f"damaged container ({reason(error)})", where=path, fix=AGAIN) from error
    if not stamps:
        raise VideoError("no frame in the video stream", where=path, fix="Leave this file out")
    hidden = max(listed, int(stream.frames or 0)) - len(stamps)
    hidden = hidden if hidden > tolerated(listed) else 0
    distinct = np.unique(np.asarray([stamp for stamp in stamps if stamp is not None], dtype=np.int64))
    if len(distinct) == len(stamps) and stream.time_base:
        if by_place:
            listed = max(listed, int(distinct[-1]) + 1)  # a position without a picture repeats the previous picture
        times = (distinct - distinct[0]) * stream.time_base.numerator / stream.time_base.denominator
        pts = None if by_place else distinct
    else:
        times, pts = np.arange(len(stamps), dtype=np.float64) / nominal_rate(stream), None
    _require_whole(path, container, stream, listed, end)
    return FrameStamps(times, pts, damaged, hidden)


def tolerated(total: int) -> int:
    """The tolerated number of missing frames."""
    return max(2, int(total * TAIL_SHARE))


def nominal_rate(stream: Any) -> float:
    """Frames per second that a stream states, or 25."""
    return float(stream.average_rate or stream.base_rate or 25)


def _require_whole(path: Path, container: Any, stream: Any, listed: int, end: int) -> None:
    """Raise VideoError if fewer frames are listed than announced, or a Matroska stream ends before its duration.

    Args:
        listed: number of packets.
        end: end of the last packet, in units of the stream's clock.
    """
    total = int(stream.frames or 0)
    if total - listed > tolerated(total):
        raise VideoError(f"the file ends early: {total} frames announced, {listed} present", where=path, fix=AGAIN)
    if "matroska" not in container.format.name or not stream.time_base:
        return
    durations = [_clock(value) for key, value in stream.metadata.items() if key.upper().startswith("DURATION")]
    if not durations and len(container.streams) == 1:
        durations = [float("inf")]
    announced = min([*durations, (container.duration or 0) / 1e6]) if durations else 0.0
    present = end * float(stream.time_base)
    if announced - present > max(0.01 * announced, 3 / nominal_rate(stream)):
        what = f"the file ends early: {announced:.1f} s announced, {present:.1f} s present"
        raise VideoError(what, where=path, fix=AGAIN)


def _clock(text: str) -> float:
    """Seconds of "00:01:02.5"; 0 for anything else."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
