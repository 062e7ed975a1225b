"""Published data sets in the form of their files: names, cell counts, types of keys, and what is odd in them.

Each test writes a few entries by hand, as the repository that the page of docs/datasets names has them.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets.listing import kind_of, list_records
from data.errors import DataError, UsageError
from data.keypoints import read_motion
from data.video import FrameFolder
from synthetic.tiny_datasets import write_matrix
from synthetic.tiny_published import write_book

ENDS = {(1, 1): (0, 3), (1, 2): (3, 5)}
"""First place and end of two dives of MTL-AQA."""


def pickled(path: Path, value: Any, protocol: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def frames(folder: Path, numbers: Iterable[int], name: str = "{:06d}.jpg") -> None:
    """Empty files with the names of frames: a listing opens none."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / name.format(number)).touch()


def mtl_dive(first: int, last: int, **more: Any) -> dict[str, Any]:
    """An entry of MTL-AQA's annotations."""
    return {
        "primary_view": 0, "secondary_view": 0, "start_frame": first, "end_frame": last, "position": 3, "armstand": 0,
        "rotation_type": 1, "ss_no": 9, "tw_no": 0, "difficulty": 3.2, "final_score": 81.6, **more,
    }  # fmt: skip


def test_mtl_aqa_counts_frames_from_one_and_ends_before_its_end(tmp_path: Path) -> None:
    """The publisher's loader takes the pictures at places start_frame ... end_frame - 1, named from 000001.jpg on."""
    labels = tmp_path / "MTL-AQA_split_0_data"
    pickled(labels / "final_annotations_dict.pkl", {key: mtl_dive(*ends) for key, ends in ENDS.items()})
    pickled(labels / "train_split_0.pkl", [(1, 1)])
    pickled(labels / "test_split_0.pkl", [(1, 2)])
    frames(tmp_path / "whole_videos_frames/01", range(1, 6))
    listing = list_records("mtl-aqa", tmp_path)
    names = [[path.name for path in record.frames.files()] for record in listing.records if record.frames]
    assert names == [["000001.jpg", "000002.jpg", "000003.jpg"], ["000004.jpg", "000005.jpg"]]
    assert not listing.problems


@pytest.mark.parametrize(
    "name", ["final_annotations_dict_with_dive_number.pkl", "augmented_final_annotations_dict.pkl"]
)
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside the publisher's"])
def test_mtl_aqa_as_core_and_musdl_hand_it_on(tmp_path: Path, name: str, beside: bool) -> None:
    awards = [8.5, 8.5, 8.0, 8.5, 9.0, 8.5, 8.0]
    dives = {(1, 1): mtl_dive(0, 3, dive_number="107B", judge_scores=awards)}
    dives[1, 2] = mtl_dive(3, 5, dive_number="5253B", judge_scores=np.array(awards))
    pickled(tmp_path / "info" / name, dives)
    if beside:
        pickled(tmp_path / "info/final_annotations_dict.pkl", {key: mtl_dive(*ends) for key, ends in ENDS.items()})
    pickled(tmp_path / "info/train_split_0.pkl", [(1, 1)])
    pickled(tmp_path / "info/test_split_0.pkl", [(1, 2)])
    frames(tmp_path / "new/new_total_frames_256s/01", range(1, 6), "{:05d}.jpg")
    assert kind_of(tmp_path) == ("mtl-aqa", tmp_path)
    listing = list_records("mtl-aqa", tmp_path)
    assert [record.labels and record.labels.judges for record in listing.records] == [tuple(awards)] * 2
    assert [record.frames and (record.frames.first, record.frames.last) for record in listing.records] == [
        (1, 3),
        (4, 5),
    ]
    assert not listing.problems


def test_fs1000_has_nine_cells_and_a_factor(tmp_path: Path) -> None:
    """Cells as `dataset/dataset_fs800.py` of AndyFrancesco29/Audio-Visual-Figure-Skating reads them."""
    put(tmp_path / "train_fs800.txt", "2019_SWJ_LF_A_T 60.27 63.55 7.75 7.5 8.25 8.0 8.22 1.6\n")
    put(tmp_path / "val_fs800.txt", "2018_GP_MS_B 31.5 34.0 6.75 6.5 7.0 6.75 7.0 1.0\n")
    for name in ("2019_SWJ_LF_A_T", "2018_GP_MS_B"):
        put(tmp_path / f"videos/{name}.mp4", "")
    assert kind_of(tmp_path) == ("fs1000", tmp_path)
    scores = {
        name: [record.labels and record.labels.score for record in list_records("fs1000", tmp_path, score=name).records]
        for name in ("tes", "pcs", "in")
    }
    assert scores == {"tes": [31.5, 60.27], "pcs": [34.0, pytest.approx(63.55 / 1.6)], "in": [7.0, 8.22]}
    assert [record.split for record in list_records("fs1000", tmp_path).records] == ["test", "train"]
    with pytest.raises(UsageError, match="no score is called 'factor'"):
        list_records("fs1000", tmp_path, score="factor")
    put(tmp_path / "val_fs800.txt", "2018_GP_MS_B 31.5 34.0 6.75 6.5 7.0 6.75 7.0 0\n")
    with pytest.raises(DataError, match=r"val_fs800.txt:1: the factor is 0"):
        list_records("fs1000", tmp_path)


