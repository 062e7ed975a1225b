"""What every reader of a file of other people must do with a damaged one, and the damages.

A reader gives the facts of a file. Of a damaged one it gives no other facts, or it raises an error of ours that names
the file and a fix. It never takes long.
"""

import copy
import json
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from data.errors import AimError

MAX_SECONDS = 5.0
"""Longest time of this process that a small damaged file may take."""

TEXTS = {".csv", ".txt", ".trc", ".mot", ".tsv", ".eaf"}
NUMBER = re.compile(rb"(?<![^\s,;\t=\"])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![^\s,;\t\"])")


class Sample(NamedTuple):
    """A sound file, how it is read, and small changes after which it must be refused."""

    make: Callable[[Path], Path]  # writes into a folder; returns the file that is damaged
    read: Callable[[Path, Path], Iterable[Any]]  # folder and file -> facts
    refused: tuple[tuple[str, str], ...] = ()  # (text, what takes its place) of a text file


def facts(sample, folder, path):
    """The facts of a file; None where it is refused with its name and a fix."""
    start, given, refusal = time.process_time(), None, None
    try:
        given = set(sample.read(folder, path))
    except AimError as error:
        refusal = error
    assert time.process_time() - start < MAX_SECONDS
    if refusal is not None:
        assert str(refusal.where).startswith(str(folder))
        assert refusal.fix
        assert str(refusal).isprintable()
    return given


def damaged(path):
    """Contents that say less than the file, or the same twice or in another order, by what was done."""
    content = path.read_bytes()
    yield "empty", b""
    for eighth in range(1, 8):
        cut = content[: len(content) * eighth // 8]
        yield f"cut at {eighth}/8", re.sub(rb"[^\s,;]*$", b"", cut) if path.suffix in TEXTS else cut
    if path.suffix == ".json":
        changes = [*_changed(json.loads(content))]
        for number, (what, value) in enumerate(changes):
            if ": " in what or number % max(1, len(changes) // 24) == 0:
                yield what, json.dumps(value).encode()
    elif path.suffix in TEXTS:
        lines = content.splitlines(keepends=True)
        for row in {0, 1, len(lines) // 2, len(lines) - 1} & {*range(len(lines))}:
            yield f"line {row} twice", b"".join([*lines[: row + 1], *lines[row:]])
            yield f"without line {row}", b"".join(lines[:row] + lines[row + 1 :])
        yield "last lines exchanged", b"".join([*lines[:-2], *lines[:-3:-1]])
        yield "cut after a line", b"".join(lines[:-1])
        numbers = [*NUMBER.finditer(content)]
        for number in numbers[:: max(1, len(numbers) // 12)]:
            for other in (b"x", b"nan", *([b""] if path.suffix != ".txt" else [])):  # blanks may stand for one
                yield f"{number[0]!r} is {other!r}", content[: number.start()] + other + content[number.end() :]


def _changed(value, path=""):
    """Copies of JSON with an outer list repeated or turned round, or with a text in place of a number or reversely."""
    if isinstance(value, list) and path.count("/") < 2:
        others = {"empty": [], "twice": value + value, "reversed": value[::-1], "less": value[1:]}
        yield from ((f"{path}: {what}", other) for what, other in others.items())
    elif isinstance(value, (int, float, str)):
        yield from ((f"{path} is {other}", other) for other in ((7,) if isinstance(value, str) else ("x", None)))
    for key in [*value] if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        for what, other in _changed(value[key], f"{path}/{key}"):
            made = copy.copy(value)
            made[key] = other
            yield what, made
