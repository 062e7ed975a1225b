"""Opens video files with FFmpeg: regular local files only, and only the containers listed here.

Also finds the stream that players show.
"""

from __future__ import annotations

import errno
import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.errors import VideoError
from data.store import open_regular
from data.video.frame_folder import READABLE

if TYPE_CHECKING:
    import av.container
    import av.video.stream

CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "asf", "flv", "ogg", "nut", "ivf", "mxf", "gxf", "dv", "rm", "wtv",
    "amv", "h264", "hevc", "av1", "obu", "vvc", "m4v", "mjpeg", "mpegvideo", "h263", "vc1", "dirac", "yuv4mpegpipe",
    "gif", "wav", "mp3", "aac", "flac",
)  # fmt: skip
"""Containers that are opened, by FFmpeg's names. Those that name other files or hosts (playlists, concat scripts, SDP)
are not among them: a file that claims to be a video must not make this program open anything else. A few audio
containers are included so that audio files are reported as such."""

TS_SYNC, TS_SIZES, TS_PROBE = 0x47, (188, 192, 204), 1 << 20
"""MPEG transport streams: first byte of a packet, possible packet lengths, number of bytes that show the length."""

SEGMENT, CLUSTER, TRACKS, BLOCK = (bytes.fromhex(name) for name in ("18538067", "1F43B675", "1654AE6B", "A3"))
TOP = {SEGMENT, CLUSTER, TRACKS, *map(bytes.fromhex, ("1A45DFA3", "114D9B74", "1549A966", "1C53BB6B", "1254C367"))}
TOP |= {*map(bytes.fromhex, ("1043A770", "1941A469"))}
NUMBERS = {*map(bytes.fromhex, ("E7", "A7", "AB"))}
IN_CLUSTERS = {BLOCK, *NUMBERS, *map(bytes.fromhex, ("A0", "AF", "5854"))}
PADDING = {*map(bytes.fromhex, ("EC", "BF"))}
"""Matroska: names of the elements of a file and its segment, of those in clusters, and of padding and check sums.

`NUMBERS` have at most 8 bytes."""

AGAIN = "Copy or download the video again"

OPEN_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}


def ffmpeg_url(path: Path) -> str:
    """The URL by which FFmpeg opens exactly this local file.

    FFmpeg reads `name:rest` as protocol and address: `file:a.mp4` would be `a.mp4`, and `12:30.mp4` unreadable.
    """
    return f"file:{path.absolute()}"


def open_video(path: Path) -> av.container.InputContainer:
    """A video file opened for reading; the caller closes it. Raises VideoError: unreadable or no known container."""
    import av

    try:
        with open_regular(path) as stream:
            empty = not stream.read(1)
        if empty:
            raise VideoError("the file is empty", where=path, fix=AGAIN)
        return av.open(ffmpeg_url(path), mode="r", metadata_errors="replace", options=OPEN_OPTIONS)
    except av.error.FFmpegError as error:
        raise VideoError(f"not a readable video ({reason(error)})", where=path, fix="Play it to check it") from error
    except OSError as error:
        what = f"cannot be opened ({error.strerror or error})"
        raise VideoError(what, where=path, fix=READABLE) from error


def broken_packets(path: Path) -> int:
    """Number of packets of an MPEG transport stream that lack their sync byte (ISO/IEC 13818-1, 2.4.3.2).

    FFmpeg skips them silently. It notices lost packets by a counter of four bits, which 16 lost packets do not change.
    """
    content = np.memmap(path, np.uint8, "r")
    marks = np.flatnonzero(content[:TS_PROBE] == TS_SYNC)
    first = {size: int(np.bincount(marks % size).argmax()) for size in TS_SIZES} if len(marks) else {188: 0}
    size = max(first, key=lambda one: one * int((marks % one == first[one]).sum()))
    return int((content[first[size] :: size] != TS_SYNC).sum())


def broken_elements(path: Path) -> int:
    """Number of places in a Matroska file at which no element begins, or one ends wrongly (RFC 8794, RFC 9559).

    FFmpeg goes on with the next cluster silently, which costs the frames between. A damaged end is not counted.
    """
    broken, place, tracks = 0, 0, set[bytes]()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        due = len(content)  # where the cluster ends; that of the file, where it does not say so
        while place < len(content):
            name, body, end = _element(content, place, due)
            if not name or (name in TOP and place != due < len(content)):
                broken, due = broken + 1, len(content)
            if not name:
                place = content.find(CLUSTER, place + 1)
                if place < 0:
                    return broken - 1
                continue
            if name == TRACKS:
                numbers = re.findall(rb"\xd7\x81([\1-\x7e])", content[body:end])
                tracks |= {bytes([0x80 | ord(number)]) for number in numbers}
            broken += name == BLOCK and content[body : body + 1] not in tracks
            if name in TOP:
                due = end if name == CLUSTER else len(content)
            place = body if name in (SEGMENT, CLUSTER) else end
    return broken


def _element(content: mmap.mmap, place: int, due: int) -> tuple[bytes, int, int]:
    """Name, begin of the body, and end of the element at a place, which is in a cluster that ends at `due`.

    The name is empty where no known element begins, or one that ends too late.
    """
    head = content[place : place + 12]
    width = 9 - head[0].bit_length()
    name, rest = head[:width], head[width:]
    length = 9 - rest[0].bit_length() if rest else 9
    if name not in TOP | IN_CLUSTERS | PADDING or length > min(8, len(rest)):
        return b"", 0, 0
    body, unknown = place + width + length, (1 << 7 * length) - 1
    size = int.from_bytes(rest[:length], "big") & unknown
    last = len(content) if name in TOP else due
    end = last if size == unknown or name == SEGMENT else body + size
    return (name, body, end) if end <= last and (size <= 8 or name not in NUMBERS) else (b"", 0, 0)


def video_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream | None:
    """The stream that players show: the first one marked default, else the first one. Cover pictures do not count."""
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    marked = [s for s in streams if s.disposition & Disposition.default]
    return next(iter([*marked, *streams]), None)


def reason(error: BaseException) -> str:
    """FFmpeg's error in words."""
    number = getattr(error, "errno", None)
    text = getattr(error, "strerror", None) or str(error)
    return "the file is damaged or of another kind" if number == errno.EINVAL else text