def test_the_former_layout_of_fs1000_is_refused(tmp_path: Path) -> None:
    for side in ("train", "test"):
        put(tmp_path / f"{side}_dataset.txt", "1 60.27 63.55 7.75 7.5 8.25 8.0 8.22\n")
    with pytest.raises(UsageError, match=r"no train_fs800.txt"):
        list_records("fs1000", tmp_path)


@pytest.mark.parametrize("name", ["Split_4/split_4_{}_list.mat", "consolidated_{}_list.mat"])
def test_aqa7_as_folders_of_frames(tmp_path: Path, name: str) -> None:
    """Folders as `datasets/SevenPair.py` of yuxumin/CoRe reads them; both names of the author's lists."""
    for side, rows in (("train", [[1, 1, 8350], [2, 12, 1520]]), ("test", [[1, 2, 7020]])):
        write_matrix(tmp_path / name.format(side), f"consolidated_{side}_list", np.array(rows, dtype=float))
    for sample in ("diving-out/001", "gym_vault-out/012", "diving-out/002"):
        frames(tmp_path / sample, range(1, 4), "img_{:05d}.jpg")
    (tmp_path / "diving-out/370").mkdir()
    assert kind_of(tmp_path) == ("aqa7", tmp_path)
    listing = list_records("aqa7", tmp_path)
    assert not listing.problems
    first, second, third = listing.records
    assert (first.id, first.task, first.split, second.split) == ("diving-out/001", "diving", "train", "test")
    assert (third.task, third.labels and third.labels.score) == ("gym_vault", 15.2)
    assert first.frames == FrameFolder(tmp_path / "diving-out/001", 25.0)
    assert next(path.name for path in first.frames.files()) == "img_00001.jpg"
    again = list_records("aqa7", tmp_path, frame_rate=30.0).records[0]
    assert again.frames
    assert again.frames.rate == 30.0


def kimore_exercise(root: Path, person: str = "E_ID1", subject: str = "E_ID1") -> Path:
    """One recording, as KIMORE's folders have it: the folder of its exercise."""
    folder = root / "CG/Expert" / person / "Es1"
    row = ",".join(["0.5,0.25,2.0,2"] * 25)
    put(folder / "Raw/JointPosition280914.csv", f"{row},\n{row},{row},\n{row},\n")
    put(folder / "Raw/JointOrientation280914.csv", f"{row},\n")
    write_book(folder / f"Label/ClinicalAssessment_{person}.xlsx", {"Subject ID": subject, "clinical TS Ex#1": 40.5})
    return folder


def test_of_two_recordings_of_kimore_the_original_is_read(tmp_path: Path) -> None:
    raw = kimore_exercise(tmp_path) / "Raw"
    put(raw / "JointPosition280914 (1).csv", "")
    listing = list_records("kimore", tmp_path)
    assert [record.sidecars["keypoints"].name for record in listing.records] == ["JointPosition280914.csv"]
    assert listing.problems == ("CG/Expert/E_ID1/Es1: 'JointPosition280914 (1).csv' is left out, a second recording",)
    assert len(read_motion(listing.records[0].sidecars["keypoints"], 1).keypoints) == 4


def test_a_workbook_of_another_person_is_named(tmp_path: Path) -> None:
    for person, subject in (("E_ID1", "E ID01"), ("E_ID2", "E_ID1"), ("E_ID3", "")):
        kimore_exercise(tmp_path, person, subject)
    listing = list_records("kimore", tmp_path)
    assert [record.groups["subject"] for record in listing.records] == ["CG/Expert/E_ID1", "CG/Expert/E_ID3"]
    assert listing.problems == ("CG/Expert/E_ID2/Es1: left out, ClinicalAssessment_E_ID2.xlsx is of 'E_ID1'",)
