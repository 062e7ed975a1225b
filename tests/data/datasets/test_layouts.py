"""Published data sets in the form of their files: names, cell counts, types of keys, and oddities.

Each layout is a few entries by hand, in the form of the repository that docs/datasets.md names. What is listed of it is
an approval file.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from data.datasets.listing import check_data, kind_of, list_records
from data.errors import AimError, DataError, UsageError
from data.leaks import audit
from data.splits import fixed, kfold, make_folds
from data.video import Record
from synthetic.tiny_datasets import write_matrix
from synthetic.tiny_published import PUBLISHED, make_unlv, write_book

LAYOUTS: dict[str, tuple[str, Callable[[Path], None], tuple[Mapping[str, Any], ...]]] = {}
"""By name: the kind of set, what writes it, and the options with which it is listed."""

Write = Callable[..., None]


def layout(kind: str, *options: Mapping[str, Any], **forms: Mapping[str, Any]) -> Callable[[Write], Write]:
    """Enter a layout, or the same in several forms, each with further arguments."""

    def enter(write: Write) -> Write:
        for form, given in (forms or {"": {}}).items():
            name = " ".join(filter(None, (write.__name__.strip("_").replace("_", " "), form.replace("_", " "))))
            LAYOUTS[name] = (kind, lambda root, given=given: write(root, **given), options or ({},))  # type: ignore[misc]
        return write

    return enter


def shown(record: Record) -> str:
    """One line with all that a listing says of a performance."""
    labels, frames = record.labels, record.frames
    parts = [record.id, record.task, record.split or "no side"]
    if labels:
        parts += [f"{name} {value:.9g}" for name in ("score", "execution", "synchronisation", "difficulty")
                  if (value := getattr(labels, name)) is not None]  # fmt: skip
        parts += [f"judges {' '.join(f'{award:g}' for award in labels.judges)}"] if labels.judges else []
    parts += [f"{kind} {name}" for kind, name in sorted(record.groups.items())]
    parts += [f"{kind} in {path.name}" for kind, path in sorted(record.sidecars.items())]
    if frames:
        files = [path.name for path in frames.files()]
        parts.append(f"{len(files)} frames {files[0]} to {files[-1]} at {frames.rate:g}")
    parts += [f"{phase.name} {phase.start:g} to {phase.end:g}" for phase in record.phases]
    return "; ".join(filter(None, parts))


def said(kind: str, root: Path, options: Mapping[str, Any]) -> Iterator[str]:
    try:
        yield from map(shown, list_records(kind, root, **options).records)
        report = check_data(kind, root, dict(options))
        yield from (f"problem: {line}" for line in report.problems)
        yield from (f"doubt: {line}" for line in report.doubts)
    except AimError as error:
        yield f"error: {error}"


def pickled(path: Path, value: Any, protocol: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def frames(folder: Path, numbers: Iterable[int], name: str = "{:06d}.jpg") -> None:
    """Empty files with the names of frames: a listing opens none."""
    for number in numbers:
        put(folder / name.format(number))


AWARDS = [8.5, 8.5, 8.0, 8.5, 9.0, 8.5, 8.0]


def mtl_dive(first: int, last: int, **more: Any) -> dict[str, Any]:
    """An entry of MTL-AQA's annotations."""
    return {
        "primary_view": 0, "secondary_view": 0, "start_frame": first, "end_frame": last, "position": 3, "armstand": 0,
        "rotation_type": 1, "ss_no": 9, "tw_no": 0, "difficulty": 3.2, "final_score": 81.6, **more,
    }  # fmt: skip


@layout("mtl-aqa", {}, {"score": "execution", "frame_rate": 30.0}, whole={}, without_two_pictures={"last": 4})
def mtl_aqa(root: Path, last: int = 6) -> None:
    """The publisher's loader takes the pictures at places start_frame ... end_frame - 1, named from 000001.jpg on."""
    labels = root / "MTL-AQA_split_0_data"
    pickled(labels / "final_annotations_dict.pkl", {(1, 1): mtl_dive(0, 3), (1, 2): mtl_dive(3, 5)})
    pickled(labels / "train_split_0.pkl", [(1, 1)])
    pickled(labels / "test_split_0.pkl", [(1, 2)])
    frames(root / "whole_videos_frames/01", range(1, last))


