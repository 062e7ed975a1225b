"""MTL-AQA's further competitions: workbooks with the columns of the publisher's three, and damaged ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from data.datasets import list_records
from data.errors import DataError
from data.splits import make_folds
from synthetic.tiny_published import make_mtl_aqa
from tests.data.datasets.test_layouts import frames

openpyxl = pytest.importorskip("openpyxl")

HEADERS = {
    15: ["Sr. No.", "View", "Start_frame", "End_frame", "Position", "Difficulty", "Dive type/no.", "armstand",
         "rotation_type", "# ss", "# tw", "Final_score", "Individual judges scores"],
    19: ["Sr. No.", "View", "Start_frame", "End_frame", "Position", "Difficulty", "Dive type/no.", "Indi/Synchro",
         "Height", "Final_score", "Individual judges scores"],
    30: ["Dive No.", "Camera Angle", "Start Frame", "End Frame", "Position ", "Difficulty", "Dive Type", "Final Score",
         None, "Judge 1 "],
}  # fmt: skip
PANEL = [8, "7.5", 8, 7, 8, 8, 8]
REPLAY = [None, "ss", 30, 40]


def dive(competition: int, number: int, first: Any, last: Any, score: Any, panel: Sequence[Any]) -> list[Any]:
    row = [number, "S" if competition == 30 else "s", first, last, "p", "3"]
    place = next(n for n, name in enumerate(HEADERS[competition]) if str(name).startswith("Final"))
    return [*row, *[None] * (place - len(row)), score, *panel]


def workbook(root: Path, competition: int, *rows: list[Any], header: list[Any] | None = None) -> Path:
    path = root / "Raw_Annotations" / f"{competition}.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    for row in (header or HEADERS[competition], *rows):
        book.active.append(row)
    book.save(path)
    return path


def test_the_three_workbooks_are_a_set_without_a_split(tmp_path: Path) -> None:
    workbook(tmp_path, 15, dive(15, 1, 2, 5, 72, PANEL), REPLAY, ["?", "b", 5, 9], dive(15, 2, 5, 8, 63.0, PANEL))
    workbook(tmp_path, 19, dive(19, 1, 1, 4, 33.6, [*PANEL[:6], "6..5"]))
    workbook(
        tmp_path, 30, dive(30, 1, 7.0, 9.0, 52.2, ["Execution", 8.5, 8.5]), [None, "SS", 9, 12, *[None] * 4, "Synchro."]
    )
    for competition in ("15", "19", "30"):
        frames(tmp_path / "whole_videos_frames" / competition, range(1, 10))
    listing = list_records("mtl-aqa", tmp_path)
    assert (listing.problems, listing.doubts) == ((), ())
    found = {record.id: record for record in listing.records}
    assert list(found) == ["15/001", "15/002", "19/001", "30/001"]
    assert {record.split for record in listing.records} == {None}
    ends = {name: (record.frames.first, record.frames.last) for name, record in found.items() if record.frames}
    assert ends == {"15/001": (3, 5), "15/002": (6, 8), "19/001": (2, 4), "30/001": (8, 9)}
    labels = {name: record.labels for name, record in found.items() if record.labels}
    assert [(label.score, label.difficulty) for label in labels.values()] == [(72, 3), (63, 3), (33.6, 3), (52.2, 3)]
    assert [len(label.judges) for label in labels.values()] == [7, 7, 0, 0]
    assert labels["15/001"].judges == (8, 7.5, 8, 7, 8, 8, 8)
    executed = list_records("mtl-aqa", tmp_path, score="execution").records[0].labels
    assert executed is not None
    assert executed.score == 24
    with pytest.raises(DataError, match="protocol=kfold"):
        make_folds("fixed", listing.records)
    assert make_folds("kfold", listing.records, k=2)


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    workbook(
        tmp_path, 19, dive(19, 1, 2, 5, 72, PANEL), dive(19, 1, 5, 8, 60, PANEL), dive(19, 2, 8, 8, 60, PANEL),
        dive(19, 3, 8, 9, "48..6", PANEL), dive(19, 4, 8, 9, None, PANEL), dive(19, 5, "x", 9, 60, PANEL),
        dive(19, 6, 8, 9, "nan", PANEL),
    )  # fmt: skip
    listing = list_records("mtl-aqa", tmp_path, feature_names=["any"])
    assert [record.id for record in listing.records] == ["19/001"]
    assert [line.partition(": left out, ")[::2] for line in listing.doubts] == [
        ("19/1", "the number of another dive"),
        ("19/2", "frames 8 to 8"),
        ("19/3", "could not convert string to float: '48..6'"),
        ("19/4", "could not convert string to float: ''"),
        ("19/5", "invalid literal for int() with base 10: 'x'"),
        ("19/6", "nan is no number"),
    ]
    frames(tmp_path / "whole_videos_frames/15", [1])
    with pytest.raises(DataError, match="none of the listed performances has a video"):
        list_records("mtl-aqa", tmp_path)


def test_damaged_workbooks_are_named(tmp_path: Path) -> None:
    path = workbook(tmp_path, 15, dive(15, 1, 2, 5, 72, PANEL), header=["Sr. No.", "View"])
    with pytest.raises(DataError, match=r"15\.xlsx: has no column of final scores"):
        list_records("mtl-aqa", tmp_path, feature_names=["any"])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"15\.xlsx: is no readable workbook"):
        list_records("mtl-aqa", tmp_path, feature_names=["any"])


def test_the_listed_set_does_not_change_beside_workbooks_of_its_own(tmp_path: Path) -> None:
    """The publisher's folder has such workbooks of the listed competitions, under their numbers."""
    make_mtl_aqa(tmp_path, count=4, frames=2)
    before = list_records("mtl-aqa", tmp_path)
    workbook(tmp_path, 15).rename(tmp_path / "Raw_Annotations/01.xlsx")
    assert list_records("mtl-aqa", tmp_path) == before
