"""KIMORE in the form of its files: copies that disagree, workbooks of others, totals, further exercises, stamps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data.datasets.listing import check_data, list_records
from data.errors import DataError
from data.keypoints import read_motion
from data.video import Labels
from synthetic.tiny_published import write_book

NAME, PLACE = "280914_103748", "CG/Expert/E_ID1/Es1"
ROW = ",".join(["0.5,0.25,2.0,2"] * 25)
SCORES = {"clinical TS Ex#1": 40.5, "clinical PO Ex#1": 10.25, "clinical CF Ex#1": 30.25}


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def stamps(count: int, first: int = 6_350_000_000_000) -> str:
    """Time stamps of a Kinect: 100 ns units after two empty rows, each with a comma."""
    return "\n\n" + "".join(f"{first + 333_333 * frame},\n" for frame in range(count))


def exercise(root: Path, person: str = "E_ID1", subject: str = "E_ID1") -> Path:
    """The folder of an exercise with one recording of four frames, of which one row has two."""
    folder = root / "CG/Expert" / person / "Es1"
    put(folder / f"Raw/JointPosition{NAME}.csv", f"\n\n{ROW},\n{ROW},{ROW},\n{ROW},\n")
    put(folder / f"Raw/JointOrientation{NAME}.csv", f"{ROW},\n")
    put(folder / f"Raw/TimeStamp{NAME}.csv", stamps(4))
    write_book(folder / f"Label/ClinicalAssessment_{person}.xlsx", {"Subject ID": subject, **SCORES})
    return folder


def test_the_original_of_two_recordings_is_read(tmp_path: Path) -> None:
    raw = exercise(tmp_path) / "Raw"
    put(raw / f"JointPosition{NAME} (1).csv", f"{ROW},\n" * 4)
    listing = list_records("kimore", tmp_path)
    (record,) = listing.records
    assert record.id == f"{PLACE}/Raw/JointPosition{NAME}.csv"
    assert (record.task, record.groups["population"], record.labels) == ("Es1", "CG/Expert", Labels(40.5))
    assert record.sidecars["time_stamps"].name == f"TimeStamp{NAME}.csv"
    assert listing.doubts == (f"{PLACE}: 'JointPosition{NAME} (1).csv' is left out: a second recording",)
    assert not listing.problems
    assert len(read_motion(record.sidecars["keypoints"]).entries) == 4


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (f"{ROW},\n{ROW},\n", "2 frames and 4 time stamps"),
        ("", "unknown layout of keypoints"),
        (f"{ROW},\nx,{ROW[4:]}\n", "row 2: could not convert"),
    ],
)
def test_a_sound_copy_goes_before_a_damaged_original(tmp_path: Path, spoilt: str, why: str) -> None:
    raw = exercise(tmp_path) / "Raw"
    whole, copy = raw / f"JointPosition{NAME}.csv", raw / f"JointPosition{NAME} (1).csv"
    whole.rename(copy)
    put(whole, spoilt)
    listing = list_records("kimore", tmp_path)
    assert [record.sidecars["keypoints"] for record in listing.records] == [copy]
    assert [record.sidecars["time_stamps"].name for record in listing.records] == [f"TimeStamp{NAME}.csv"]
    (doubt,) = listing.doubts
    assert doubt.startswith(f"{PLACE}: 'JointPosition{NAME}.csv' is left out: {why}")


def test_recordings_that_are_all_damaged_leave_the_original(tmp_path: Path) -> None:
    raw = exercise(tmp_path) / "Raw"
    for name in (NAME, f"{NAME} (1)"):
        put(raw / f"JointPosition{name}.csv", f"{ROW},\n")
    assert [record.sidecars["keypoints"].name for record in list_records("kimore", tmp_path).records] == [
        f"JointPosition{NAME}.csv"
    ]


def test_a_workbook_of_another_person_without_the_score_or_damaged_is_named(tmp_path: Path) -> None:
    for person, subject in (("E_ID1", "E ID01"), ("E_ID2", "E_ID1"), ("E_ID3", "")):
        exercise(tmp_path, person, subject)
    listing = list_records("kimore", tmp_path)
    assert [record.groups["subject"] for record in listing.records] == ["CG/Expert/E_ID1", "CG/Expert/E_ID3"]
    left_out = "CG/Expert/E_ID2/Es1: left out, ClinicalAssessment_E_ID2.xlsx is of 'E_ID1'"
    assert listing.problems == (left_out,)
    book = exercise(tmp_path) / "Label/ClinicalAssessment_E_ID1.xlsx"
    write_book(book, {"Subject ID": "E_ID1", "clinical TS Ex#2": 40.5})
    assert list_records("kimore", tmp_path).problems == (f"{PLACE}: no score ts", left_out)
    content = book.read_bytes()
    for damaged in (b"", b"PK", content[:-20]):
        book.write_bytes(damaged)
        with pytest.raises(DataError, match="is no readable workbook"):
            list_records("kimore", tmp_path)


def test_the_workbook_of_the_same_person_is_taken(tmp_path: Path) -> None:
    """Beside another person's; two workbooks of the person that differ leave the recording out."""
    label = exercise(tmp_path, "E_ID3", "E_ID3") / "Label"
    write_book(label / "ClinicalAssessment_E_ID1.xlsx", {"Subject ID": "E_ID1", "clinical TS Ex#1": 10.0})
    listing = list_records("kimore", tmp_path)
    assert [record.labels for record in listing.records] == [Labels(40.5)]
    assert not listing.problems
    exercise(tmp_path, "E_ID4", "E_ID4")
    write_book(label / "ClinicalAssessment_E_ID3 (1).xlsx", {"Subject ID": "E_ID3", "clinical TS Ex#1": 41.0})
    books = "ClinicalAssessment_E_ID3.xlsx, ClinicalAssessment_E_ID3 (1).xlsx"
    left_out = f"CG/Expert/E_ID3/Es1: left out, the scores of {books} differ"
    assert list_records("kimore", tmp_path).problems == (left_out,)


