"""Checks a command's destinations before the work begins, and names them in errors of a full disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import AimError, UsageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a full disk; they name no file."""

MAKE_ROOM = "Make room on that disk, then run the same command again"


def is_full(error: Exception) -> bool:
    """Whether an error says that the disk is full."""
    return getattr(error, "errno", None) in FULL


def check_file(out: Path) -> None:
    """Raise UsageError, before the work begins, for a file that cannot be written."""
    # /dev/stdout is a link, which a new file would replace
    is_stream = out.is_symlink() and str(out.readlink()).startswith("/proc/")
    if is_stream or (out.exists() and not out.is_file()):
        raise UsageError("cannot be written (it is not a file)", where=out, fix="Name a file, such as FOLDER/NAME")
    check_folder(out.parent, out)


def check_folder(folder: Path, out: Path | None = None) -> None:
    """Raise UsageError for a folder, existing or not, that is not writable; the error names `out`."""
    from tempfile import TemporaryFile

    from data.store import is_remote

    out = out or folder
    if is_remote(out):
        raise UsageError("cannot be written (only a cache can be on a store)", where=out, fix="Name a local place")
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    try:
        with TemporaryFile(dir=there):  # modes do not prove it: by mode, root may write to /proc
            pass
    except OSError as error:
        raise file_error(error, out) from None


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Raise UsageError about `out` for errors without a file or with a temporary one, such as a full disk."""
    from safetensors import SafetensorError

    from data.store.atomic_writes import TEMPORARY

    try:
        yield
    except SafetensorError as error:  # raised for a full disk
        raise file_error(error, out) from None
    except OSError as error:
        named = error.filename is not None and not Path(os.fsdecode(error.filename)).name.startswith(TEMPORARY)
        if named or isinstance(error, (AimError, ConnectionError)):
            raise
        raise file_error(error, out) from None


def file_error(error: Exception, path: str | Path | None = None) -> UsageError:
    """An OSError or failed write as a UsageError: `path` is not writable, or the named file is unusable."""
    what = getattr(error, "strerror", None) or str(error)
    if is_full(error) or not isinstance(error, OSError):
        fix = MAKE_ROOM
    elif path is None and error.errno == errno.ENOENT and error.filename is None:  # `tempfile` found no folder
        fix = "Make room there, or name another folder for temporary files: TMPDIR=FOLDER"
    else:
        fix = "Name another place, or check that this one is there and that you may use it"
    if path is not None:
        return UsageError(f"cannot be written ({what})", where=path, fix=fix)
    named = getattr(error, "filename", None)
    return UsageError(what, where=os.fsdecode(named) if isinstance(named, (str, bytes, Path)) else None, fix=fix)
