"""Damage that FFmpeg passes over in silence: parts that it skips, and files that end before their header says."""

from __future__ import annotations

import mmap
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import VideoError
from data.video.containers import AGAIN

TAIL_SHARE = 0.01  # this share of the frames may be missing, as some encoders list frames that they never show

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

ASF_FILE, ASF_HEAD = bytes.fromhex("A1DCAB8C47A9CF118EE400C00C205365"), 1 << 16
"""ASF (WMV): the name of the object with the properties of a file, and the bytes in which it is looked for."""

UNCOUNTED = ("asf", "mpeg", "mxf", "nut")
"""Containers whose damaged parts FFmpeg skips silently, and that promise no number of frames."""

SAME_STEP, CONSTANT_SHARE = 0.25, 0.9
"""Steps of a constant rate differ less than the former from their median; the latter share of steps does."""


def tolerated(total: int) -> int:
    """How many of so many frames may be missing."""
    return max(2, int(total * TAIL_SHARE))


def damaged_places(path: Path, form: str, times: NDArray[np.float64]) -> int:
    """Number of damaged parts of a file, by FFmpeg's name of its container and the (N,) times of its frames."""
    if form == "mpegts":
        return broken_packets(path)
    if "matroska" in form:
        return broken_elements(path)
    missing = missing_frames(times) if form in UNCOUNTED else 0
    return missing if missing > tolerated(len(times)) else 0


def nominal_rate(stream: Any) -> float:
    """Frames per second that a stream states; 25 where it states none."""
    return float(stream.average_rate or stream.base_rate or 25)


def require_whole(path: Path, container: Any, stream: Any, listed: int, end: int) -> None:
    """Raise VideoError if the file ends before what its header announces.

    That is a number of frames, in Matroska the duration of the stream, in ASF the size of the file.

    Args:
        listed: packets of the stream.
        end: of the last of them, in units of the stream's clock.
    """
    total = int(stream.frames or 0)
    if total - listed > tolerated(total):
        raise VideoError(f"the file ends early: {total} frames announced, {listed} present", where=path, fix=AGAIN)
    announced_size, size = announced_bytes(path) if container.format.name == "asf" else 0, path.stat().st_size
    if announced_size - size > TAIL_SHARE * announced_size:
        what = f"the file ends early: {announced_size} bytes announced, {size} present"
        raise VideoError(what, where=path, fix=AGAIN)
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


def announced_bytes(path: Path) -> int:
    """The size that the header of an ASF file states; 0 where it states none, as a recording of a broadcast."""
    with path.open("rb") as stream:
        head = stream.read(ASF_HEAD)
    place = head.find(ASF_FILE)
    if place < 0 or len(head) < place + 92:
        return 0
    (size,), (marks,) = struct.unpack_from("<Q", head, place + 40), struct.unpack_from("<I", head, place + 88)
    return 0 if marks & 1 else int(size)


def missing_frames(times: NDArray[np.float64]) -> int:
    """Number of frames that are missing between the (N,) ascending times of a constant rate; 0 at any other rate."""
    steps = np.diff(times)
    lengths = steps / np.median(steps) if len(steps) else steps
    constant = np.abs(lengths - 1) < SAME_STEP
    return int(np.rint(lengths[~constant] - 1).clip(0).sum()) if constant.mean() > CONSTANT_SHARE else 0


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
