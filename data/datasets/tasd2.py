"""TASD-2 (Gao et al., ECCV 2020): synchronised diving from 3 m and 10 m, 102 frames a sample.

We do not know a public layout of the data set, so we use our own: one folder with the videos and `labels.csv`.

    video,final,execution,synchronisation,difficulty,split,original,event
    3m/001.mp4,71.1,38.5,40.2,2.8,train,,3m
    3m/001_mirrored.mp4,71.1,38.5,40.2,2.8,train,3m/001.mp4,3m

`final` is the score. `original` names the source video of an augmented copy (with or without suffix); both stay on one
side of every split. `event` is 3m or 10m. Execution, synchronisation, difficulty, split and original may be empty.
Encoding and delimiters are those of `data.datasets.folder`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from data.datasets.folder import find_labels, join_listing, key_of, split_of, videos_or
from data.datasets.tables import LabelRow, clip
from data.errors import DataError, UsageError
from data.video import Labels, Listing, Record

COLUMNS = ("video", "score", "execution", "synchronisation", "difficulty", "split", "original", "event")
EVENTS = {"3m": "SyncDiving-3m", "10m": "SyncDiving-10m"}
"""Task names as in the paper's table 1, by the height in the column `event`."""

_EVENT = re.compile(r"(?:sync(?:hroni[sz]ed)?[ ._-]*diving[ ._-]*)?(3|10)[ ._-]*m", re.IGNORECASE | re.ASCII)


def list_tasd2(root: Path, *, labels: str | Path | None = None, feature_names: Sequence[str] = ()) -> Listing:
    """The samples of a TASD-2 folder; groups: "original" (an original and its copies) and "event".

    Args:
        labels: the CSV, below `root` or anywhere; None takes "labels.csv" or "tasd2.csv".
        feature_names: names of features; they are the performances if the folder has no videos.

    Raises:
        UsageError: no video or no label file.
        DataError: a damaged table or an impossible cell; names the file and the line.
    """
    table = find_labels(root, labels, ("labels.csv", "tasd2.csv"))
    if table is None:
        fix = "Write it with the columns video, final and others, or name yours: --set dataset.labels=FILE"
        raise UsageError("no labels.csv", where=root, fix=fix)
    listing = join_listing(videos_or(feature_names, root), table, COLUMNS, _build)
    records, missing = _with_origin(listing.records)
    return Listing(tuple(records), (*listing.problems, *missing))


def _build(record: Record, row: LabelRow) -> Record:
    score = row.number("score")
    execution, synchronisation, difficulty = map(row.number, ("execution", "synchronisation", "difficulty"))
    if score is None:
        raise DataError("no final score", where=row.where, fix="Fill in the column 'final', or remove the row")
    height = row.text("event") or record.id.partition("/")[0]  # an empty cell means the video's folder
    if not (match := _EVENT.fullmatch(height)):
        raise DataError(f"the event is '{clip(height)}'", where=row.where, fix="Write 3m or 10m")
    event = f"{match[1]}m"
    groups = {"original": key_of(row.text("original")), "event": event}
    labels = Labels(score, execution, synchronisation, difficulty)
    return replace(record, labels=labels, groups=groups, split=split_of(row), task=EVENTS[event])


def _with_origin(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Every record with its first original as group "original", and a line for each missing original."""
    keys = {key_of(record.id) for record in records}
    origin = {key_of(r.id): _resolve(r.groups.get("original", ""), key_of(r.id), keys) for r in records}
    done = [replace(r, groups={**r.groups, "original": _first(key_of(r.id), origin)}) for r in records]
    uses = Counter(record.groups["original"] for record in done)
    missing = [r for r in done if uses[r.groups["original"]] == 1 and r.groups["original"] not in keys]
    return done, [f"{r.name}: its original '{clip(r.groups['original'])}' is not here" for r in missing]


def _resolve(named: str, name: str, keys: Collection[str]) -> str:
    """The key that an `original` cell names: a video, a video of the same folder, or only a label."""
    beside = str(PurePosixPath(name).parent / named)
    return name if not named else beside if named not in keys and beside in keys else named


def _first(name: str, origin: Mapping[str, str]) -> str:
    """The last name in the chain of originals; in a cycle, its first in alphabetical order."""
    passed = [name]
    while (following := origin.get(passed[-1], passed[-1])) not in passed:
        passed.append(following)
    return min(passed[passed.index(following) :])
