"""Receives uploads: streams a request's body to a file, checks size and type, and generates its name."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from data.errors import printable
from data.video import VIDEO_SUFFIXES

NAME_LENGTH = 200
"""Characters of a client's file name that are kept for display."""

HEAD_BYTES = 512
"""Bytes at the start of a file that identify its type."""

_MAGIC = (
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"mdat"),
    (4, b"wide"),
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (0, b"RIFF"),
    (0, b"\x00\x00\x01\xba"),  # MPEG program stream
    (0, b"\x00\x00\x01\xb3"),
    (0, b"\x47"),  # MPEG transport stream
    (0, b"FLV"),
    (0, b"\x30\x26\xb2\x75"),  # ASF, WMV
)


class UploadError(Exception):
    """An upload that is refused.

    Args:
        status: HTTP status.
        reason: one line for the user.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Upload:
    """A completely received file.

    Attributes:
        id: 32 hexadecimal digits; names the folder.
        name: the client's name, printable, without folders, for display only.
        suffix: one of `VIDEO_SUFFIXES`.
        path: FOLDER/id/video + suffix.
        size: bytes.
        content: SHA-256.
    """

    id: str
    name: str
    suffix: str
    path: Path
    size: int
    content: str


def shown_name(header: str | None) -> str:
    """The client's file name from its percent-encoded header: last part, printable, shortened before its suffix."""
    decoded = unquote(header or "", errors="replace")
    name = printable(PureWindowsPath(PurePosixPath(decoded).name).name) or "video"
    suffix = PurePosixPath(name).suffix[:NAME_LENGTH]
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - len(suffix)] + suffix


def suffix_of(name: str) -> str:
    """The admitted suffix of a file name.

    Raises:
        UploadError: another suffix.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise UploadError(415, f"not a video: videos end in {' '.join(sorted(VIDEO_SUFFIXES))}")
    return suffix


async def receive(
    body: AsyncIterator[bytes], header: str | None, announced: int | None, folder: Path, most_bytes: int
) -> Upload:
    """Write a body to disk. A refused or broken upload leaves no file.

    Args:
        body: the bytes.
        header: percent-encoded name of the file.
        announced: Content-Length, where the client sent one.
        folder: folder of the job folders.
        most_bytes: limit of one file.

    Raises:
        UploadError: wrong type, too large, empty, or the disk is full.
    """
    name = shown_name(header)
    suffix = suffix_of(name)
    if announced is not None and announced > most_bytes:
        raise _too_large(most_bytes)
    job = secrets.token_hex(16)
    place = folder / job
    path = place / f"video{suffix}"
    try:
        place.mkdir(parents=True)
        size, digest = await _write(body, path, most_bytes)
        return Upload(job, name, suffix, path, size, digest)
    except BaseException as error:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UploadError(507, "the disk is full") from error
        raise


async def timely(body: AsyncIterator[bytes], stall_s: float, upload_s: float) -> AsyncIterator[bytes]:
    """The blocks of a body, as long as they come in time.

    Args:
        body: the bytes.
        stall_s: longest time without a block.
        upload_s: longest time in all, which also ends uploads of a few bytes a minute.

    Raises:
        UploadError: the upload took longer.
    """
    end = time.monotonic() + upload_s
    while True:
        left = end - time.monotonic()
        try:
            yield await asyncio.wait_for(body.__anext__(), max(0.0, min(stall_s, left)))
        except StopAsyncIteration:
            return
        except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
            late = f"took longer than {upload_s:.0f} s" if left <= stall_s else f"sent nothing for {stall_s:.0f} s"
            raise UploadError(408, f"the upload was dropped: it {late}") from None


async def _write(body: AsyncIterator[bytes], path: Path, most_bytes: int) -> tuple[int, str]:
    digest, size, head = hashlib.sha256(), 0, b""
    with path.open("xb") as stream:
        async for block in body:
            size += len(block)
            if size > most_bytes:
                raise _too_large(most_bytes)
            if len(head) < HEAD_BYTES:
                head += block[: HEAD_BYTES - len(head)]
                if len(head) >= 16 and not is_video(head):
                    raise UploadError(415, "the file's content is not a video")
            digest.update(block)
            stream.write(block)
    if not is_video(head):
        raise UploadError(415, "the file is empty" if not size else "the file's content is not a video")
    return size, digest.hexdigest()


def is_video(head: bytes) -> bool:
    """Whether a file starts like a video container; decoding makes the final check."""
    return any(head[start : start + len(mark)] == mark for start, mark in _MAGIC)


def remove(folder: Path) -> None:
    """Delete a job's folder."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _too_large(most_bytes: int) -> UploadError:
    return UploadError(413, f"the file is larger than {most_bytes / 1e6:.0f} MB")
