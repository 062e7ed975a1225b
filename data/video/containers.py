"""Opens video files with FFmpeg, and finds the stream that players show.

Only regular local files in the containers listed here are opened.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

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

AGAIN = "Copy or download the video again"

OPEN_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}


def ffmpeg_url(path: Path) -> str:
    """The URL by which FFmpeg opens exactly this local file.

    FFmpeg reads `name:rest` as protocol and address, so `file:a.mp4` would open `a.mp4`, and `12:30.mp4` would fail.
    """
    return f"file:{path.absolute()}"


def open_video(path: Path) -> av.container.InputContainer:
    """A video file opened for reading; the caller closes it. Raises VideoError: unreadable, or an unknown container."""
    import av

    try:
        with open_regular(path) as stream:
            empty = not stream.read(1)
        if empty:
            raise VideoError("the file is empty", where=path, fix=AGAIN)
        return av.open(ffmpeg_url(path), mode="r", metadata_errors="replace", options=OPEN_OPTIONS)
    except av.error.FFmpegError as error:
        raise VideoError(
            f"not a readable video ({reason(error)})", where=path, fix="Play it to check it, then replace or remove it"
        ) from error
    except OSError as error:
        what = f"cannot be opened ({error.strerror or error})"
        raise VideoError(what, where=path, fix=READABLE) from error


def video_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream | None:
    """The stream that players show: the first marked as default, else the first; cover pictures do not count."""
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    marked = [s for s in streams if s.disposition & Disposition.default]
    return next(iter([*marked, *streams]), None)


def reason(error: BaseException) -> str:
    """FFmpeg's error in words."""
    number = getattr(error, "errno", None)
    text = getattr(error, "strerror", None) or str(error)
    return "the file is damaged or of another kind" if number == errno.EINVAL else text