@layout(
    "mtl-aqa",
    CoRe={"name": "final_annotations_dict_with_dive_number.pkl"},
    MUSDL={"name": "augmented_final_annotations_dict.pkl"},
    beside_the_publishers={"name": "augmented_final_annotations_dict.pkl", "beside": True},
)
def mtl_aqa_as_handed_on_by(root: Path, name: str, beside: bool = False) -> None:
    dives = {(1, 1): mtl_dive(0, 3, dive_number="107B", judge_scores=AWARDS)}
    dives[1, 2] = mtl_dive(3, 5, dive_number="5253B", judge_scores=np.array(AWARDS))
    pickled(root / "info" / name, dives)
    if beside:
        pickled(root / "info/final_annotations_dict.pkl", {(1, 1): mtl_dive(0, 3), (1, 2): mtl_dive(3, 5)})
    pickled(root / "info/train_split_0.pkl", [(1, 1)])
    pickled(root / "info/test_split_0.pkl", [(1, 2)])
    frames(root / "new/new_total_frames_256s/01", range(1, 6), "{:05d}.jpg")


def broken(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value}


@layout(
    "mtl-aqa",
    missing=broken("train_split_0", [(1, 1), (9, 77)]),
    outside=broken("train_split_0", [(1, "../..")]),
    both_sides=broken("train_split_0", [(1, 2)]),
    half=broken("final_annotations_dict", {(1, 1): {"start_frame": 1}}),
    list=broken("final_annotations_dict", [1]),
    no_number=broken("final_annotations_dict", {(1, 1): mtl_dive(1, 3, final_score=float("nan"))}),
)
def mtl_aqa_with_a_broken_file(root: Path, name: str, value: Any) -> None:
    mtl_aqa(root)
    pickled(root / f"MTL-AQA_split_0_data/{name}.pkl", value)


HEADERS = {
    15: ["Sr. No.", "View", "Start_frame", "End_frame", "Position", "Difficulty", "Dive type/no.", "armstand",
         "rotation_type", "# ss", "# tw", "Final_score", "Individual judges scores"],
    19: ["Sr. No.", "View", "Start_frame", "End_frame", "Position", "Difficulty", "Dive type/no.", "Indi/Synchro",
         "Height", "Final_score", "Individual judges scores"],
    30: ["Dive No.", "Camera Angle", "Start Frame", "End Frame", "Position ", "Difficulty", "Dive Type", "Final Score",
         None, "Judge 1 "],
}  # fmt: skip
PANEL = [8, "7.5", 8, 7, 8, 8, 8]


def dive(competition: int, number: int, first: Any, last: Any, score: Any, panel: Sequence[Any] = PANEL) -> list[Any]:
    """A row of a workbook of MTL-AQA's further competitions."""
    row = [number, "S" if competition == 30 else "s", first, last, "p", "3"]
    place = next(n for n, name in enumerate(HEADERS[competition]) if str(name).startswith("Final"))
    return [*row, *[None] * (place - len(row)), score, *panel]


RAW = {
    15: [dive(15, 1, 2, 5, 72), [None, "ss", 30, 40], ["?", "b", 5, 9], dive(15, 2, 5, 8, 63.0)],
    19: [dive(19, 1, 1, 4, 33.6, [*PANEL[:6], "6..5"])],
    30: [dive(30, 1, 7.0, 9.0, 52.2, ["Execution", 8.5, 8.5]), [None, "SS", 9, 12, *[None] * 4, "Synchro."]],
}
BAD = [(1, 5, 8, 60), (2, 8, 8, 60), (3, 8, 9, "48..6"), (4, 8, 9, None), (5, "x", 9, 60), (6, 8, 9, "nan")]


