"""Local copies of objects while they are decoded: bounded in size, removed afterwards, swept after a kill."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from data.errors import Cancelled, StorageError
from data.store.files import abandoned, lock, safe_name
from data.store.fingerprint import Fingerprint
from data.store.remote import RemoteFile, Storage

PREFIX = "aim-scratch-"


@contextmanager
def fetched(
    files: Mapping[str, RemoteFile], stop: threading.Event | None = None
) -> Iterator[dict[str, tuple[Path, str]]]:
    """Local copies of objects (at least one) by kind, each with its content's fingerprint, until the block ends.

    Raises StorageError: an object is not available, or the disk is full; Cancelled: `stop` was set meanwhile.
    """
    base = _base(next(iter(files.values())).storage)
    with ExitStack() as stack:
        try:
            base.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(working_folder(base, PREFIX, sweep=False))  # runs sweep once: `sweep_scratch`
        except OSError as error:
            raise _scratch_error(error, base) from error
        copies: dict[str, tuple[Path, str]] = {}
        for kind, file in sorted(files.items()):
            place = folder / safe_name(kind) / safe_name(file.name)
            place.parent.mkdir()
            copies[kind] = place, _fetch(file, place, stop)
        yield copies


def sweep_scratch(storage: Storage) -> int:
    """Remove the folders of killed processes of this user from the scratch folder; returns how many."""
    return _sweep(_base(storage), PREFIX)


@contextmanager
def working_folder(base: Path, prefix: str, *, sweep: bool = True) -> Iterator[Path]:
    """A new folder in `base`, locked until the block ends and then removed; `sweep` those of killed processes first."""
    if sweep:
        _sweep(base, prefix)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{socket.gethostname()[:40]}-{os.getpid()}-", dir=base))
        handle = os.open(folder, os.O_RDONLY) if hasattr(os, "O_DIRECTORY") else -1  # -1: no locks here
        if handle < 0 or (lock(handle) is not False and folder.exists()):
            break
        os.close(handle)  # a sweep came between the making and the lock
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle >= 0:
            os.close(handle)


def _sweep(base: Path, prefix: str) -> int:
    removed = 0
    with suppress(OSError):
        for entry in os.scandir(base):
            if not entry.name.startswith(prefix) or not entry.is_dir(follow_symlinks=False):
                continue
            if hasattr(os, "getuid") and entry.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            with suppress(OSError), abandoned(Path(entry.path), prefix) as is_nobodys:
                if is_nobodys:
                    shutil.rmtree(entry.path, ignore_errors=True)
                    removed += 1
    return removed


def _base(storage: Storage) -> Path:
    return storage.scratch or Path(tempfile.gettempdir())


def _fetch(file: RemoteFile, place: Path, stop: threading.Event | None) -> str:
    """Copy an object to `place`; returns the fingerprint of the copy, as of a local file."""
    size, blocks = file.opened()
    digest = Fingerprint(size)
    try:
        with place.open("wb") as stream:
            for block in blocks:
                digest.update(block)
                stream.write(block)
                if stop is not None and stop.is_set():
                    raise Cancelled
    except StorageError:
        raise
    except OSError as error:
        raise _scratch_error(error, place.parents[2]) from error
    return digest.hexdigest()


def _scratch_error(error: OSError, base: Path) -> StorageError:
    full = error.errno == errno.ENOSPC
    what = "no space left for the local copy of a video" if full else f"cannot be written ({error.strerror})"
    return StorageError(what, where=base, fix="Name another folder: storage.scratch")
