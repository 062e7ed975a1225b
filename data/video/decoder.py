"""Decodes videos, one frame at a time, with times from the stream.

A folder of frames (`data.video.frame_folder`) is a video too: the same code decodes and converts its pictures.

`probe` reads the presentation time of every frame from the packets, without decoding; it ignores the frame count and
frame rate in the header. `decode` yields the frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import VideoError, printable
from data.store.arrays import Floats, Integers
from data.video.containers import AGAIN, open_video, reason, video_stream
from data.video.frame_folder import FrameFolder, read_picture
from data.video.frame_times import FrameStamps, packet_stamps, tolerated
from data.video.orientation import Orientation, orientation_of

if TYPE_CHECKING:
    import av.container
    import av.video.stream

MARGIN = 128  # pixels that FFmpeg adds to both sides when it checks the size of a picture
MAX_PIXELS = (8192 + MARGIN) * (4320 + MARGIN)  # of 8K video; an RGB frame takes at most 111 MB
ASPECTS = (0.25, 4.0)  # accepted ratios of a pixel's width to its height; others are ignored


@dataclass(frozen=True)
class VideoInfo:
    """Size of the first picture as shown (square pixels, after rotation and mirroring), and damage of the stream."""

    width: int
    height: int
    damaged_packets: int = 0  # above 0, frames may be missing
    hidden_frames: int = 0  # in the file, but never shown: a trimmed clip, or a damaged time table
    counted: bool = False  # times are missing or repeated, so times follow from frame numbers; players may differ


@dataclass(frozen=True)
class RetimedVideo:
    """A video file whose container states a wrong frame rate; the real one is `rate` frames per second."""

    path: Path
    rate: float


Video = Path | FrameFolder | RetimedVideo

Picture = NDArray[np.uint8]
"""(height, width, 3) RGB."""


@dataclass(frozen=True)
class Frame:
    """One decoded frame."""

    index: int  # position in display order, from 0
    time: float  # seconds from the first frame
    image: Picture  # as shown; shared between stages, never write into it


def probe(path: Video) -> tuple[VideoInfo, Floats]:
    """Information and the (N,) presentation times in seconds from the first frame.

    Only the first frame is decoded, for the size as shown.

    A stream may begin inside a group of pictures, with undecodable frames. The first frame is then the first decodable
    one.

    Raises VideoError: not a video, no video stream, no frame, or the file ends before its last frame.
    """
    if isinstance(path, FrameFolder):
        return _info(*_still(path.files()[0])), path.times()
    if isinstance(path, RetimedVideo):
        info, times = probe(path.path)
        return info, np.arange(len(times)) / path.rate
    with _started(path) as (stamps, size, orientation, _):
        info = _info(size, orientation)
        counted = stamps.pts is None
        return replace(info, damaged_packets=stamps.damaged, hidden_frames=stamps.hidden, counted=counted), stamps.times


def decode(path: Video, indices: Sequence[int] | Integers | None = None) -> Iterator[Frame]:
    """The frames at `indices` (ascending, display order) or all, one at a time.

    A frame that is listed but missing repeats the previous frame. A stream that lacks more than two frames, and more
    than `TAIL_SHARE` of them, is damaged.

    Raises VideoError: the stream is damaged at or before a requested frame.
    """
    if isinstance(path, FrameFolder):
        yield from _decode_folder(path, indices)
        return
    if isinstance(path, RetimedVideo):
        yield from (replace(frame, time=frame.index / path.rate) for frame in decode(path.path, indices))
        return
    with _started(path) as (stamps, size, orientation, frames):
        total = len(stamps.times)
        pending = map(int, range(total) if indices is None else indices)
        target = next(pending, None)
        last: Frame | None = None
        filled = 0
        for position, frame in enumerate(frames):
            if target is None:
                return
            index = stamps.index(position, frame.pts)
            if index is None or (last is not None and index <= last.index):
                continue
            while target is not None and target < index:  # the decoder skipped a listed frame
                filled += 1
                if last is None or max(filled, index - target) > tolerated(total):
                    raise VideoError(f"frame {target} is missing", where=path, fix=AGAIN)
                yield Frame(target, float(stamps.times[target]), last.image)
                target = next(pending, None)
            if target == index or total - index <= tolerated(total) + 1:
                last = Frame(index, float(stamps.times[index]), _picture(path, frame, index, size, orientation))
                if target == index:
                    yield last
                    target = next(pending, None)
    reached = -1 if last is None else last.index
    while target is not None:
        if last is None or target - reached > tolerated(total):
            raise VideoError(f"the stream ends at frame {reached + 1} of {total}", where=path, fix=AGAIN)
        yield Frame(target, float(stamps.times[target]), last.image)
        target = next(pending, None)


def _decode_folder(source: FrameFolder, indices: Sequence[int] | Integers | None) -> Iterator[Frame]:
    """The frames of a folder, as in `decode`; only the pictures at `indices` and the first are opened."""
    files, times = source.files(), source.times()
    size, orientation = _still(files[0])
    for index in map(int, range(len(files)) if indices is None else indices):
        picture = read_picture(files[index], MAX_PIXELS)
        if (picture.width, picture.height) != size:
            first = f"{printable(files[0].name)} has {size[0]} x {size[1]}"
            what = f"a picture of {picture.width} x {picture.height} pixels, but {first}"
            raise VideoError(what, where=files[index], fix="Give all pictures of a folder of frames one size")
        yield Frame(index, float(times[index]), _picture(files[index], picture, index, size, orientation))


def _still(path: Path) -> tuple[tuple[int, int], Orientation]:
    """Width and height of a picture before rotation, and its orientation."""
    picture = read_picture(path, MAX_PIXELS)
    return (picture.width, picture.height), orientation_of(picture)


def _info(size: tuple[int, int], orientation: Orientation) -> VideoInfo:
    return VideoInfo(*(size[::-1] if orientation.transposed else size))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.video.stream.VideoStream]]:
    with open_video(path) as container:
        stream = video_stream(container)
        if stream is None:
            kinds = sorted({str(s.type) for s in container.streams}) or ["nothing"]
            raise VideoError(f"no video stream in it, only {', '.join(kinds)}", where=path, fix="Leave this file out")
        if stream.codec_context is None:
            raise VideoError("no decoder is known for its pictures", where=path, fix="Convert it to H.264 in MP4")
        _shown(path, stream, stream.codec_context)
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # the stream may claim more than the header
        yield container, stream


@contextmanager
def _started(path: Path) -> Iterator[tuple[FrameStamps, tuple[int, int], Orientation, Iterator[Any]]]:
    """Presentation times, size before rotation, orientation, and the frames."""
    with _opened(path) as (container, stream):
        listed = packet_stamps(path, container, stream)
    with _opened(path) as (container, stream):
        frames = decoded(path, container, stream)
        first = next(frames, None)
        if first is None:
            raise VideoError("no frame can be decoded", where=path, fix="Play the file to see whether it is whole")
        # Some encoders state the orientation only in key frames, so the first frame's orientation applies to all.
        yield listed.since(path, first.pts), _shown(path, stream, first), orientation_of(first), chain([first], frames)


def decoded(path: Path, container: Any, stream: Any) -> Iterator[Any]:
    """The frames of a stream, as PyAV gives them. Raises VideoError: the stream is damaged."""
    import av

    try:
        yield from container.decode(stream)
    except av.error.FFmpegError as error:
        raise VideoError(f"damaged video stream ({reason(error)})", where=path, fix=AGAIN) from error


def _shown(path: Path, stream: Any, coded: Any) -> tuple[int, int]:
    """Width and height of a coded picture in square pixels, before rotation. Raises VideoError: it is too large."""
    aspect = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    stretched = aspect if ASPECTS[0] <= aspect <= ASPECTS[1] else 1.0
    width, height = max(1, round(coded.width * stretched)), int(coded.height)
    if (width + MARGIN) * (height + MARGIN) > MAX_PIXELS:
        what = f"pictures of {width} x {height} pixels as shown are too large: 8192 x 4320 is the most"
        raise VideoError(what, where=path, fix="Scale the video down first")
    return width, height


def _picture(path: Path, frame: Any, index: int, size: tuple[int, int], orientation: Orientation) -> Picture:
    """The picture as shown: scaled to `size` if the stream changes size or has non-square pixels, then oriented."""
    if frame.is_corrupt:
        raise VideoError(f"frame {index} is damaged", where=path, fix=AGAIN)
    image: Picture = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
    image = orientation.apply(image)
    image.flags.writeable = False
    return image
