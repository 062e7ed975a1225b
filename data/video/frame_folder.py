"""Folders of frames, `dive_12/00001.jpg ...`: one video as numbered JPEG or PNG pictures.

Its record is `Record(id, path=folder, frames=FrameFolder(folder, rate))`. `first` and `last` select a range of numbers
if a folder holds several performances, as in MTL-AQA:

    FrameFolder(root / "frames" / "07", rate=25.0, first=17_571, last=17_673)

Frames are sorted by the numbers in their names and equally spaced in time; gaps in the numbers are ignored. The frame
rate comes from the layout, or from the setting `frames.fps`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import UsageError, VideoError, printable
from data.store import read_regular
from data.store.arrays import Floats
from data.store.fingerprint import fingerprint, fingerprint_file

if TYPE_CHECKING:
    import av

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")  # in lower or upper case
CODECS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "mjpeg"}  # FFmpeg's decoder by the first bytes of a picture
LEAST_RATE = 0.01  # frames per second; lower rates change when rounded to fractions with denominators up to 1001
MAX_BYTES = 256 << 20  # larger pictures are refused
AGAIN = "Copy or download the picture again"
READABLE = "Check the path and its permissions"

_NUMBER = re.compile(r"[0-9]+$")


@dataclass(frozen=True)
class FrameFolder:
    """A video that is a folder of numbered pictures. Raises UsageError: a rate below `LEAST_RATE`."""

    folder: Path  # holds the pictures directly
    rate: float  # frames per second
    first: int | None = None  # least number that belongs to this video; None: no limit
    last: int | None = None  # greatest number, likewise

    def __post_init__(self) -> None:
        if not self.rate >= LEAST_RATE:
            what = f"frames.fps is {self.rate:g}, less than one frame in {1 / LEAST_RATE:g} s"
            raise UsageError(what, fix="State the pictures per second: --set frames.fps=25")

    def files(self) -> list[Path]:
        """The pictures in the order of their numbers, unopened. Raises VideoError: no picture, or a repeated number."""
        return [self.folder / name for name in self._names()]

    def stamps(self) -> list[tuple[str, int, int, int, int]]:
        """Name, size, both times in nanoseconds and inode number of every picture, in order; raises as `files`."""
        with os.scandir(self.folder) as entries:
            listed = {entry.name: entry for entry in entries if entry.name.lower().endswith(IMAGE_SUFFIXES)}
        status = ((name, listed[name].stat()) for name in self._names(listed))
        return [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in status]

    def times(self) -> Floats:
        """(N,) seconds from the first frame; raises as `files`."""
        rate = Fraction(self.rate).limit_denominator(1001)
        return np.arange(len(self._names()), dtype=np.float64) * rate.denominator / rate.numerator

    def _names(self, listed: Iterable[str] | None = None) -> list[str]:
        try:
            numbered, _ = numbered_pictures(os.listdir(self.folder) if listed is None else listed)
        except OSError as error:
            what = f"cannot be opened ({error.strerror or error})"
            raise VideoError(what, where=self.folder, fix=READABLE) from error
        first, last = self.first or 0, float("inf") if self.last is None else self.last
        chosen = [(number, name) for number, name in numbered if first <= number <= last]
        if not chosen:
            span = "" if self.first is None and self.last is None else f" from {first} to {last}"
            raise VideoError(f"no picture with a number{span} in this folder", where=self.folder, fix="Check the path")
        if fault := repeated_number(chosen):
            raise VideoError(fault, where=self.folder, fix="Keep one of them")
        return [name for _, name in chosen]


def numbered_pictures(names: Iterable[str]) -> tuple[list[tuple[int, str]], list[str]]:
    """Number and name of the pictures whose names end in digits, in order, and the names of other pictures.

    >>> numbered_pictures(["b10.jpg", "b9.PNG", "cover.jpg", "notes.txt", ".b1.jpg"])
    ([(9, 'b9.PNG'), (10, 'b10.jpg')], ['cover.jpg'])
    """
    numbered, others = [], []
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
            if number := _NUMBER.search(stem):
                numbered.append((int(number[0]), name))
            else:
                others.append(name)
    return sorted(numbered), sorted(others)


def repeated_number(numbered: list[tuple[int, str]]) -> str:
    """A fault that names two pictures of one number; empty where the numbers are distinct."""
    pairs = pairwise(numbered)
    twice = next(((a[1], b[1]) for a, b in pairs if a[0] == b[0]), None)
    return f"'{printable(twice[0])}' and '{printable(twice[1])}' have the same number" if twice else ""


def frame_fault(names: Iterable[str], rate: float) -> str:
    """Why a folder of pictures with these names is not a video at this frame rate; empty if it is."""
    numbered, others = numbered_pictures(names)
    if others:
        return f"the picture '{printable(others[0])}' has no number at the end of its name"
    if len(numbered) < 2:
        return "a single picture is not a video"
    if fault := repeated_number(numbered):
        return fault
    return "" if rate else "a folder of frames states no frame rate; state it with --set frames.fps=25"


def read_picture(path: Path, max_pixels: int) -> av.VideoFrame:
    """A JPEG or PNG picture as FFmpeg decodes it, with the same colours as in a video.

    Raises VideoError: not a regular file, not such a picture, damaged, or larger than `max_pixels`.
    """
    import av

    try:
        content = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise VideoError(f"cannot be opened ({error.strerror or error})", where=path, fix=READABLE) from error
    codec = next((name for start, name in CODECS.items() if content.startswith(start)), None)
    if codec is None:
        what = "is not a JPEG or PNG picture" if content else "the file is empty"
        raise VideoError(what, where=path, fix=AGAIN)
    context: Any = av.CodecContext.create(codec, "r")
    context.options = {"err_detect": "explode", "max_pixels": str(max_pixels)}
    try:
        pictures = [*context.decode(av.Packet(content)), *context.decode(None)]
    except av.error.FFmpegError as error:
        raise VideoError("this picture is damaged or too large", where=path, fix=AGAIN) from error
    if not pictures:
        raise VideoError("no picture in this file", where=path, fix=AGAIN)
    picture: av.VideoFrame = pictures[0]
    return picture


def fingerprint_frames(frames: FrameFolder) -> str:
    """The fingerprint of a folder of frames, over the content of the pictures, their order and the frame rate.

    Raises OSError: a picture cannot be read; VideoError: see `FrameFolder.files`.
    """
    parts = [f"{fingerprint_file(file)}\n".encode() for file in frames.files()]
    return hashlib.sha256(f"{fingerprint(len(parts), parts)} at {float(frames.rate)!r}".encode()).hexdigest()
