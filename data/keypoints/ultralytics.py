"""Reads the text files of Ultralytics' pose networks (`save_txt`): one a frame, with a line for each person.

    class x y width height  x1 y1 score1 … x17 y17 score17  [confidence] [track]

Read: `Results.save_txt` of `ultralytics/engine/results.py`. All coordinates are parts of the picture. `save_conf` adds
the confidence, and tracking a whole number. Frames count from 1; one without people has no file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.keypoints.entries import Entries, Field, Person
from data.keypoints.skeletons import COCO17

BOX, LEAST = 5, 5 + 3 * len(COCO17)
"""Columns of the class and the box, and with the joints."""

_FRAME = re.compile(r"(.*)_([0-9]{1,9})", re.DOTALL)


def of_texts(folder: Path, stem: str, files: Sequence[Path]) -> Entries:
    """The entries of the files `<stem>_<frame>.txt`. Raises DataError, which names the file and the line."""
    entries = Entries(folder, normalised=True)
    for path in files:
        named = _FRAME.fullmatch(path.stem)
        if named is None or named[1] != stem:
            continue
        group = entries.new_frame(int(named[2]) - 1, Field(None, path, "file name"))
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
            field = Field(line.split(), path, f"line {number}")
            entries.use("Ultralytics, COCO-17", COCO17, field)
            group.append(_person(field))
    if not entries.frames:
        raise DataError(f"no file {stem}_<frame>.txt in this folder", where=folder, fix="Put one file a frame there")
    return entries


def _person(field: Field) -> Person:
    cells = [Field(cell, field.path, field.where).cell() for cell in field.value]
    if not LEAST <= len(cells) <= LEAST + 2:
        raise field.refuse(f"{len(cells)} numbers, not {LEAST} to {LEAST + 2}: box, 17 joints, confidence, track")
    points = np.array(cells[BOX:LEAST]).reshape(-1, 3)
    more = cells[LEAST:]
    track = more.pop() if len(more) == 2 or (more and more[0] >= 1 and "." not in field.value[LEAST]) else None
    return Person(points, more[0] if more else None, "" if track is None else f"{track:.0f}")
