"""Layouts of published data sets: what the synthetic sets plant comes back, and damaged lists are refused by place."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from data.datasets.listing import list_records
from data.errors import AimError
from data.keypoints import read_motion
from synthetic.tiny_published import (
    PUBLISHED,
    make_finediving,
    make_kimore,
    make_lists,
    make_mtl_aqa,
    make_unlv,
)


def test_finediving_hands_over_judges_where_the_copy_has_them(tmp_path: Path) -> None:
    make_finediving(tmp_path, count=4, frames=12)
    path = tmp_path / "Annotations/FineDiving_coarse_annotation.pkl"
    given = pickle.loads(path.read_bytes())
    given["MadeWorldCup_0", 1]["judge_scores"][0] = 55.5
    given["MadeWorldCup_1", 0]["difficulty"] = 9.9
    path.write_bytes(pickle.dumps(given))
    listing = list_records("finediving", tmp_path)
    judges = {record.id: record.labels.judges for record in listing.records if record.labels}
    assert judges["MadeWorldCup_1/000"] == tuple(given["MadeWorldCup_1", 0]["judge_scores"])
    assert judges["MadeWorldCup_0/001"] == ()
    assert "MadeWorldCup_0/001: a judge's score of 55.5, so its judges are left out" in listing.problems
    assert "MadeWorldCup_1/000: difficulty 3.2, 9.9 beside the judges' scores" in listing.problems
    for damaged in ({("MadeWorldCup_0", 1): {}}, {("MadeWorldCup_0", 1): {"judge_scores": [-1.0]}}, [1]):
        path.write_bytes(pickle.dumps(damaged))
        with pytest.raises(AimError, match="judges' scores cannot be used"):
            list_records("finediving", tmp_path)
    path.unlink()
    assert {record.labels.judges for record in list_records("finediving", tmp_path).records if record.labels} == {()}


def test_vaults_are_read_and_have_no_execution(tmp_path: Path) -> None:
    listing = list_records("unlv", make_unlv(tmp_path, count=8, frames=2))
    assert [(record.task, record.split) for record in listing.records].count(("vault", "test")) == 2
    assert {record.task for record in list_records("unlv", tmp_path, score="execution").records} == {"diving"}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_an_unknown_score_and_an_empty_folder_say_what_is_expected(kind: str, tmp_path: Path) -> None:
    with pytest.raises(AimError, match=r"dataset\.score is one of"):
        list_records(kind, tmp_path, score="total_nonsense")
    with pytest.raises(AimError) as caught:
        list_records(kind, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("line", "what"),
    [("9 1.0 2.0", "3 cells"), ("9 a 2.0 1", "not a finite number"), ("1 1.0 2.0 1", "listed twice")],
)
def test_a_damaged_list_names_its_line(tmp_path: Path, line: str, what: str) -> None:
    make_lists("fis-v", tmp_path, count=4, frames=2)
    with (tmp_path / "train_dataset.txt").open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(AimError, match=what) as caught:
        list_records("fis-v", tmp_path)
    assert "train_dataset.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("train_split_0", [(1, 1), (9, 77)], "no annotation of '09/077'"),
        ("train_split_0", [(1, "../..")], "no list of dives"),
        ("train_split_0", [(9, 4)], "listed for training and for test"),
        ("final_annotations_dict", {(1, 1): {"start_frame": 1}}, "cannot be used"),
        ("final_annotations_dict", [1], "no dict of dives"),
        (
            "final_annotations_dict",
            {(1, 1): {"start_frame": 1, "end_frame": 3, "final_score": float("nan"), "difficulty": 2.0}},
            "is no number",
        ),
    ],
)
def test_impossible_annotations_are_refused(tmp_path: Path, name: str, value: object, what: str) -> None:
    make_mtl_aqa(tmp_path, count=8, frames=2)
    (tmp_path / f"MTL-AQA_split_0_data/{name}.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(AimError, match=what):
        list_records("mtl-aqa", tmp_path)


def test_kimore_reads_scores_from_workbooks(tmp_path: Path) -> None:
    listing = list_records("kimore", make_kimore(tmp_path, count=4, frames=8))
    assert len(listing.records) == 7
    assert listing.problems == ("GPP/Stroke/S_ID2/Es2: no score ts",)
    first = listing.records[0]
    assert first.id == "CG/Expert/E_ID1/Es1/Raw/JointPosition010101.csv"
    assert (first.task, first.groups["population"]) == ("Es1", "CG/Expert")
    assert first.labels
    assert 10 <= (first.labels.score or 0) <= 50
    motion = read_motion(first.sidecars["keypoints"], 1)
    assert motion.keypoints.shape[0] == 8, "two frames are in one row"
    assert not np.isnan(motion.keypoints[:, 0, 11]).any()
    np.testing.assert_allclose(motion.keypoints[0, 0, 11], [0.10, -0.03, 0, 1], atol=1e-6)


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    make_kimore(tmp_path, count=2, frames=8)
    book = next(tmp_path.rglob("*.xlsx"))
    for content in (b"", b"PK", book.read_bytes()[:-20]):
        book.write_bytes(content)
        with pytest.raises(AimError, match="is no such workbook"):
            list_records("kimore", tmp_path)
