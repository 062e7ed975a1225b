"""Watches how this process opens, writes, syncs and renames files below a folder: lets one operation fail, and tells
what a kill or a power cut would leave. C code that opens files itself is not seen.
"""

import _pyio
import builtins
import errno
import io
import os
import shutil
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from threading import get_ident
from unittest.mock import patch

OPERATIONS = ("open", "write", "fsync", "replace")


@contextmanager
def watched(folder, before, after=lambda name, path: None):
    """Call `before` with each operation below a folder, its path and whether it changes a file; then `after`."""

    looking = set()  # threads in which `before` or `after` works, whose own operations do not count

    def watching(name, original):
        def operation(target, *args, **named):
            place = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else os.path.abspath(target)
            path = Path(os.fsdecode(place))
            if get_ident() in looking or not path.is_relative_to(folder):
                return original(target, *args, **named)
            looking.add(get_ident())
            try:
                before(name, path, name != "open" or args[0] & (os.O_WRONLY | os.O_RDWR))
                result = original(target, *args, **named)
                after(name, path)
            finally:
                looking.discard(get_ident())
            return result

        return operation

    with ExitStack() as stack:
        for module in (io, builtins):  # Python's own implementation of files, which calls functions of `os`
            stack.enter_context(patch.object(module, "open", _pyio.open))
        for name in OPERATIONS:
            stack.enter_context(patch.object(os, name, watching(name, getattr(os, name))))
        yield


@contextmanager
def failing(folder, number, lasting=False):
    """Let the `number`-th operation below a folder fail, and with `lasting` every later change; yields those that did.

    The disk does not read or sync (EIO), or is full (ENOSPC).
    """
    failed, numbers = [], count(1)

    def before(name, path, changes):
        if (now := next(numbers)) == number or (lasting and now > number and changes):
            code = errno.ENOSPC if changes and name != "fsync" else errno.EIO
            failed.append((name, path))
            raise OSError(code, os.strerror(code), str(path))

    with watched(folder, before):
        yield failed


def content(folder):
    """The content of every file below a folder by its path in it; None for a folder."""
    paths = sorted(folder.rglob("*"))
    return {path.relative_to(folder): None if path.is_dir() else path.read_bytes() for path in paths}


def restore(folder, files):
    """Let a folder hold these files, as `content` gives them, and no others."""
    shutil.rmtree(folder)
    folder.mkdir()
    for path, data in files.items():
        place = folder / path
        (place if data is None else place.parent).mkdir(parents=True, exist_ok=True)
        if data is not None:
            place.write_bytes(data)


def crashes(folder, run, finished):
    """Every different content of a folder that a crash during `run` may leave, with a copy of `finished` at that time.

    After a kill all changes are there. After a power cut, content is there that was synced; names are those of the last
    sync of their folder, or all.
    """
    synced, names, found = {}, {}, {}

    def sync(path):
        if path.is_dir():
            names[path] = [(entry, None if entry.is_dir() else entry.stat().st_ino) for entry in path.iterdir()]
        else:
            synced[path.stat().st_ino] = path.read_bytes()

    def after(name, path):
        if name == "fsync":
            sync(path)
        elif name == "open" and path.is_file() and not path.stat().st_size:  # its number may be that of a deleted file
            synced.pop(path.stat().st_ino, None)

    def lasting(place):
        for path, number in names.get(place, ()):
            yield path.relative_to(folder), number and synced.get(number, b"")
            yield from lasting(path)

    def crash(*_):
        live = content(folder)
        cut = {
            path: None if data is None else synced.get((folder / path).stat().st_ino, b"")
            for path, data in live.items()
        }
        for files in (live, cut, dict(lasting(folder))):
            found.setdefault((frozenset(files.items()), frozenset(finished)), files)

    for path in (folder, *folder.rglob("*")):
        sync(path)
    with watched(folder, crash, after):
        run()
    crash()
    return [(files, done) for (_, done), files in found.items()]