@layout(
    "mtl-aqa",
    {},
    {"score": "execution"},
    {"feature_names": ["any"]},
    whole={"rows": RAW},
    with_rows_that_cannot_be_used={"rows": {19: [dive(19, 1, 2, 5, 72), *[dive(19, *row) for row in BAD]]}},
    without_videos={"rows": RAW, "filmed": ()},
    without_a_column_of_scores={"rows": {15: [["Sr. No.", "View"]]}, "header": False},
    cut={"rows": {15: RAW[15]}, "size": 200},
    beside_the_listed_set={"rows": {1: []}, "listed": True},
)
def raw_workbooks_of_mtl_aqa(
    root: Path,
    rows: dict[int, Any],
    filmed: Any = (15, 19, 30),
    header: bool = True,
    size: int = -1,
    listed: bool = False,
) -> None:
    """Further competitions: a set without a split. The publisher's folder has such workbooks of the listed ones too."""
    if listed:
        mtl_aqa(root)
    for competition, given in rows.items():
        book = pytest.importorskip("openpyxl").Workbook()
        for row in [*([HEADERS.get(competition, HEADERS[15])] if header else []), *given]:
            book.active.append(row)
        path = root / f"Raw_Annotations/{competition:02d}.xlsx"
        put(path)
        book.save(path)
        path.write_bytes(path.read_bytes()[: size if size > 0 else None])
    for competition in filmed:
        frames(root / f"whole_videos_frames/{competition}", range(1, 10))


@layout("fs1000", *({"score": score} for score in ("tes", "pcs", "in", "factor")), fs800={"form": "fs800"},
        fs1000_new={"form": "fs1000_new"}, of_factor_0={"form": "fs800", "factor": "0"})  # fmt: skip
def fs1000(root: Path, form: str, factor: str = "1.0") -> None:
    """Nine cells and a factor, as `dataset/dataset_fs800.py` of AndyFrancesco29/Audio-Visual-Figure-Skating reads them.

    MCMoE, LIMSSR and BMC-AQA read lists of the same cells under the names of `fs1000_new`.
    """
    put(root / f"train_{form}.txt", "2019_SWJ_LF_A_T 60.27 63.55 7.75 7.5 8.25 8.0 8.22 1.6\n")
    put(root / f"val_{form}.txt", f"2018_GP_MS_B 31.5 34.0 6.75 6.5 7.0 6.75 7.0 {factor}\n")
    for name in ("2019_SWJ_LF_A_T", "2018_GP_MS_B"):
        put(root / f"videos/{name}.mp4")


@layout("fis-v", {}, {"score": "pcs"}, four_cells={"train": "1 28.71 29.36 1\n12 36.5 31.6 0\n"},
        three_columns={"train": "1 28.71 29.36\n12 36.5 31.6\n"},
        a_header={"train": "number tes pcs\n1 28.71 29.36 1\n12 36.5 31.6 0\n"},
        two_cells={"train": "1 28.71\n"}, five_cells={"train": "1 28.71 29.36 1 1\n"},
        a_word={"train": "1 a 29.36 1\n"},
        a_name_twice={"train": "1 28.71 29.36 1\n1 36.5 31.6 0\n"})  # fmt: skip
def fis_v_lists_of(root: Path, train: str) -> None:
    """As chmxu/MS_LSTM and BMC-AQA read them, and as loaders of the GDLT family skip a first line."""
    put(root / "train.txt", train)
    put(root / "test.txt", "3 28.88 27.08 1\n")
    for name in ("001", "3", "12"):
        put(root / f"videos/{name}.mp4")


@layout("fis-v", {}, {"feature_names": ["1"]})
def fis_v_without_videos(root: Path) -> None:
    put(root / "train.txt", "1 28.71 29.36 1\n")
    put(root / "test.txt", "3 28.88 27.08 1\n")


@layout("fis-v")
def fis_v_with_skaters(root: Path) -> None:
    """Rows as `data/fs_dataset.csv` of chmxu/MS_LSTM has them: skaters, contradictions, one performance twice."""
    put(root / "train_dataset.txt", "1 28.71 29.36 1\n2 36.53 31.63 0\n3 25.49 23.17 0\n")
    put(root / "test_dataset.txt", "4 25.49 23.17 0\n5 28.0 29.0 0\n")
    rows = ["1,57.07,28.71,29.36,1,Ann Example,2015,NHK", "2,58.16,36.53,31.63,0,Bea Example,2014,NHK"]
    rows += [f"{number},48.66,25.49,23.17,0,Cy Example,2015,COC" for number in (3, 4)]
    rows += ["5,57,28,29,0,Ann  Example ,2016,WC", "6,,,,,,,"]
    put(root / "data/fs_dataset.csv", "\n".join(["number,total,tes,pcs,ded,,,", *rows]))
    for number in range(1, 6):
        put(root / f"videos/{number}.mp4")


