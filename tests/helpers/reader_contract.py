"""What every reader of a file of other people must do with a damaged one, and the damages.

A reader gives the facts of a file. Of a damaged one it gives no other facts, or it raises an error of ours that names
the file and a fix. It never takes long.
"""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
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


def facts(sample: Sample, folder: Path, path: Path) -> set[Any] | None:
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


def damaged(path: Path) -> Iterator[tuple[str, bytes]]:
    """Contents that say less than the file, or the same twice or in another order, by what was done."""
    content = path.read_bytes()
    yield "empty", b""
    for eighth in range(1, 8):
        cut = content[: len(content) * eighth // 8]
        yield f"cut at {eighth}/8", re.sub(rb"[^\s,;]*$", b"", cut) if path.suffix in TEXTS else cut
    if path.suffix == ".json":
        yield from ((what, json.dumps(value).encode()) for what, value in _changed(json.loads(content)))
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


def _changed(value: Any) -> Iterator[tuple[str, Any]]:
    """Copies of JSON whose outermost lists are repeated or turned round, or of which numbers are texts or null."""
    for owner, key, items in _lists(value):
        for what, other in (("empty", []), ("twice", items + items), ("reversed", items[::-1]), ("less", items[1:])):
            yield f"{key}: {what}", _with(value, owner, key, other)
    leaves = [leaf for leaf in _leaves(value, ()) if isinstance(leaf[1], (int, float, str))]
    for path, leaf in leaves[:: max(1, len(leaves) // 12)]:
        for other in (7,) if isinstance(leaf, str) else ("x", None):
            yield f"{path} is {other}", _replaced(value, path, other)


def _lists(value: Any) -> Iterator[tuple[bool, str, list[Any]]]:
    if isinstance(value, list):
        yield False, "", value
    elif isinstance(value, dict):
        yield from ((True, key, inner) for key, inner in value.items() if isinstance(inner, list))


def _with(value: Any, inside: bool, key: str, other: Any) -> Any:
    return {**value, key: other} if inside else other


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
    else:
        for key, inner in items:
            yield from _leaves(inner, (*path, key))


def _replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    made = copy.deepcopy(value)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = other
    return made
