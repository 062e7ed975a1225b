"""The errors that a user reads: what is wrong, in which file, what to type next."""

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
"""How the user called us, for the commands in messages and examples."""


class AimError(Exception):
    """An error that the user can fix.

    Its texts are made printable, because they quote names and contents of foreign files.

    Args:
        what: what is wrong, one sentence without a full stop.
        where: the file (or `file:line`) it is wrong in.
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
        """Keep the keyword parts when the error crosses a process border."""
        return partial(type(self), where=self.where, fix=self.fix), (self.what,)


class UsageError(AimError):
    """A wrong command line or configuration, or a missing package (exit code 2)."""


class VideoError(AimError):
    """An unusable video; it is skipped and reported."""


class ChangedError(VideoError):
    """An input or an output changed while it was used."""


class DataError(AimError):
    """A label, kinematics, split or weights file that cannot be used."""


class WeightsError(DataError):
    """A file of weights that is missing, damaged, or of another network; no video is at fault."""


class CacheError(AimError):
    """A cache file that is damaged or of another format; it is recomputed."""


class StorageError(AimError, OSError):
    """An object store does not answer or refuses; this is never recorded as a video's failure.

    It is an OSError too, so callers treat it like a failing disk.
    """

    def __init__(self, what: str, *, where: str | Path | None = None, fix: str | None = None) -> None:
        super().__init__(what, where=where, fix=fix)
        self.strerror = self.what


def first_line(error: BaseException) -> str:
    """What an error says first, at most 200 characters; the name of its class where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


@contextmanager
def out_of_memory() -> Iterator[None]:
    """Raise MemoryError for an error by which torch, OpenVINO or ONNX says in words alone that memory is short.

    It is for calls that get numbers and no file: a file may have the name "out of memory.mp4".
    """
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error).lower() for words in ALLOCATION):
            raise
        raise MemoryError(first_line(error)) from error


ALLOCATION = ("not enough memory", "out of memory", "allocate memory", "to allocate", "bad_alloc", "bad alloc")
"""What those libraries say, in lower case; types of errors vary, and have no code."""


class Cancelled(Exception):  # noqa: N818 -- it is not an error
    """The user asked to stop; nothing is wrong."""


LossKind = Literal["crashed", "killed", "timeout"]
"""How a worker was lost: by a crash of its own, by another process, or by its limit of time."""


class WorkerLost(Exception):  # noqa: N818 -- it is an event, often no error
    """A worker ended by itself, or was ended for its time; the message says how."""

    def __init__(self, what: str, kind: LossKind = "killed") -> None:
        super().__init__(what)
        self.kind = kind


def printable(text: str | Path) -> str:
    """`text` with control characters and undecodable file-name bytes escaped, safe for a terminal and for JSON."""
    shown = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def quoted(*words: str | Path) -> str:
    """Words as they are typed in a shell: in quotes where one needs them, and a path is never read as an option.

    >>> quoted("--set", "dataset.root=my videos", Path("-clips"))
    "--set 'dataset.root=my videos' ./-clips"
    """
    plain = (f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else word for word in words)
    return shlex.join(map(printable, plain))


def typed(*words: str | Path) -> str:
    """The command line of the program with these words, `quoted`."""
    return f"{PROGRAM} {quoted(*words)}"


def install_line(extra: str = "") -> str:
    """The line that installs the program with an extra; it works in every folder, and after a plain installation.

    A checkout is installed in place. An installed program has its name, which pip finds in the environment. The mmpose
    extra wants an environment of its own and the stand-ins; CHECKOUT stands for a checkout where there is none.
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
    """Raise UsageError where an import fails: `what` needs a package that comes with an extra of this program."""
    try:
        yield
    except ImportError as error:
        text = f"{what} needs the package '{error.name}', which is not installed"
        raise UsageError(text, where=where, fix=f"Type: {install_line(extra)}{instead}") from None


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural unless the number is 1.

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
    """The number with `digits` decimals; one that is shown as zero has no minus sign.

    >>> decimals(-0.0001, 2), decimals(-0.3, 2)
    ('0.00', '-0.30')
    """
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def apart(*values: float, digits: int = 1) -> tuple[str, ...]:
    """Numbers as texts, with the fewest decimals that keep unequal ones unequal, and nonzero ones nonzero.

    There are at least `digits` decimals, and at most `MOST_DIGITS`.

    >>> apart(0.97, 1.02), apart(0.04, 0.06), apart(2.0, 2.0)
    (('0.97', '1.02'), ('0.04', '0.06'), ('2.0', '2.0'))
    """
    distinct = len({*values, 0.0})
    shown = [tuple(f"{value:.{count}f}" for value in values) for count in range(digits, MOST_DIGITS + 1)]
    return next((texts for texts in shown if len({*map(float, texts), 0.0}) == distinct), shown[-1])


def closest(name: str, names: Iterable[str], likeness: float = 0.5) -> str:
    """The known name closest to `name`; empty where none is like it (difflib's ratio from `likeness` on)."""
    return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=likeness)), "")


def nearest(name: str, names: Iterable[str], likeness: float = 0.5) -> str:
    """`did you mean …?` for the known name closest to `name`, or the list of known names; `likeness` as above."""
    options = sorted(names)
    return f"did you mean '{close}'?" if (close := closest(name, options, likeness)) else f"known: {', '.join(options)}"