@layout("aqa7", {}, {"frame_rate": 30.0}, split_4={"name": "Split_4/split_4_{}_list.mat"},
        consolidated={"name": "consolidated_{}_list.mat"})  # fmt: skip
def aqa7_as_folders_of_frames(root: Path, name: str) -> None:
    """Folders as `datasets/SevenPair.py` of yuxumin/CoRe reads them; both names of the author's lists."""
    for side, rows in (("train", [[1, 1, 8350], [2, 12, 1520]]), ("test", [[1, 2, 7020]])):
        write_matrix(root / name.format(side), f"consolidated_{side}_list", np.array(rows, dtype=float))
    for sample in ("diving-out/001", "gym_vault-out/012", "diving-out/002"):
        frames(root / sample, range(1, 4), "img_{:05d}.jpg")
    (root / "diving-out/370").mkdir()


TRAIN, TEST = [[1, 1, 8150], [1, 2, 4500], [3, 7, 3975], [1, 1, 8150]], [[1, 3, 10260], [6, 91, 7566]]
VIDEOS = ("diving/001", "diving/002", "diving/003", "ski_big_air/007", "sync_diving_10m/091")


@layout("aqa7", official={}, in_points={"scale": [1, 1, 100]},
        with_another_video={"videos": [*VIDEOS[1:], "diving/370"]},
        contradicting={"train": [*TRAIN, [1, 2, 4600]]}, on_both_sides={"train": [*TRAIN, TEST[0]]},
        of_another_variable={"variable": "other"})  # fmt: skip
def aqa7(root: Path, train: Any = TRAIN, scale: Any = 1, videos: Any = VIDEOS, variable: str = "") -> None:
    for side, rows in (("train", train), ("test", TEST)):
        path = root / f"Split_4/split_4_{side}_list.mat"
        write_matrix(path, variable or f"consolidated_{side}_list", np.array(rows, dtype=float) / scale)
    for name in videos:
        put(root / f"Actions/{name}.avi")


@layout("finediving", *({"difficulty": rule, "score": score} for rule in ("published", "from_awards")
                        for score in ("", "execution")))  # fmt: skip
def finediving_whose_difficulty_awards_contradict(root: Path) -> None:
    """86.7 = 3.4 x 25.5, so the published 3.3 is wrong; without a difficulty that fits, the published one stays."""
    keys = [("a", 0), ("a", 1)]
    fine = {key: ["307C", score, 3.3, [2, 4], [5, 5, 9]] for key, score in zip(keys, (86.7, 77.0), strict=True)}
    awards = [8.5, 8.5, 8.5, 9.0, 8.0, 8.5, 8.5]
    coarse = {key: {"dive_score": fine[key][1], "difficulty": 3.3, "judge_scores": awards} for key in keys}
    pickled(root / "Annotations/fine-grained_annotation_aqa.pkl", fine)
    pickled(root / "Annotations/FineDiving_coarse_annotation.pkl", coarse)
    pickled(root / "Annotations/train_split.pkl", keys[:1])
    pickled(root / "Annotations/test_split.pkl", keys[1:])
    for name, number in keys:
        frames(root / f"FineDiving/{name}/{number}", range(1, 4), "{:05d}.jpg")


KEYS = [("FINADivingWorldCup2021_Men3m_final_r1", 0), ("01", 4)]


@layout("finediving", whole={}, without_awards={"coarse": None}, whose_awards_are_empty={"coarse": {KEYS[0]: {}}},
        whose_awards_are_below_0={"coarse": {KEYS[0]: {"judge_scores": [-1.0], "difficulty": 3.0}}},
        whose_awards_are_a_list={"coarse": [1]})  # fmt: skip
