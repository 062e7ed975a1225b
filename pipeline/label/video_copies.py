"""Copies of videos that browsers cannot play, such as VP9 in MP4, each made once, before its question."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from data.store import write_bytes
from data.store.scratch import working_folder
from data.video import embed_video
from data.video.web_media import playable_type

COPY_BYTES = 64 << 20
"""Most bytes of a copy."""

AT_ONCE = 2
"""Number of parallel copies: those of a pair."""


class VideoCopies:
    """Copies by the content of their video, in a folder that the first copy creates and `close` removes."""

    def __init__(self) -> None:
        self._made: dict[str, Future[Path | None]] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE)  # no `run_items`, which ends with its items: these come one by one
        self._ending = ExitStack()

    @cached_property
    def _folder(self) -> Path:
        return self._ending.enter_context(working_folder(Path(tempfile.gettempdir()), "aim-label-"))

    def ask(self, content: str, path: Path) -> Future[Path | None] | None:
        """A future of the copy, or of None if too large; None for a video that browsers can play. Raises VideoError.

        A failed copy is retried. Callers must share one thread.
        """
        if playable_type(path):
            return None
        made = self._made.get(content)
        if made is None or (made.done() and made.exception() is not None):
            made = self._made[content] = self._pool.submit(_copy, path, self._folder / f"{content}.mp4")
        return made

    def close(self) -> None:
        """Wait for running copies and remove all."""
        self._pool.shutdown(cancel_futures=True)
        self._ending.close()


def _copy(video: Path, copy: Path) -> Path | None:
    if (embedded := embed_video(video, COPY_BYTES)) is None:
        return None
    write_bytes(copy, embedded.content)
    return copy
