"""Videos and stills for a web page: `data:` URIs that every browser plays, up to a size.

A video that browsers can play is embedded unchanged; others are re-encoded as H.264 at a size that fits. Times are
those of `data.video.decoder`, seconds from the first frame, so measurements match the frames in the browser.
"""

from __future__ import annotations

import base64
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from data.errors import VideoError
from data.store import read_regular
from data.store.arrays import Floats
from data.video.containers import open_video, video_stream
from data.video.decoder import Picture, Video, decode, decoded, probe
from data.video.frame_times import frame_length, shown_at
from data.video.orientation import orientation_of
from data.video.writer import write_video

DEFAULT_LIMIT = 12 << 20  # bytes of an embedded video; base64 in the page takes a third more
ATTEMPTS = ((960, 25), (640, 27), (480, 29), (320, 32))  # in this order: long side in pixels, constant rate factor
LEAST_BITRATE = 12_000  # bytes per second; every copy exceeds this, so longer videos are not encoded
MOST_RATE = 30.0  # frames per second of an encoded copy
START_TOLERANCE = 0.002  # largest time of the first frame, in seconds, of a video that is embedded unchanged


@dataclass(frozen=True)
class EmbeddedVideo:
    """A video ready for a page."""

    mime: str
    content: bytes  # the whole video
    note: str = ""  # how the copy was made; empty if the bytes are the file's
    rate: float | None = None  # frames per second of a copy

    @property
    def uri(self) -> str:
        """The video as a `data:` URI."""
        return as_uri(self.mime, self.content)


def embed_video(path: Video, limit_bytes: int = DEFAULT_LIMIT) -> EmbeddedVideo | None:
    """The video, or None if no playable copy fits in `limit_bytes`. Raises VideoError."""
    if isinstance(path, Path) and (mime := playable_type(path)) and path.stat().st_size <= limit_bytes:
        return EmbeddedVideo(mime, read_regular(path, limit_bytes))
    info, times = probe(path)
    duration = float(times[-1]) + frame_length(times)
    if duration * LEAST_BITRATE > limit_bytes:
        return None
    with tempfile.TemporaryDirectory(prefix="aim-media-") as folder:
        copy = Path(folder) / "copy.mp4"
        side = max(info.width, info.height)
        for long_side, factor in [a for a in ATTEMPTS if a[0] < side] or [(side, ATTEMPTS[-1][1])]:
            size = _encode(path, times, copy, long_side, factor)
            if copy.stat().st_size <= limit_bytes:
                note = f"Copy at {size[0]} x {size[1]} pixels."
                return EmbeddedVideo("video/mp4", copy.read_bytes(), note, _copy_rate(times))
    return None


def playable_type(path: Path) -> str | None:
    """The MIME type of a video that every browser plays unchanged, with its first frame at time zero, else None.

    These are H.264 with 8-bit 4:2:0 colour in MP4, and VP8 or VP9 in WebM, if every frame has a time.

    Raises VideoError: not a readable video.
    """
    with open_video(path) as container:
        stream = video_stream(container)
        if stream is None or stream.codec_context is None:
            raise VideoError("no video stream in it", where=path, fix="Leave this file out")
        codec, pixels = stream.codec_context.name, stream.codec_context.pix_fmt
        start = float((stream.start_time or 0) * (stream.time_base or 0))
        formats = set(container.format.name.split(","))
        first = next(decoded(path, container, stream), None)
        if len(container.streams.video) > 1 or (first is not None and orientation_of(first).mirrored):
            return None  # browsers differ in choosing streams and in mirroring
    if pixels not in ("yuv420p", "yuvj420p") or abs(start) > START_TOLERANCE or probe(path)[0].counted:
        return None
    if codec == "h264" and "mp4" in formats:
        return "video/mp4"
    return "video/webm" if codec in ("vp8", "vp9") and "webm" in formats and path.suffix.lower() == ".webm" else None


def key_frames(path: Video, times: Sequence[float], height: int = 180) -> list[bytes]:
    """JPEG stills of the frames shown at `times` (seconds), in their order. Raises VideoError."""
    if not times:
        return []
    _, stamps = probe(path)
    indices = [shown_at(stamps, time) for time in times]
    distinct = sorted(set(indices))
    stills = {frame.index: jpeg(shrink(frame.image, height=height)) for frame in decode(path, distinct)}
    return [stills[index] for index in indices]


def jpeg(image: Picture, quality: int = 80) -> bytes:
    """A (height, width, 3) uint8 RGB picture as JPEG."""
    import cv2

    done, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"no JPEG can be made of a picture of shape {image.shape}")
    return bytes(encoded.tobytes())


def shrink(image: Picture, *, height: int | None = None, long_side: int | None = None) -> Picture:
    """The picture scaled down (never up) to a height or a long side, both sides even; area-averaged."""
    import cv2

    rows, columns = image.shape[:2]
    scale = min(1.0, height / rows if height else 1.0, long_side / max(rows, columns) if long_side else 1.0)
    size = tuple(max(2, round(side * scale / 2) * 2) for side in (columns, rows))
    if size == (columns, rows):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def as_uri(mime: str, content: bytes) -> str:
    """`content` as a base64 `data:` URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def _encode(path: Video, times: Floats, copy: Path, long_side: int, factor: int) -> tuple[int, int]:
    """Write the copy at a constant frame rate; times of a variable rate change by at most half a frame."""
    rate = _copy_rate(times)
    count = max(1, round((float(times[-1]) + frame_length(times)) * rate))
    times_shown = Counter(shown_at(times, k / rate + 1e-6) for k in range(count))
    size = (0, 0)

    def pictures() -> Iterator[Picture]:
        nonlocal size
        for frame in decode(path, sorted(times_shown)):
            small = shrink(frame.image, long_side=long_side)
            size = (small.shape[1], small.shape[0])
            yield from repeat(small, times_shown[frame.index])

    write_video(copy, pictures(), rate, options={"crf": str(factor), "preset": "veryfast"})
    return size


def _copy_rate(times: Floats) -> float:
    return min(MOST_RATE, 1 / frame_length(times))