def finediving(root: Path, coarse: Any = ()) -> None:
    """Entries as `datasets/FineDiving_Pair.py` of xujinglin/FineDiving reads them: score, difficulty, labels."""
    fine = {key: ["107B", 76.5, 3.0, [2, 4], np.array([5] * 3 + [9] * 2 + [1] * 4)] for key in KEYS}
    awards = {
        KEYS[0]: {"dive_score": 76.5, "difficulty": 3.0, "judge_scores": [8.5, 8.5, 8.5, 9.0, 8.0, 8.5, 8.5]},
        KEYS[1]: {"dive_score": 76.5, "difficulty": 3.1, "judge_scores": [8.5, 55.5, 45.0]},
    }
    pickled(root / "Annotations/FineDiving_fine-grained_annotation.pkl", fine, protocol=5)
    if coarse is not None:
        pickled(root / "Annotations/FineDiving_coarse_annotation.pkl", coarse or awards)
    pickled(root / "train_test_split/train_split.pkl", KEYS[:1])
    pickled(root / "train_test_split/test_split.pkl", KEYS[1:])
    for name, number in KEYS:
        frames(root / f"FINADiving_MTL_256s/{name}/{number}", range(489, 498), "{:05d}.jpg")


@layout("rhythmic-gymnastics")
def rhythmic_gymnastics(root: Path) -> None:
    """Blanks and tabs, as `dataset.py` of qinghuannn/ACTION-NET reads them; the header is skipped."""
    head = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length\n"
    put(root / "data/train.txt", f"{head}Ball_002\t7.4 7.9 15.3\t0.0\t93\r\n")
    put(root / "data/test.txt", f"{head}Ribbon_250\t6.1 7.0 12.8\t0.3\t88\n")
    for name in ("Ball_002", "Ribbon_250"):
        put(root / f"RG_public/{name}.mp4")


@layout("unlv", {}, {"score": "execution"})
def unlv(root: Path) -> None:
    """Names of `data_files/README_diving.txt` in YeTianJHU/diving-score; indices count from 1."""
    place = root / "diving"
    write_matrix(place / "diving_overall_scores.mat", "overall_scores", np.array([[83.3], [57.75], [90.0]]))
    write_matrix(place / "diving_difficulty_level.mat", "difficulty_level", np.array([[3.4], [3.3], [3.6]]))
    write_matrix(place / "split_300_70/training_idx.mat", "training_idx", np.array([[1.0, 3.0]]))
    write_matrix(place / "split_300_70/testing_idx.mat", "testing_idx", np.array([[2.0]]))
    for number in (1, 2, 3):
        put(place / f"diving_samples_len_ori/{number:03d}.avi")
        put(place / f"diving_samples_len_151_lstm/{number:03d}.avi")


@layout("unlv", {}, {"score": "execution"})
def unlv_with_vaults(root: Path) -> None:
    """A vault has no execution, for its difficulty is not published."""
    make_unlv(root, count=8, frames=2)


@layout("ui-prmd")
def ui_prmd(root: Path) -> None:
    """66 numbers a row, and folders with blanks."""
    row = ",".join(f"{value:.6f}" for value in np.linspace(-40, 80, 66))
    for folder, end in (("Segmented Movements", ""), ("Incorrect Segmented Movements", "_inc")):
        for kind in ("positions", "angles"):
            put(root / folder / "Kinect" / kind.capitalize() / f"m10_s07_e02_{kind}{end}.txt", f"{row}\n" * 4)


@layout("ui-prmd", {}, {"feature_names": ["a/m01_s02_e03_positions_inc", "m01_s01_e01", "mine"]})
def ui_prmd_without_files(root: Path) -> None:
    root.mkdir(exist_ok=True)


NAME = "280914_103748"
ROW = ",".join(["0.5,0.25,2.0,2"] * 25)
ORIGINAL, COPY = f"JointPosition{NAME}.csv", f"JointPosition{NAME} (1).csv"
FOUR = f"\n\n{ROW},\n{ROW},{ROW},\n{ROW},\n"
SCORES = {"clinical TS Ex#1": 40.5, "clinical PO Ex#1": 10.25, "clinical CF Ex#1": 30.25}
FIRST = 6_350_000_000_000


