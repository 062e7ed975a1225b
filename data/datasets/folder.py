"""A folder of videos, or of keypoint files without videos, searched recursively, with an optional CSV of scores.

    video,score,execution,synchronisation,difficulty,judges,group,subject,split,task
    day1/jump_01.mp4,7.5,,,,7 7.5 8,athlete 3,,train,

The first line names the columns, in any order; only `video` is needed. UTF-8, comma, semicolon, tab or bar
(with any but the comma, "7,5" is a number too). `judges` are the scores of single judges, separated by blanks.
`group` ties performances together that must not be divided between training and test, `subject` is who performs.
Of a folder of keypoint files, one a performance, the column `video` names the keypoint file.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from data.datasets.labelled import find_labels, join_listing, split_of
from data.datasets.tables import Row, number
from data.errors import UsageError
from data.keypoints import SUFFIXES
from data.store import Storage
from data.video import LABELS, Labels, Listing, Record, find_videos

COLUMNS = ("video", *LABELS, "judges", "group", "subject", "split", "task")
CANDIDATES = ("scores.csv", "labels.csv")  # label files that are found without being named


def list_folder(
    root: Path, *, labels: str | Path | None = None, storage: Storage | None = None, frame_rate: float = 0.0
) -> Listing:
    """The videos below `root` with the labels of its CSV; without a CSV, plain records.

    Args:
        root: the folder; its videos' ids are their paths below it.
        labels: the CSV, below `root` or anywhere; None takes "scores.csv" or "labels.csv" where there is one.
        storage: how a store is reached where `root` is an address.
        frame_rate: frames per second of folders of frames; 0: unknown, and they are left out.

    Raises:
        UsageError: no video, no such label file, or two of them and none named.
        DataError: a damaged table or an impossible cell; names the file and the line.
    """
    table = find_labels(root, labels, CANDIDATES, storage)
    listing = find_videos([root], storage, frame_rate)
    return listing if table is None else join_listing(listing, table, COLUMNS, _build)


def list_skeletons(root: Path, *, labels: str | Path | None = None) -> Listing:
    """The keypoint files below `root` with the labels of its CSV, found and read as in `list_folder`.

    Raises:
        UsageError: no keypoint file, no such label file, or two of them and none named.
        DataError: a damaged table or an impossible cell; names the file and the line.
    """
    table = find_labels(root, labels, CANDIDATES)
    records = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and (table is None or path != table[0]):
                records.append(Record(path.relative_to(root).as_posix(), None, {"keypoints": path}))
    if not records:
        fix = f"Keypoint files end in {' '.join(SUFFIXES)}: docs/datasets/skeletons.md"
        raise UsageError("no keypoint file in this folder", where=root, fix=fix)
    listing = Listing(tuple(sorted(records, key=lambda record: record.id)))
    return listing if table is None else join_listing(listing, table, COLUMNS, _build)


def _build(record: Record, row: Row) -> Record:
    """The record with what a row of the table says of it."""
    numbers = {name: row.number(name) for name in LABELS}
    cells = row.text("judges").split()
    judges = tuple(number(c, where=row.where, what="judges", decimal_comma=row.decimal_comma) for c in cells)
    labelled = judges or any(value is not None for value in numbers.values())
    labels = Labels(**numbers, judges=judges) if labelled else None
    groups = {kind: row.text(kind) for kind in ("group", "subject") if row.text(kind)}
    return replace(record, labels=labels, groups=groups, split=split_of(row), task=row.text("task"))