def test_of_workbooks_that_differ_the_one_whose_total_fits_is_taken(tmp_path: Path) -> None:
    label = exercise(tmp_path) / "Label"
    write_book(label / "ClinicalAssessment_E_ID1 (1).xlsx", {"Subject ID": "E_ID1", **SCORES, "clinical TS Ex#1": 45})
    (label / "ClinicalAssessment_E_ID1 (2).xlsx").write_bytes(b"PK")
    listing = list_records("kimore", tmp_path)
    assert [record.labels for record in listing.records] == [Labels(40.5)]
    first, second = listing.doubts
    assert first.startswith(f"{PLACE}: 'ClinicalAssessment_E_ID1 (2).xlsx' is left out: is no readable workbook")
    what = "the total is 45, but PO + CF are 40.5"
    assert second == f"{PLACE}: 'ClinicalAssessment_E_ID1 (1).xlsx' is left out: {what}"


def wrong_total(folder: Path) -> None:
    row = {"Subject ID": "E_ID1", **SCORES, "clinical TS Ex#1": 45}
    write_book(folder / "Label/ClinicalAssessment_E_ID1.xlsx", row)


def sixth_exercise(folder: Path) -> None:
    (folder.parent / "Es6/Raw").mkdir(parents=True)


def empty_everywhere(folder: Path) -> None:
    (folder.parents[1] / "E_ID8/Es2/Raw").mkdir(parents=True)


def gap(folder: Path) -> None:
    put(folder / f"Raw/TimeStamp{NAME}.csv", stamps(3) + stamps(1, 6_350_021_000_000))


def other_unit(folder: Path) -> None:
    put(folder / f"Raw/TimeStamp{NAME}.csv", "0\n33\n67\n100\n")


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (wrong_total, f"{PLACE}: the total is 45, but PO + CF are 40.5"),
        (sixth_exercise, "CG/Expert/E_ID1/Es6: is left out, scores are of Es1 to Es5"),
        (empty_everywhere, "CG/Expert/E_ID8/Es2: no JointPosition"),
        (gap, "1 recording of 1 miss frames: their time stamps have gaps, the longest of 2.03 s"),
        (other_unit, "the median step of its time stamps is 3.3e-06 s, so their unit is not 100 ns"),
    ],
)
def test_what_every_copy_has_is_a_doubt(tmp_path: Path, change: Callable[[Path], None], doubt: str) -> None:
    change(exercise(tmp_path))
    report = check_data("kimore", tmp_path, {})
    assert report.ok
    assert len(report.doubts) == 1
    assert doubt in report.doubts[0]


def test_an_exercise_that_only_this_copy_lacks_is_a_problem(tmp_path: Path) -> None:
    exercise(tmp_path)
    (tmp_path / "CG/Expert/E_ID8/Es3/Raw").mkdir(parents=True)
    assert check_data("kimore", tmp_path, {}).problems == ("CG/Expert/E_ID8/Es3: no JointPosition",)


def test_a_recording_without_time_stamps_is_a_problem(tmp_path: Path) -> None:
    (exercise(tmp_path) / f"Raw/TimeStamp{NAME}.csv").unlink()
    report = check_data("kimore", tmp_path, {})
    assert report.problems == (f"{PLACE}: no TimeStamp, its clock is skeleton.rate_hz",)
    assert not report.ok
