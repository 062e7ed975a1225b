"""Local copies of objects for decoding, removed afterwards, or after a day if the process was killed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from data.errors import Cancelled, StorageError
from data.store.atomic_writes import ABANDONED_SECONDS, is_older
from data.store.files import safe_name
from data.store.fingerprint import begun
from data.store.remote import RemoteFile, Storage

PREFIX = "aim-scratch-"


@contextmanager
def fetched(
    files: Mapping[str, RemoteFile], stop: threading.Event | None = None
) -> Iterator[dict[str, tuple[Path, str]]]:
    """Local copies of objects (at least one) by kind, each with its fingerprint, removed at the end of the block.

    Raises StorageError: an object is not available, or the disk is full; Cancelled: `stop` was set.
    """
    base = _base(next(iter(files.values())).storage)
    with ExitStack() as stack:
        try:
            base.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(working_folder(base, PREFIX, sweep=False))  # a run sweeps by `sweep_scratch`
        except OSError as error:
            raise _scratch_error(error, base) from error
        copies: dict[str, tuple[Path, str]] = {}
        for kind, file in sorted(files.items()):
            target = folder / safe_name(kind) / safe_name(file.name)
            target.parent.mkdir()
            copies[kind] = target, _fetch(file, target, stop)
        yield copies


def sweep_scratch(storage: Storage, seconds: float) -> None:
    """Remove copies older than both a day and `seconds`, the time limit for one video."""
    _sweep(_base(storage), PREFIX, max(ABANDONED_SECONDS, seconds))


@contextmanager
def working_folder(base: Path, prefix: str, *, sweep: bool = True) -> Iterator[Path]:
    """A new folder in `base`, removed at the end of the block; `sweep` first removes folders older than a day."""
    if sweep:
        _sweep(base, prefix, ABANDONED_SECONDS)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(base: Path, prefix: str, seconds: float) -> None:
    with suppress(OSError):
        for entry in os.scandir(base):
            if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    if is_older(Path(entry.path), seconds):
                        shutil.rmtree(entry.path, ignore_errors=True)


def _base(storage: Storage) -> Path:
    return storage.scratch or Path(tempfile.gettempdir())


def _fetch(file: RemoteFile, target: Path, stop: threading.Event | None) -> str:
    """Copy an object to `target`; returns the fingerprint of the copy."""
    size, blocks = file.opened()
    digest = begun(size)
    try:
        with target.open("wb") as stream:
            for block in blocks:
                digest.update(block)
                stream.write(block)
                if stop is not None and stop.is_set():
                    raise Cancelled
    except StorageError:
        raise
    except OSError as error:
        raise _scratch_error(error, target.parents[2]) from error
    return digest.hexdigest()


def _scratch_error(error: OSError, base: Path) -> StorageError:
    full = error.errno == errno.ENOSPC
    what = "no space left for the local copy of a video" if full else f"cannot be written ({error.strerror})"
    return StorageError(what, where=base, fix="Name another folder: storage.scratch")