def stamps(count: int, first: int = FIRST) -> str:
    """Time stamps of a Kinect: 100 ns units after two empty rows, each with a comma."""
    return "\n\n" + "".join(f"{first + 333_333 * frame},\n" for frame in range(count))


def book(suffix: str = "", subject: str = "E_ID1", **scores: float) -> tuple[str, dict[str, Any]]:
    """The name of a workbook, and its cells."""
    return f"Label/ClinicalAssessment_E_ID1{suffix}.xlsx", {"Subject ID": subject, **(scores or SCORES)}


@layout(
    "kimore",
    whole={},
    and_a_copy={f"Raw/{COPY}": f"{ROW},\n" * 4},
    whose_original_is_short={f"Raw/{COPY}": FOUR, f"Raw/{ORIGINAL}": f"{ROW},\n{ROW},\n"},
    whose_original_is_empty={f"Raw/{COPY}": FOUR, f"Raw/{ORIGINAL}": ""},
    whose_original_is_damaged={f"Raw/{COPY}": FOUR, f"Raw/{ORIGINAL}": f"{ROW},\nx,{ROW[4:]}\n"},
    whose_recordings_are_all_short={f"Raw/{COPY}": f"{ROW},\n", f"Raw/{ORIGINAL}": f"{ROW},\n"},
    of_another_person=dict([book(subject="E_ID2")]),
    spelled_otherwise=dict([book(subject="E ID01")]),
    without_a_name=dict([book(subject="")]),
    without_the_score=dict([book(**{"clinical TS Ex#2": 40.5})]),
    of_a_damaged_workbook={book()[0]: b"PK"},
    beside_the_workbook_of_another=dict([book(" (1)", "E_ID2", **{"clinical TS Ex#1": 10.0})]),
    of_workbooks_that_differ=dict([book(" (1)", **{"clinical TS Ex#1": 41.0})]),
    of_workbooks_of_which_one_fits=dict([book(" (1)", **{**SCORES, "clinical TS Ex#1": 45})]),
    beside_a_damaged_workbook={book(" (1)")[0]: b"PK"},
    with_a_wrong_total=dict([book(**{**SCORES, "clinical TS Ex#1": 45})]),
    with_a_sixth_exercise={"../Es6/Raw/x.txt": ""},
    without_joints_everywhere={"../../E_ID8/Es2/Raw/x.txt": ""},
    without_joints_here={"../../E_ID8/Es3/Raw/x.txt": ""},
    with_a_gap={f"Raw/TimeStamp{NAME}.csv": stamps(3) + stamps(1, FIRST + 21_000_000)},
    with_another_unit={f"Raw/TimeStamp{NAME}.csv": "0\n33\n67\n100\n"},
    without_time_stamps={f"Raw/TimeStamp{NAME}.csv": None},
)
def kimore(root: Path, **files: Any) -> None:
    """An exercise with one recording of four frames, of which one row has two, and what else is there."""
    there = {
        f"Raw/{ORIGINAL}": FOUR,
        f"Raw/JointOrientation{NAME}.csv": f"{ROW},\n",
        f"Raw/TimeStamp{NAME}.csv": stamps(4),
        **dict([book()]),
    }
    for person, content_of in (("E_ID1", there | files), ("E_ID9", there | {book()[0]: book(subject="E_ID9")[1]})):
        for name, content in content_of.items():
            path = (root / "CG/Expert" / person / "Es1" / name).parent.resolve() / Path(name).name
            if isinstance(content, dict):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_book(path, content)
            elif content is not None:
                put(path)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())


HEAD = "video,final,execution,synchronisation,difficulty,split,original,event"


