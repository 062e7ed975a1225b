"""Reads the text files of Ultralytics' pose networks (`save_txt`): one a frame, with a line for each person.

    class x y width height  x1 y1 score1 … x17 y17 score17  [confidence] [track]

Source: `Results.save_txt` of `ultralytics/engine/results.py`. All coordinates are fractions of the picture size.
`save_conf` adds the confidence, and tracking an integer. Frames count from 1; a frame without people has no file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.keypoints.entries import Bodies, Field, Keypoints
from data.keypoints.skeletons import COCO17

ULTRALYTICS = "Ultralytics, COCO-17", COCO17
"""Name and joints of the only skeleton that is read."""

BOX, LEAST = 5, 5 + 3 * len(COCO17)
"""Columns of the class and the box, and with the joints."""

_FRAME = re.compile(r"(.*)_([0-9]{1,9})", re.DOTALL)


def of_texts(folder: Path, stem: str, files: Sequence[Path]) -> Keypoints:
    """The bodies in the files `<stem>_<frame>.txt`. Raises DataError, which names the file and the line."""
    bodies = Bodies(folder)
    bodies.normalised = True
    named = [(path, match) for path in files if (match := _FRAME.fullmatch(path.stem)) and match[1] == stem]
    for path, match in named:
        frame = int(match[2]) - 1
        bodies.begin(frame, Field(None, path, "file name"))
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
            _add(bodies, frame, Field(line.split(), path, f"line {number}"))
    if not named:
        raise DataError(f"no file {stem}_<frame>.txt in this folder", where=folder, fix="Put one file per frame there")
    return bodies.keypoints()


def _add(bodies: Bodies, frame: int, field: Field) -> None:
    cells = [Field(cell, field.path, field.where).cell() for cell in field.value]
    if not LEAST <= len(cells) <= LEAST + 2:
        raise field.error(f"{len(cells)} numbers, not {LEAST} to {LEAST + 2}: box, 17 joints, confidence, track")
    more = cells[LEAST:]
    track = more.pop() if len(more) == 2 or (more and more[0] >= 1 and "." not in field.value[LEAST]) else None
    person, score = "" if track is None else f"{track:.0f}", more[0] if more else math.nan
    bodies.add(frame, ULTRALYTICS, np.array(cells[BOX:LEAST]).reshape(-1, 3), field, person, score)
