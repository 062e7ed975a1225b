"""The only decoder. Times come from the stream, frames stream one at a time, memory stays bounded.

A video is read in two ways: `probe` walks over the packets without decoding them, which gives the
presentation time of every frame (never the header's frame count or rate), and `decode` yields the frames.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import VideoError

if TYPE_CHECKING:
    import av.container
    import av.video.stream

MAX_PIXELS = 64 * 1024 * 1024
"""Larger pictures are refused by name: one RGB frame of this size takes 192 MiB."""

TAIL_SHARE = 0.01
"""Share of frames (at least two frames) that may be missing at the end: some encoders list frames they never show."""


CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "asf", "flv", "ogg", "nut", "ivf", "mxf", "gxf", "dv", "rm", "wtv",
    "amv", "h264", "hevc", "av1", "obu", "vvc", "m4v", "mjpeg", "mpegvideo", "h263", "vc1", "dirac", "yuv4mpegpipe",
    "gif", "wav", "mp3", "aac", "flac",
)  # fmt: skip
"""Containers that are opened, by FFmpeg's names. Those that name other files or hosts (playlists, concat scripts, SDP)
are not among them: a file that calls itself a video must not make this program open anything else. A few audio
containers are there so that a sound file is told to be one."""

OPEN_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}


@dataclass(frozen=True)
class VideoInfo:
    """What the container says and the packets confirm.

    Attributes:
        width, height: size in pixels as shown, after rotation.
        rotation: degrees clockwise that the decoded picture was turned by, one of 0, 90, 180, 270.
        codec: name of the codec, such as "h264".
        rate: nominal frames per second, information only.
    """

    width: int
    height: int
    rotation: int
    codec: str
    rate: float


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: position in display order, from 0.
        time: seconds from the first frame.
        image: (height, width, 3) uint8 RGB, as shown; shared between stages, never write into it.
    """

    index: int
    time: float
    image: NDArray[np.uint8]


def probe(path: Path) -> tuple[VideoInfo, NDArray[np.float64]]:
    """Information and the (N,) presentation times in seconds from the first frame.

    Packets are read, not decoded, but for the first frame, which tells the size as shown.

    Raises:
        VideoError: not a video, no video stream, no frame, or the file ends before its last frame.
    """
    with _opened(path) as (container, stream):
        stamps, rate = _packet_times(path, container, stream), float(stream.average_rate or stream.base_rate or 25)
        promised = int(stream.frames or 0)
    if promised > len(stamps.times) and promised - len(stamps.times) > _tolerated(promised):
        raise VideoError(
            f"the file ends early: {promised} frames announced, {len(stamps.times)} present",
            where=path,
            fix="Copy or download the video again",
        )
    with _opened(path) as (container, stream):
        first = next(_decoded(path, container, stream), None)
        if first is None:
            raise VideoError("no frame can be decoded", where=path, fix="Play the file to see whether it is whole")
        rotation = round(-first.rotation / 90) * 90 % 360
        width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
        info = VideoInfo(width, height, rotation, str(stream.codec_context.name), rate)
    return info, stamps.times


def decode(path: Path, indices: Sequence[int] | None = None) -> Iterator[Frame]:
    """The frames at `indices` (ascending, display order) or all, one at a time.

    Frames that the stream lists but does not contain are filled with the last one shown where they are no more
    than `TAIL_SHARE` of the video (at least two); a stream that ends earlier is damaged.

    Raises:
        VideoError: the stream is damaged at or before a frame that was asked for.
    """
    with _opened(path) as (container, stream):
        stamps = _packet_times(path, container, stream)
    total = len(stamps.times)
    wanted = range(total) if indices is None else indices
    pending = iter(wanted)
    target = next(pending, None)
    last: Frame | None = None
    with _opened(path) as (container, stream):
        for position, frame in enumerate(_decoded(path, container, stream)):
            if target is None:
                return
            index = stamps.index(position, frame.pts)
            if index is None or (last is not None and index <= last.index):
                continue
            while target is not None and target < index:  # a listed frame that the decoder left out
                yield _filled(path, last, target, stamps, index)
                target = next(pending, None)
            if target == index:
                last = Frame(index, float(stamps.times[index]), _picture(path, frame, index))
                yield last
                target = next(pending, None)
            elif total - index <= _tolerated(total) + 1:
                last = Frame(index, float(stamps.times[index]), _picture(path, frame, index))
    reached = -1 if last is None else last.index
    while target is not None:
        if last is None or target - reached > _tolerated(total):
            raise VideoError(
                f"the stream ends at frame {reached + 1} of {total}",
                where=path,
                fix="Copy or download the video again",
            )
        yield Frame(target, float(stamps.times[target]), last.image)
        target = next(pending, None)


