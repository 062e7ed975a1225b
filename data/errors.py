"""Errors for users: what is wrong, in which file, and how to fix it."""

from __future__ import annotations

import difflib
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

MOST_DIGITS = 6
"""Most digits after the point that a message shows."""

PROGRAM = "python run_pipeline.py" if Path(*sys.argv[:1]).name == "run_pipeline.py" else "aqa"
"""The command that started the program, for messages and examples."""


class AimError(Exception):
    """An error that the user can fix.

    Its texts are made printable, because they quote names and contents of untrusted files.

    Args:
        what: what is wrong, one sentence without a full stop.
        where: the file, or `file:line`.
        fix: what to do or type next.
    """

    def __init__(self, what: str, *, where: str | Path | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = printable(what)
        self.where = printable(where) if where is not None else None
        self.fix = None if fix is None else printable(fix)

    def __str__(self) -> str:
        """One line: `where: what. fix`."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}{'' if text.endswith('?') else '.'} {self.fix}" if self.fix else text

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the keyword arguments too."""
        return partial(type(self), where=self.where, fix=self.fix), (self.what,)


class UsageError(AimError):
    """A wrong command line or configuration, or a missing package (exit code 2)."""


class VideoError(AimError):
    """An unusable video; it is skipped and reported."""


class ChangedError(VideoError):
    """An input or output changed during use."""


class DataError(AimError):
    """A label, kinematics, split or weights file that cannot be used."""


class WeightsError(DataError):
    """A file of weights that is missing, damaged, or of another network; videos are not at fault."""


class CacheError(AimError):
    """A cache file that is damaged or of another format; it is recomputed."""


class StorageError(AimError, OSError):
    """An object store does not answer or refuses; never recorded as a video's failure.

    It is an OSError too, so callers treat it like a failing disk.
    """

    @property
    def strerror(self) -> str:  # type: ignore[override]
        """The text, where other errors of the system have the system's."""
        return self.what


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters; the name of its class if the message is empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


@contextmanager
def out_of_memory() -> Iterator[None]:
    """Turn errors of torch, OpenVINO or ONNX into MemoryError if their message says that memory is short.

    Use it only for calls without file names: a file may be called "out of memory.mp4".
    """
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error).lower() for words in ALLOCATION):
            raise
        raise MemoryError(first_line(error)) from error


ALLOCATION = ("not enough memory", "out of memory", "allocate memory", "to allocate", "bad_alloc", "bad alloc")
"""Messages of these libraries in lower case, as types of errors vary and have no codes."""


class Cancelled(Exception):  # noqa: N818 -- it is not an error
    """The user asked to stop; nothing is wrong."""


LossKind = Literal["crashed", "killed", "timeout"]
"""Cause of a worker's loss: a crash, another process, or the time limit."""


class WorkerLost(Exception):  # noqa: N818 -- it is an event, often not an error
    """A worker died, or was killed at its time limit; the message says which."""

    def __init__(self, what: str, kind: LossKind = "killed") -> None:
        super().__init__(what)
        self.kind = kind


def printable(text: str | Path) -> str:
    """`text` with control characters and undecodable file-name bytes escaped, safe for a terminal and for JSON."""
    shown = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def quoted(*words: str | Path) -> str:
    """Words quoted for a shell if necessary; a path never looks like an option.

    >>> quoted("--set", "dataset.root=my videos", Path("-clips"))
    "--set 'dataset.root=my videos' ./-clips"
    """
    plain = (f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else word for word in words)
    return shlex.join(map(printable, plain))


def typed(*words: str | Path) -> str:
    """The command line of the program with these words, `quoted`."""
    return f"{PROGRAM} {quoted(*words)}"


def install_line(extra: str = "") -> str:
    """The command that installs the program with an extra, from any folder.

    A checkout is installed in place; otherwise pip finds the installed program by its name. The mmpose extra needs a
    separate environment and the stand-ins; CHECKOUT is a placeholder for the path of a checkout.
    """
    root = Path(__file__).resolve().parent.parent
    mmpose = extra == "mmpose"
    checkout = printable(root) if (root / "setup.cfg").is_file() else "CHECKOUT" if mmpose else ""
    editable, name = ("-e ", checkout) if checkout else ("", "aim-pipeline")
    line = f'python -m pip install {editable}"{name}{f"[{extra}]" if extra else ""}"'
    alone = "python3 -m venv .venv-mmpose && . .venv-mmpose/bin/activate"
    return f'{alone} && {line} "{checkout}/stand_ins/chumpy" "{checkout}/stand_ins/xtcocotools"' if mmpose else line


@contextmanager
def of_extra(extra: str, what: str, *, where: str | Path | None = None, instead: str = "") -> Iterator[None]:
    """Turn a failed import into UsageError: `what` needs a package of an extra."""
    try:
        yield
    except ImportError as error:
        text = f"{what} needs the package '{error.name}', which is not installed"
        raise UsageError(text, where=where, fix=f"Type: {install_line(extra)}{instead}") from None


def counted(count: int, noun: str) -> str:
    """A number with its noun, plural unless it is 1.

    >>> counted(1, "video"), counted(0, "video")
    ('1 video', '0 videos')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def significant(value: float) -> str:
    """Three significant digits without an exponent below a million.

    >>> significant(1349.6), significant(24.71), significant(0.01234)
    ('1350', '24.7', '0.0123')
    """
    return f"{float(f'{value:.3g}') + 0.0:.6g}"  # + 0.0: no negative zero


def decimals(value: float, digits: int) -> str:
    """The number with `digits` decimals; zero has no minus sign.

    >>> decimals(-0.0001, 2), decimals(-0.3, 2)
    ('0.00', '-0.30')
    """
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def interval_text(interval: tuple[float, float] | None, digits: int = 2) -> str | None:
    """Both ends of an interval, or None."""
    return None if interval is None else " to ".join(decimals(end, digits) for end in interval)


def apart(*values: float, digits: int = 1) -> tuple[str, ...]:
    """Numbers as texts, with the fewest decimals that keep unequal numbers unequal and nonzero numbers nonzero.

    The number of decimals is from `digits` to `MOST_DIGITS`.

    >>> apart(0.97, 1.02), apart(0.04, 0.06), apart(2.0, 2.0)
    (('0.97', '1.02'), ('0.04', '0.06'), ('2.0', '2.0'))
    """
    distinct = len({*values, 0.0})
    shown = [tuple(f"{value:.{count}f}" for value in values) for count in range(digits, MOST_DIGITS + 1)]
    return next((texts for texts in shown if len({*map(float, texts), 0.0}) == distinct), shown[-1])


def closest(name: str, names: Iterable[str], likeness: float = 0.5) -> str:
    """The known name closest to `name`; empty if difflib's ratio is below `likeness`."""
    return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=likeness)), "")


def nearest(name: str, names: Iterable[str], likeness: float = 0.5) -> str:
    """`did you mean …?` for the known name closest to `name`, or the list of known names; `likeness` as above."""
    options = sorted(names)
    return f"did you mean '{close}'?" if (close := closest(name, options, likeness)) else f"known: {', '.join(options)}"