@layout(
    "tasd2",
    of_both_events={"rows": ["3m/001.mp4,71.1,38.5,40.2,2.8,train,,3m", "10m/9.mp4,80,,,,test,,Sync. Diving 10 m"]},
    **{f"whose_copy_names_{named}": {"rows": ["3m/001.mp4,71,,,,train,,3m", f"3m/001_m.mp4,71,,,,test,{named},3m"]}
       for named in ("3m/001.mp4", "3m/001", "001", "001.mp4")},
    of_chains_and_loops={"rows": [f"3m/{name}.mp4,1,,,,,{of},3m" for name, of in
                                  (("a", "3m/b"), ("b", "3m/c"), ("c", "3m/b"), ("d", "3m/a"), ("e", ""))]},
    without_its_originals={"rows": ["3m/001_m.mp4,71,,,,,3m/000,3m", "3m/2.mp4,7,,,,,x,3m", "3m/3.mp4,7,,,,,x,3m"]},
    without_a_score={"rows": ["3m/001.mp4,,1,1,1,train,,3m"]},
    of_another_event={"rows": ["3m/001.mp4,3,1,1,1,train,,5m"]},
    whose_folder_is_the_event={"rows": ["10m/1.mp4,1"], "head": "video,final"},
    without_a_table={"rows": None},
)  # fmt: skip
def tasd2(root: Path, rows: list[str] | None, head: str = HEAD) -> None:
    root.mkdir(exist_ok=True)
    for row in rows or ():
        put(root / row.partition(",")[0])
    if rows is not None:
        put(root / "labels.csv", "\n".join([head, *rows]))


def meta(trial: str, items: str = "3 3 3 3 3 3") -> str:
    cells = items.split()
    return "\t".join([trial, "", "E", str(sum(map(int, cells))), "", *cells]) + "\r\n"


BOTH = meta("Suturing_B001") + meta("Suturing_I005", "1 2 3 4 5 5")
KINEMATICS = " ".join(["0.5"] * 76) + "\n"


@layout(
    "jigsaws",
    whole={},
    of_kinematics={f"video/Suturing_{trial}_capture{view}.avi": None for trial in ("B001", "I005") for view in (1, 2)},
    with_holes={
        "kinematics/AllGestures/Suturing_B001.txt": "", "video/Suturing_B001_capture2.avi": None,
        "video/Suturing_I005_capture1.avi": None, "video/Suturing_I005_capture2.avi": None,
        "kinematics/AllGestures/Suturing_I005.txt": None, "kinematics/AllGestures/Suturing_H002.txt": "",
        "video/Suturing_Z009_capture1.avi": "",
    },
    with_a_line_twice={"meta_file_Suturing.txt": BOTH + BOTH},
    **{f"with_the_line_{line.replace(' ', '_')}": {"meta_file_Suturing.txt": BOTH + line} for line in (
        "Suturing_C001 E 19 3 3 3 3 3 3", "Suturing_C001 E 18 3 3 3 3 3", "Knot_Tying_B001 E 18 3 3 3 3 3 3",
        "Suturing_C001 E nan 3 3 3 3 3 3", "Suturing_C001 E 18 3 3 3 3 3 \uff13", "Suturing_I005 E 18 3 3 3 3 3 3")},
    with_an_empty_meta_file={"meta_file_Suturing.txt": ""},
    without_a_meta_file={"meta_file_Suturing.txt": None},
)  # fmt: skip
def jigsaws(root: Path, **files: str | None) -> None:
    """Two scored trials of suturing, two views each, CRLF and empty columns in the meta file."""
    there: dict[str, str | None] = {"meta_file_Suturing.txt": BOTH}
    for trial in ("Suturing_B001", "Suturing_I005"):
        there |= {f"video/{trial}_capture{view}.avi": "frames" for view in (1, 2)}
        there |= {
            f"kinematics/AllGestures/{trial}.txt": KINEMATICS * 3,
            f"transcriptions/{trial}.txt": "1 2 G1 \n3 3 G5 \n",
        }
    for name, content in (there | files).items():
        if content is not None:
            path = root / "Suturing" / name
            put(path)
            path.write_bytes(content.encode())


EVERY_COLUMN = """Task,video,score,execution,synchronization,difficulty,group,subject,split
dive,day 1/b.mp4,7.5,8,9.25,3.1,g1,s1,Train
dive,a.mp4,,,,,,,test
dive,day 1/ä.avi,-1e1,,,,,,
"""
UNMATCHED = """video,score,scroe
a.mp4,1,
a.mp4,1,
day 1/b.mp4,2,
day 1/b.mp4,3,
day 1/bb.mp4,4,
"""
ROWS = (
    *("a.mp4,1,2", "a.mp4", "a.mp4,nan", "a.mp4,1e400", "a.mp4,1_000", 'a.mp4,"7,5"', "a.mp4,6,5", "../a.mp4,1"),
    *("C:\\a.mp4,1", "day 1/../../a.mp4,1", "/etc/passwd,1", ",1", '"a.mp4,1', "a.mp4,1\0", "\udcff.mp4,2"),
    "<script>\x1b[2J.mp4,<b>",
)


