"""MTL-AQA's raw annotations of three competitions that its lists do not include.

    ROOT/Raw_Annotations/15.xlsx, 19.xlsx, 30.xlsx       ROOT is the publisher's folder More_Annotations
    ROOT/whole_videos_frames/15/000001.jpg ...

A row is one view of a dive: number, view, first and last frame, position, difficulty, then columns that differ, the
final score and the judges' scores. View `s` is the dive itself; the others are replays and commentary. In nine of the
workbooks of listed competitions, frames and difficulties of all 824 dives equal those of the lists.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from data.datasets.tables import clip, read_bytes
from data.datasets.workbooks import first_sheet
from data.errors import DataError

COMPETITIONS = (15, 19, 30)
FOLDER = "Raw_Annotations"
NUMBER, VIEW, FIRST, LAST, DIFFICULTY = 0, 1, 2, 3, 5  # columns
JUDGES = 7  # other panels, such as those of synchronised diving, are not read

Dives = dict[tuple[int, int], dict[str, Any]]
"""Annotations by competition and number, with the names that MTL-AQA's pickle has."""


def read_raw_dives(root: Path) -> tuple[Dives, list[str]]:
    """The dives, and a line for each unusable dive; both empty if ROOT has no workbooks.

    Raises UsageError: no openpyxl; DataError: a damaged workbook, or one without the final score.
    """
    dives, doubts = Dives(), list[str]()
    for competition in COMPETITIONS:
        path = root / FOLDER / f"{competition}.xlsx"
        if not path.is_file():
            continue
        header, *rows = first_sheet(path, read_bytes(path)) or [[]]
        score = next((column for column, cell in enumerate(header) if cell.lower().startswith("final")), 0)
        if score <= DIFFICULTY:
            raise DataError("has no column of final scores", where=path, fix="Get the workbook again")
        for row in rows:
            if row[VIEW].lower() == "s":
                try:
                    key = competition, int(row[NUMBER])
                    if key in dives:
                        raise ValueError("the number of another dive")
                    dives[key] = _dive(row, score)
                except ValueError as error:
                    doubts.append(f"{competition}/{clip(row[NUMBER])}: left out, {clip(str(error))}")
    return dives, doubts


def _dive(row: list[str], score: int) -> dict[str, Any]:
    """The annotation in a row. Raises ValueError: no numbers, or no frames."""
    first, last = int(row[FIRST]), int(row[LAST])
    if not first < last:
        raise ValueError(f"frames {first} to {last}")
    made = {"start_frame": first, "end_frame": last, "difficulty": _number(row[DIFFICULTY])}
    return {**made, "final_score": _number(row[score]), "judge_scores": _panel(row[score + 1 :])}


def _panel(cells: list[str]) -> tuple[float, ...]:
    """The judges' scores; empty where they are not seven numbers."""
    try:
        panel = tuple(_number(cell) for cell in cells if cell)
    except ValueError:
        return ()
    return panel if len(panel) == JUDGES and min(panel) >= 0 else ()


def _number(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell} is not a number")
    return value
