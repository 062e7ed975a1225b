"""A folder of videos, searched recursively, with an optional CSV of scores.

    video,score,execution,synchronisation,difficulty,judges,group,subject,split,task
    day1/jump_01.mp4,7.5,,,,7 7.5 8,athlete 3,,train,

The first line names the columns, in any order; only `video` is needed. UTF-8, comma, semicolon, tab or bar
(with any but the comma, "7,5" is a number too). `judges` are the scores of single judges, separated by blanks.
`group` ties performances together that must not be divided between training and test, `subject` is who performs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from data.datasets.labelled import COPIES, found_labels, join_listing, split_of
from data.datasets.tables import Row, number
from data.store import Storage, address, is_remote
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
    with found_labels(root, labels, CANDIDATES, storage) as path:
        if path is None:
            return find_videos([root], storage, frame_rate)
        listing = join_listing(find_videos([root], storage, frame_rate), path, COLUMNS, build_record)
    copies = [str(parent) for parent in path.parents if parent.name.startswith(COPIES)]
    if not is_remote(root) or not copies:
        return listing
    return replace(listing, problems=tuple(text.replace(copies[0], address(root)) for text in listing.problems))


def build_record(record: Record, row: Row) -> Record:
    """The record with what a row of the table says of it."""
    numbers = {name: row.number(name) for name in LABELS}
    cells = row.text("judges").split()
    judges = tuple(number(c, where=row.where, what="judges", decimal_comma=row.decimal_comma) for c in cells)
    labelled = judges or any(value is not None for value in numbers.values())
    labels = Labels(**numbers, judges=judges) if labelled else None
    groups = {kind: row.text(kind) for kind in ("group", "subject") if row.text(kind)}
    return replace(record, labels=labels, groups=groups, split=split_of(row), task=row.text("task"))
