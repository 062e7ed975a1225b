"""Published data sets in the form of their files: names, cell counts, types of keys, and oddities.

Most tests write a few entries by hand, in the form of the repository that docs/datasets.md names.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets.listing import check_data, kind_of, list_records
from data.errors import AimError, DataError, UsageError
from data.keypoints import read_motion
from data.leaks import audit
from data.splits import fixed, kfold
from data.video import FrameFolder, Labels, Phase
from synthetic.tiny_datasets import write_matrix
from synthetic.tiny_published import PUBLISHED, make_mtl_aqa, make_unlv

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
    without = list_records("mtl-aqa", tmp_path, score="execution", frame_rate=30.0).records[0]
    assert without.labels == Labels(score=81.6 / 3.2, difficulty=3.2)
    assert without.frames
    for name in names[1]:
        (tmp_path / "whole_videos_frames/01" / name).unlink()
    assert list_records("mtl-aqa", tmp_path).problems == ("01/002: listed for test, but has no video",)
    assert (listing.records[0].frames, without.frames.rate) == (replace(without.frames, rate=25.0), 30.0)


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


@pytest.mark.parametrize("form", ["fs800", "fs1000_new"])
def test_fs1000_has_nine_cells_and_a_factor(tmp_path: Path, form: str) -> None:
    """Cells as `dataset/dataset_fs800.py` of AndyFrancesco29/Audio-Visual-Figure-Skating reads them.

    MCMoE, LIMSSR and BMC-AQA read lists of the same cells under the names of `fs1000_new`.
    """
    put(tmp_path / f"train_{form}.txt", "2019_SWJ_LF_A_T 60.27 63.55 7.75 7.5 8.25 8.0 8.22 1.6\n")
    put(tmp_path / f"val_{form}.txt", "2018_GP_MS_B 31.5 34.0 6.75 6.5 7.0 6.75 7.0 1.0\n")
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
    put(tmp_path / f"val_{form}.txt", "2018_GP_MS_B 31.5 34.0 6.75 6.5 7.0 6.75 7.0 0\n")
    with pytest.raises(DataError, match=rf"val_{form}.txt:1: the factor is 0"):
        list_records("fs1000", tmp_path)


@pytest.mark.parametrize("lines", ["1 28.71 29.36 1\n3 36.5 31.6 0\n", "1 28.71 29.36\n3 36.5 31.6\n",
                                   "number tes pcs\n1 28.71 29.36 1\n3 36.5 31.6 0\n"])  # fmt: skip
def test_fis_v_lists_have_a_deduction_three_columns_or_a_header(tmp_path: Path, lines: str) -> None:
    """As the publisher has them, as BMC-AQA reads them, and as loaders of the GDLT family skip a first line."""
    put(tmp_path / "train.txt", lines)
    put(tmp_path / "test.txt", "2 28.88 27.08 1\n")
    for name in ("1", "2", "3"):
        put(tmp_path / f"videos/{name}.mp4", "")
    records = list_records("fis-v", tmp_path).records
    assert [record.labels and record.labels.score for record in records] == [28.71, 28.88, 36.5]


def test_fis_v_names_its_skaters(tmp_path: Path) -> None:
    """Rows as `data/fs_dataset.csv` of chmxu/MS_LSTM has them: skaters, contradictions, one performance twice."""
    put(tmp_path / "train_dataset.txt", "1 28.71 29.36 1\n2 36.53 31.63 0\n3 25.49 23.17 0\n")
    put(tmp_path / "test_dataset.txt", "4 25.49 23.17 0\n5 28.0 29.0 0\n")
    rows = ["1,57.07,28.71,29.36,1,Ann Example,2015,NHK", "2,58.16,36.53,31.63,0,Bea Example,2014,NHK"]
    rows += [f"{number},48.66,25.49,23.17,0,Cy Example,2015,COC" for number in (3, 4)]
    rows += ["5,57,28,29,0,Ann  Example ,2016,WC", "6,,,,,,,"]
    put(tmp_path / "data/fs_dataset.csv", "\n".join(["number,total,tes,pcs,ded,,,", *rows]))
    for number in range(1, 6):
        put(tmp_path / f"videos/{number}.mp4", "")
    report = check_data("fis-v", tmp_path, {})
    assert report.doubts == (
        "2: the total is 58.16, but TES + PCS - deductions are 68.16",
        "3 and 4: one performance, listed 2 times",
    )
    records = list_records("fis-v", tmp_path).records
    assert [record.groups["subject"] for record in records[:2]] == ["Ann Example", "Bea Example"]
    assert records[4].groups["group"] == records[0].groups["group"]
    assert records[2].groups["original"] == records[3].groups["original"] == "3"
    shared = audit(fixed(records), records).shared
    assert shared == {"subject": 2}, "the skaters of 1 and 5, and of 3 and 4, are on both official sides"
    apart = kfold(records, k=2)
    for fold in apart:
        assert ("videos/1.mp4" in fold.test) == ("videos/5.mp4" in fold.test), "a skater is on one side"


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


def test_a_difficulty_that_awards_contradict_is_replaced_on_request(tmp_path: Path) -> None:
    """86.7 = 3.4 x 25.5, so the published 3.3 is wrong; without a difficulty that fits, the published one stays."""
    keys, awards = [("a", 0), ("a", 1)], [8.5, 8.5, 8.5, 9.0, 8.0, 8.5, 8.5]
    fine = {key: ["307C", score, 3.3, [2, 4], [5, 5, 9]] for key, score in zip(keys, (86.7, 77.0), strict=True)}
    coarse = {key: {"dive_score": fine[key][1], "difficulty": 3.3, "judge_scores": awards} for key in keys}
    pickled(tmp_path / "Annotations/fine-grained_annotation_aqa.pkl", fine)
    pickled(tmp_path / "Annotations/FineDiving_coarse_annotation.pkl", coarse)
    pickled(tmp_path / "Annotations/train_split.pkl", keys[:1])
    pickled(tmp_path / "Annotations/test_split.pkl", keys[1:])
    for name, number in keys:
        frames(tmp_path / f"FineDiving/{name}/{number}", range(1, 4), "{:05d}.jpg")

    def levels(**options: str) -> list[Any]:
        listing = list_records("finediving", tmp_path, **options)
        return [record.labels and (record.labels.score, record.labels.difficulty) for record in listing.records]

    assert levels() == levels(difficulty="published") == [(86.7, 3.3), (77.0, 3.3)]
    assert levels(difficulty="from_awards") == [(86.7, 3.4), (77.0, 3.3)]
    assert levels(difficulty="from_awards", score="execution") == [(86.7 / 3.4, 3.4), (77.0 / 3.3, 3.3)]
    doubts = list_records("finediving", tmp_path, difficulty="from_awards").doubts
    assert doubts == ("a/000: difficulty 3.4 from the judges' scores, 3.3 published",)


def test_finediving_has_lists_of_five_and_names_of_two_parts(tmp_path: Path) -> None:
    """Entries as `datasets/FineDiving_Pair.py` of xujinglin/FineDiving reads them: score, difficulty, labels."""
    labels = [5] * 3 + [9] * 2 + [1] * 4
    keys = [("FINADivingWorldCup2021_Men3m_final_r1", 0), ("01", 4)]
    fine = {key: ["107B", 76.5, 3.0, [2, 4], np.array(labels)] for key in keys}
    coarse = {
        keys[0]: {"dive_score": 76.5, "difficulty": 3.0, "judge_scores": [8.5, 8.5, 8.5, 9.0, 8.0, 8.5, 8.5]},
        keys[1]: {"dive_score": 76.5, "difficulty": 3.1, "judge_scores": [8.5, 55.5, 45.0]},
    }
    pickled(tmp_path / "Annotations/FineDiving_fine-grained_annotation.pkl", fine, protocol=5)
    pickled(tmp_path / "Annotations/FineDiving_coarse_annotation.pkl", coarse)
    pickled(tmp_path / "train_test_split/train_split.pkl", keys[:1])
    pickled(tmp_path / "train_test_split/test_split.pkl", keys[1:])
    for name, number in keys:
        frames(tmp_path / f"FINADiving_MTL_256s/{name}/{number}", range(489, 498), "{:05d}.jpg")
    assert kind_of(tmp_path) == ("finediving", tmp_path)
    report = check_data("finediving", tmp_path, {})
    assert report.problems == (), "a published misprint is no fault of this copy"
    assert report.doubts == (
        "01/004: the difficulty is 3, and 3.1 beside the judges' scores",
        "01/004: a judge gave 55.5, so the judges' scores are left out",
    )
    old, new = list_records("finediving", tmp_path).records
    assert (old.id, new.id) == ("01/004", "FINADivingWorldCup2021_Men3m_final_r1/000")
    assert new.labels == Labels(76.5, difficulty=3.0, judges=(8.5, 8.5, 8.5, 9.0, 8.0, 8.5, 8.5))
    assert (old.labels and old.labels.judges) == ()
    assert new.phases == (Phase("take-off", 0, 0.12), Phase("flight", 0.12, 0.2), Phase("entry", 0.2, math.inf))
    path = tmp_path / "Annotations/FineDiving_coarse_annotation.pkl"
    for damaged in ({keys[0]: {}}, {keys[0]: {"judge_scores": [-1.0], "difficulty": 3.0}}, [1]):
        pickled(path, damaged)
        with pytest.raises(DataError, match="judges' scores cannot be used"):
            list_records("finediving", tmp_path)
    path.unlink()
    assert {r.labels.judges for r in list_records("finediving", tmp_path).records if r.labels} == {()}


def test_fis_v_has_four_cells_and_numbers_as_names(tmp_path: Path) -> None:
    """Lines as `dataloader.py` of chmxu/MS_LSTM reads them: number, TES, PCS, deduction."""
    put(tmp_path / "data/train_dataset.txt", "1 28.71 29.36 1\n12 35.0 31.02 0\n")
    put(tmp_path / "data/test_dataset.txt", "3 19.5 22.75 2\n")
    for name in ("001", "3", "12"):
        put(tmp_path / f"videos/{name}.mp4", "")
    listing = list_records("fis-v", tmp_path, score="pcs")
    assert [(r.id, r.split, r.labels and r.labels.score) for r in listing.records] == [
        ("videos/001.mp4", "train", 29.36), ("videos/12.mp4", "train", 31.02), ("videos/3.mp4", "test", 22.75)
    ]  # fmt: skip
    assert not listing.problems


def test_rhythmic_gymnastics_has_a_header_of_blanks_and_tabs(tmp_path: Path) -> None:
    """Lines as `dataset.py` of qinghuannn/ACTION-NET reads them; the header is skipped."""
    head = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length\n"
    put(tmp_path / "data/train.txt", f"{head}Ball_002\t7.4 7.9 15.3\t0.0\t93\r\n")
    put(tmp_path / "data/test.txt", f"{head}Ribbon_250\t6.1 7.0 12.8\t0.3\t88\n")
    for name in ("Ball_002", "Ribbon_250"):
        put(tmp_path / f"RG_public/{name}.mp4", "")
    assert kind_of(tmp_path) == ("rhythmic-gymnastics", tmp_path)
    first, second = list_records("rhythmic-gymnastics", tmp_path).records
    assert (first.task, first.split, first.labels) == ("Ball", "train", Labels(15.3))
    assert (second.task, second.split, second.labels) == ("Ribbon", "test", Labels(12.8))


def test_unlv_has_columns_of_scores_and_rows_of_indices(tmp_path: Path) -> None:
    """Names of `data_files/README_diving.txt` in YeTianJHU/diving-score; indices count from 1."""
    place = tmp_path / "diving"
    write_matrix(place / "diving_overall_scores.mat", "overall_scores", np.array([[83.3], [57.75], [90.0]]))
    write_matrix(place / "diving_difficulty_level.mat", "difficulty_level", np.array([[3.4], [3.3], [3.6]]))
    write_matrix(place / "split_300_70/training_idx.mat", "training_idx", np.array([[1.0, 3.0]]))
    write_matrix(place / "split_300_70/testing_idx.mat", "testing_idx", np.array([[2.0]]))
    for number in (1, 2, 3):
        put(place / f"diving_samples_len_ori/{number:03d}.avi", "")
        put(place / f"diving_samples_len_151_lstm/{number:03d}.avi", "")
    assert kind_of(tmp_path) == ("unlv", tmp_path)
    listing = list_records("unlv", tmp_path, score="execution")
    assert [(r.split, r.labels and r.labels.score) for r in listing.records] == [
        ("train", pytest.approx(24.5)), ("test", pytest.approx(17.5)), ("train", pytest.approx(25.0))
    ]  # fmt: skip
    assert listing.records[0].id == "diving/diving_samples_len_ori/001.avi"
    assert not listing.problems


def test_ui_prmd_has_66_numbers_a_row_and_folders_with_blanks(tmp_path: Path) -> None:
    row = ",".join(f"{value:.6f}" for value in np.linspace(-40, 80, 66))
    for folder, end in (("Segmented Movements", ""), ("Incorrect Segmented Movements", "_inc")):
        for kind in ("positions", "angles"):
            name = f"m10_s07_e02_{kind}{end}.txt"
            put(tmp_path / folder / "Kinect" / kind.capitalize() / name, f"{row}\n" * 4)
    assert kind_of(tmp_path) == ("ui-prmd", tmp_path)
    listing = list_records("ui-prmd", tmp_path)
    assert [(r.task, r.groups["subject"], r.labels and r.labels.score) for r in listing.records] == [
        ("m10", "s07", 0.0), ("m10", "s07", 1.0)
    ]  # fmt: skip
    files = listing.records[0].sidecars
    assert read_motion(files["keypoints"], files["angles"]).points.shape == (4, 17, 4)
    assert not listing.problems


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


def test_lists_without_videos_name_both_ways_to_go_on(tmp_path: Path) -> None:
    for side in ("train", "test"):
        put(tmp_path / f"{side}.txt", f"{side} 28.71 29.36 1\n")
    with pytest.raises(DataError, match="none of the listed performances has a video") as caught:
        list_records("fis-v", tmp_path)
    assert caught.value.fix == "Expected them in videos; features in their place: --features PATH"
    assert len(list_records("fis-v", tmp_path, feature_names=["train"]).records) == 2


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("train_split_0", [(1, 1), (9, 77)], "annotation of '09/077' is missing"),
        ("train_split_0", [(9, 4)], "listed for training and for test"),
        ("final_annotations_dict", {(1, 1): {"start_frame": 1}}, "cannot be used"),
        (
            "final_annotations_dict",
            {(1, 1): {"start_frame": 1, "end_frame": 3, "final_score": float("nan"), "difficulty": 2.0}},
            "is no number",
        ),
    ],
)
def test_impossible_annotations_are_refused(tmp_path: Path, name: str, value: object, what: str) -> None:
    make_mtl_aqa(tmp_path, count=8, frames=2)
    pickled(tmp_path / f"MTL-AQA_split_0_data/{name}.pkl", value)
    with pytest.raises(AimError, match=what):
        list_records("mtl-aqa", tmp_path)


def test_names_of_features_are_the_movements_of_ui_prmd_without_files(tmp_path: Path) -> None:
    listing = list_records("ui-prmd", tmp_path, feature_names=["a/m01_s02_e03_positions_inc", "m01_s01_e01", "mine"])
    scores = {record.id: record.labels.score for record in listing.records if record.labels}
    assert scores == {"a/m01_s02_e03_positions_inc": 0, "m01_s01_e01": 1}
    assert [record.groups["subject"] for record in listing.records] == ["s02", "s01"]
    assert listing.problems == ("'mine' is no name of a segmented movement, such as m01_s01_e01_inc",)
    with pytest.raises(DataError, match="or features called like m01_s01_e01_inc"):
        list_records("ui-prmd", tmp_path)