@layout(
    "folder",
    without_a_table={"text": None},
    with_every_column={"text": EVERY_COLUMN},
    with_composed_names={"text": "video,score\nday 1/a\u0308.avi,3\n"},
    with_rows_that_match_nothing={"text": UNMATCHED},
    with_loose_names={"text": "video,score\nA,1\nB.MOV,2\na\u0308,3\n"},
    with_loose_names_that_fit_two_files={"text": "video,score\nA,1\nB.MOV,2\n", "more": "b.mp4"},
    with_a_spreadsheet={"text": None, "more": "points.xls"},
    with_a_score_under_another_name={"text": "video,points,coach\na.mp4,7.5,Eva\n"},
    with_a_score_and_points={"text": "video,score,points\na.mp4,7.5,3\n"},
    with_a_delimiter_in_quotes={"text": 'video,score,"note, mine"\na.mp4,7.5,"good, mostly"\n'},
    with_an_empty_table={"text": ""},
    with_names_alone={"text": "name,score\na.mp4,1\n"},
    with_a_column_twice={"text": "video,score,score\na.mp4,1,2\n"},
    with_a_side_of_another_name={"text": "video,score,split\na.mp4,1,valid\n"},
    **{f"with_the_row_{number}": {"text": f"video,score\n{row}\n"} for number, row in enumerate(ROWS)},
)
def folder(root: Path, text: str | None, more: str = "") -> None:
    """Three videos, and a table of scores."""
    for name in filter(None, ("a.mp4", "day 1/b.mp4", "day 1/ä.avi", more)):
        put(root / name)
    if text is not None:
        (root / "scores.csv").write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_listed_as_approved(tmp_path: Path, name: str, snapshot: SnapshotAssertion) -> None:
    kind, write, options = LAYOUTS[name]
    root = tmp_path / "set"
    write(root)
    try:
        lines = [f"recognised as {kind_of(root)[0]}"]
    except AimError:
        lines = ["not recognised"]
    for given in options:
        lines += [f"{given or 'as it is'}:", *said(kind, root, given)]
    assert "\n".join(lines).replace(str(root), "ROOT") == snapshot


def test_a_skater_is_on_one_side_of_a_split_of_ours_and_the_official_one_is_audited(tmp_path: Path) -> None:
    LAYOUTS["fis v with skaters"][1](tmp_path)
    records = list_records("fis-v", tmp_path).records
    assert audit(fixed(records), records).shared == {"subject": 2}, "the skaters of 1 and 5, and of 3 and 4"
    for fold in kfold(records, k=2):
        assert ("videos/1.mp4" in fold.test) == ("videos/5.mp4" in fold.test)


def test_the_folder_of_one_task_of_jigsaws_names_the_one_above(tmp_path: Path) -> None:
    LAYOUTS["jigsaws whole"][1](tmp_path)
    with pytest.raises(UsageError, match="Give the folder above Suturing"):
        list_records("jigsaws", tmp_path / "Suturing")


@pytest.mark.parametrize("kind", PUBLISHED)
def test_an_unknown_score_and_an_empty_folder_say_what_is_expected(kind: str, tmp_path: Path) -> None:
    with pytest.raises(AimError, match=r"dataset\.score is one of"):
        list_records(kind, tmp_path, score="total_nonsense")
    with pytest.raises(AimError) as caught:
        list_records(kind, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.fix


def test_a_set_without_a_split_names_the_protocol_to_use(tmp_path: Path) -> None:
    LAYOUTS["raw workbooks of mtl aqa whole"][1](tmp_path)
    records = list_records("mtl-aqa", tmp_path).records
    with pytest.raises(DataError, match="protocol=kfold"):
        make_folds("fixed", records)
    assert make_folds("kfold", records, k=2)
