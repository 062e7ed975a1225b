"""Inputs on disk become records: one record per video (or trial), with a unique id, labels and groups."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import UsageError, printable

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"})

FINGERPRINT_BLOCK = 1 << 20
"""Bytes read at a time, so that a file of any size is hashed in flat memory."""


@dataclass(frozen=True)
class Labels:
    """What judges gave one performance. Every field is optional; `score` is what AIM regresses.

    Attributes:
        score: final score, in the data set's own scale.
        execution: execution score (left out where a data set has none).
        synchronisation: synchronisation score.
        difficulty: degree of difficulty.
    """

    score: float | None = None
    execution: float | None = None
    synchronisation: float | None = None
    difficulty: float | None = None


@dataclass(frozen=True)
class Record:
    """One performance to extract, train on or score.

    Attributes:
        id: path relative to the input root, with `/` between folders; names the cache files.
        path: the video, or None where a data set lists a trial without one.
        sidecars: other input files by kind, such as {"kinematics": Path(...)}.
        task: group that is trained and reported together, such as "Suturing" or "diving".
        labels: the judges' scores, or None for an unseen video.
        groups: what must stay on one side of a split, by kind: {"trial": "Suturing_B001", "subject": "B",
            "supertrial": "1", "original": "..."}.
        split: the data set's own fixed split ("train" or "test"), or None.
    """

    id: str
    path: Path | None
    sidecars: Mapping[str, Path] = field(default_factory=dict)
    task: str = ""
    labels: Labels | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    split: str | None = None

    def files(self) -> dict[str, Path]:
        """Every input file of this record by kind ("video" first); what the fingerprint covers."""
        found = {"video": self.path} if self.path is not None else {}
        return found | dict(sorted(self.sidecars.items()))

    @property
    def name(self) -> str:
        """The id, safe for terminals, tables and JSON."""
        return printable(self.id)


@dataclass(frozen=True)
class Listing:
    """Records found, and what is wrong with the rest.

    Attributes:
        records: in the order of their ids.
        problems: one line each, naming the file: labels without video, videos without label, duplicates.
    """

    records: tuple[Record, ...]
    problems: tuple[str, ...] = ()


def find_videos(inputs: Sequence[Path]) -> Listing:
    """Records for videos and directories (searched recursively), ids relative to each input's root.

    A file is its own input: its id is its name. Files in a directory are taken by suffix
    (`VIDEO_SUFFIXES`); a file named directly is taken whatever its suffix.

    Raises:
        UsageError: an input does not exist, holds no video, or two inputs give the same id.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        for video_id, path in _expand(given):
            other = found.setdefault(video_id, path)
            if not _same_place(other, path):
                raise UsageError(
                    f"two inputs have the same id '{printable(video_id)}': {printable(other)} and {printable(path)}",
                    fix="Give their common folder as the one input, so that the ids differ by folder",
                )
    return Listing(tuple(Record(id=key, path=found[key]) for key in sorted(found)))


def _expand(given: Path) -> Iterable[tuple[str, Path]]:
    if given.is_dir():
        paths = sorted(p for p in _walk(given) if p.suffix.lower() in VIDEO_SUFFIXES)
        if not paths:
            raise UsageError(
                "no video in this folder",
                where=given,
                fix=f"Videos are files that end in {' '.join(sorted(VIDEO_SUFFIXES))}",
            )
        return [(p.relative_to(given).as_posix(), p) for p in paths]
    if given.is_file():
        return [(given.name, given)]
    raise UsageError("no such file or folder", where=given, fix="Check the path; names are case sensitive")


def _walk(root: Path) -> Iterable[Path]:
    """Files below `root`; folders that are links are not entered, so a loop cannot hang the search."""
    for folder, subfolders, names in os.walk(root, followlinks=False):
        subfolders.sort()
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not name.startswith("."):
                yield path


def _same_place(a: Path, b: Path) -> bool:
    return a == b or os.path.samefile(a, b)


def fingerprint_file(path: Path) -> str:
    """SHA-256 over the size and every block of a file: equal content, equal fingerprint, wherever it lies."""
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as stream:
        while block := stream.read(FINGERPRINT_BLOCK):
            digest.update(block)
    return digest.hexdigest()