@dataclass(frozen=True)
class _Stamps:
    times: NDArray[np.float64]
    pts: NDArray[np.int64] | None
    """Sorted presentation stamps, or None where the stream has none that can be told apart: frames are counted."""

    def index(self, position: int, pts: int | None) -> int | None:
        if self.pts is None:
            return position if position < len(self.times) else None
        if pts is None:
            return None
        found = int(np.searchsorted(self.pts, pts))
        return found if found < len(self.pts) and self.pts[found] == pts else None


def _tolerated(total: int) -> int:
    return max(2, int(total * TAIL_SHARE))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.video.stream.VideoStream]]:
    import av

    try:
        if path.stat().st_size == 0:
            raise VideoError("the file is empty", where=path, fix="Copy or download the video again")
        container = av.open(str(path), mode="r", metadata_errors="replace", options=OPEN_OPTIONS)
    except av.error.FFmpegError as error:
        raise VideoError(f"not a readable video ({_reason(error)})", where=path, fix="Play it to check it") from error
    except OSError as error:
        raise VideoError(f"cannot be opened ({error.strerror or error})", where=path) from error
    with container:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams:
            kinds = sorted({str(s.type) for s in container.streams}) or ["nothing"]
            raise VideoError(f"no video stream in it, only {', '.join(kinds)}", where=path, fix="Leave this file out")
        stream = streams[0]
        if stream.codec_context is None:
            raise VideoError("no decoder is known for its pictures", where=path, fix="Convert it to H.264 in MP4")
        _refuse_large(path, stream.codec_context.width, stream.codec_context.height)
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # the stream may claim more than the header
        yield container, stream


def _refuse_large(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise VideoError(
            f"pictures of {width} x {height} pixels are larger than the limit of {MAX_PIXELS} pixels",
            where=path,
            fix="Scale the video down first",
        )


def _is_cover(stream: Any) -> bool:
    """Whether the stream is a still picture that belongs to an audio file."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _packet_times(path: Path, container: Any, stream: Any) -> _Stamps:
    import av

    stamps: list[int | None] = []
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_discard:
                stamps.append(packet.pts)
    except av.error.FFmpegError as error:
        raise VideoError(f"damaged container ({_reason(error)})", where=path, fix="Copy the video again") from error
    if not stamps:
        raise VideoError("no frame in the video stream", where=path, fix="Leave this file out")
    known = [stamp for stamp in stamps if stamp is not None]
    unique = np.unique(np.asarray(known, dtype=np.int64))
    if len(known) == len(stamps) and len(unique) == len(stamps) and stream.time_base:
        times = (unique - unique[0]) * float(stream.time_base)
        return _Stamps(times.astype(np.float64), unique)
    rate = float(stream.average_rate or stream.base_rate or 25)
    return _Stamps(np.arange(len(stamps), dtype=np.float64) / rate, None)


def _decoded(path: Path, container: Any, stream: Any) -> Iterator[Any]:
    import av

    try:
        yield from container.decode(stream)
    except av.error.FFmpegError as error:
        raise VideoError(f"damaged video stream ({_reason(error)})", where=path, fix="Copy the video again") from error


def _picture(path: Path, frame: Any, index: int) -> NDArray[np.uint8]:
    if frame.is_corrupt:
        raise VideoError(f"frame {index} is damaged", where=path, fix="Copy or download the video again")
    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4  # counter-clockwise, as the display matrix states it
    image = np.ascontiguousarray(np.rot90(image, turns)) if turns else image
    image.flags.writeable = False
    return image


def _filled(path: Path, last: Frame | None, target: int, stamps: _Stamps, reached: int) -> Frame:
    if last is None or reached - target > _tolerated(len(stamps.times)):
        raise VideoError(f"frame {target} is missing", where=path, fix="Copy or download the video again")
    return Frame(target, float(stamps.times[target]), last.image)


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    text = getattr(error, "strerror", None) or str(error)
    return "the file is damaged or of another kind" if number == errno.EINVAL else text
