"""Receives uploads: streams a request's body to files, checks their size, and makes their names.

Decoding checks their content. The body is the video. For a model of kinematics, the body is the kinematics file
followed by the video, if any.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from fastapi import HTTPException
from starlette.requests import ClientDisconnect

from data.datasets import trial_of
from data.errors import printable
from data.video import VIDEO_SUFFIXES
from pipeline.serve.submissions import Submission

NAME_LENGTH = 200
"""Most characters of a client's file name for display."""

KINEMATICS = "kinematics.txt"
"""Name of the kinematics file in a submission's folder."""

MOST_BYTES = 512 * 10**6
"""Most bytes of an upload."""

MOST_KINEMATICS = 64 << 20
"""Most bytes of a kinematics file, which is read whole; an hour of surgery has fewer."""

DISK_FULL = "the server's disk is full: free space there, then upload this again"


class UploadError(HTTPException):
    """The refusal of an upload, with its HTTP status and one line for the user."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason, {"connection": "close"})


@dataclass(frozen=True)
class BodyHeaders:
    """The headers of a request that describe its body."""

    video: str | None  # percent-encoded names of the files, None without this part
    kinematics: str | None = None
    kinematics_bytes: int = 0  # length of the kinematics file at the start of the body

    def check(self, reads: Collection[str]) -> None:
        """Raise UploadError if the model reads other files, a file is too large, or the trials differ."""
        if self.video is None and "video" in reads:
            raise UploadError(400, "this model also reads the video: drop the video of this trial too")
        if self.kinematics is None and "kinematics" in reads:
            raise UploadError(
                400, "this model also reads kinematics: drop the kinematics file (.txt) of this trial too"
            )
        if self.kinematics is not None and "kinematics" not in reads:
            raise UploadError(415, "this model does not read kinematics: drop videos only")
        if self.kinematics_bytes > MOST_KINEMATICS:
            raise _too_large(MOST_KINEMATICS)
        stems = [PurePosixPath(shown_name(name)).stem for name in (self.video, self.kinematics) if name is not None]
        trials = [trial_of(stem) for stem in stems]
        if stems != trials and len(set(trials)) > 1:
            differ = f"the video is of {trials[0]}, the kinematics of {trials[1]}"
            raise UploadError(400, f"{differ}: drop files of one trial")


def shown_name(header: str | None) -> str:
    """The client's file name from its percent-encoded header: last part, printable, shortened before its suffix."""
    decoded = unquote(header or "", errors="replace")
    name = printable(PureWindowsPath(PurePosixPath(decoded).name).name) or "video"
    suffix = PurePosixPath(name).suffix[:NAME_LENGTH]
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - len(suffix)] + suffix


def suffix_of(name: str) -> str:
    """The suffix of a video's file name in lower case. Raises UploadError for another file."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise UploadError(415, f"not a video: videos end in {' '.join(sorted(VIDEO_SUFFIXES))}")
    return suffix


async def receive(
    body: AsyncIterator[bytes], headers: BodyHeaders, announced: int | None, folder: Path, most_bytes: int
) -> Submission:
    """Write a body into a new folder below `folder`, as `video` + suffix and `KINEMATICS`, and return its submission.

    A refused or broken upload leaves no file. `announced` is the Content-Length, if the client sent one. Raises
    UploadError for a body of a wrong type, too large or empty, or if the disk is full.
    """
    names = [shown_name(name) for name in (headers.video, headers.kinematics) if name is not None]
    suffix = "" if headers.video is None else suffix_of(names[0])
    if announced is not None and announced > most_bytes:
        raise _too_large(most_bytes)
    submission = secrets.token_hex(16)
    upload_folder = folder / submission
    try:
        upload_folder.mkdir(parents=True)
        paths = (upload_folder / KINEMATICS, upload_folder / f"video{suffix}")
        size, digest = await _write(body, paths, headers, most_bytes)
        return Submission(submission, " + ".join(names), suffix, size, digest)
    except BaseException as error:
        shutil.rmtree(upload_folder, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UploadError(507, DISK_FULL) from error
        raise


async def timely(body: AsyncIterator[bytes], stall_s: float, upload_s: float) -> AsyncIterator[bytes]:
    """The blocks of a body. Raises UploadError after `stall_s` without a block, or after `upload_s` in all."""
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


async def drain(body: AsyncIterator[bytes], most_s: float) -> None:
    """Read and drop the rest of a refused body for at most `most_s`: a sending browser does not read the answer."""
    with suppress(UploadError, ClientDisconnect):
        async for _ in timely(body, most_s, most_s):
            continue


async def _write(
    body: AsyncIterator[bytes], paths: tuple[Path, Path], headers: BodyHeaders, most_bytes: int
) -> tuple[int, str]:
    """Write the kinematics and the video of a body to two paths; returns the body's size and SHA-256."""
    digest, size, left = hashlib.sha256(), 0, headers.kinematics_bytes
    with ExitStack() as files:
        text = files.enter_context(paths[0].open("xb")) if headers.kinematics is not None else None
        video = files.enter_context(paths[1].open("xb")) if headers.video is not None else None
        async for block in body:
            size += len(block)
            if size > most_bytes:
                raise _too_large(most_bytes)
            digest.update(block)
            first, rest = block[:left], block[left:]
            left -= len(first)
            if text is not None:
                text.write(first)
            if rest and video is None:
                raise UploadError(400, "the body is longer than its headers")
            if video is not None:
                video.write(rest)
    if left or (headers.kinematics is not None and not headers.kinematics_bytes):
        raise UploadError(400, "the kinematics file is empty or incomplete")
    if headers.video is not None and size <= headers.kinematics_bytes:
        raise UploadError(415, "the file is empty")
    return size, digest.hexdigest()


def _too_large(most_bytes: int) -> UploadError:
    return UploadError(413, f"the file is larger than {most_bytes / 1e6:.0f} MB")
