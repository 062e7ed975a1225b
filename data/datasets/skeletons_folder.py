"""A folder of keypoint files, one a performance, with the optional CSV of scores of the kind `folder`; no videos.

ex1/s01_e01.csv        frame, person, left_shoulder_x, left_shoulder_y, left_shoulder_z, ... one row a frame
scores.csv             video,score,subject   (the column `video` names the file)
"""

from __future__ import annotations

import os
from pathlib import Path

from data.datasets.folder import CANDIDATES, COLUMNS, build_record
from data.datasets.labelled import find_labels, join_listing
from data.errors import UsageError
from data.keypoints import SUFFIXES
from data.video import Listing, Record


def list_skeletons(root: Path, *, labels: str | Path | None = None) -> Listing:
    """The keypoint files below `root` with the labels of a CSV: `labels`, else "scores.csv" or "labels.csv", if any.

    Raises:
        UsageError: no keypoint file, no such label file, or two of them and none named.
        DataError: a damaged table or an impossible cell; names the file and the line.
    """
    table = find_labels(root, labels, CANDIDATES)
    records = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and path != table:
                records.append(Record(path.relative_to(root).as_posix(), None, {"keypoints": path}))
    if not records:
        fix = f"Keypoint files end in {' '.join(SUFFIXES)}: docs/datasets/skeletons.md"
        raise UsageError("no keypoint file in this folder", where=root, fix=fix)
    listing = Listing(tuple(sorted(records, key=lambda record: record.id)))
    return listing if table is None else join_listing(listing, table, COLUMNS, build_record)
