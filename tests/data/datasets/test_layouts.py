"""Published data sets in the form of their files: names, cell counts, types of keys, and oddities.

Each layout is a few entries by hand, in the form of the repository that docs/datasets.md names. What is listed of it is
an approval file.
"""

import json
import pickle
from functools import partial

import numpy as np
import pytest

from data.datasets.listing import check_data, kind_of, list_records
from data.errors import AimError, DataError, UsageError
from data.leaks import audit
from data.splits import fixed, kfold, make_folds
from synthetic.tiny_datasets import write_matrix
from synthetic.tiny_published import PUBLISHED, make_unlv, write_book

LAYOUTS = {}
"""By name: the kind of set, its files, and the options with which it is listed."""


def layout(name, kind, files, *options, **forms):
    """Enter a layout, or the same in several forms, each with other files."""
    for form, other in (forms or {"": {}}).items():
        title = " ".join(filter(None, (name, form.replace("_", " "))))
        LAYOUTS[title] = kind, {**files, **other}, options or ({},)


def put(path, content):
    """Write a file: a text, bytes, a matrix, the row or the lines of a workbook, or what is pickled."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(content, protocol=5))
    elif path.suffix == ".mat":
        write_matrix(path, content[0], np.array(content[1], float))
    elif isinstance(content, dict):
        write_book(path, content)
    elif path.suffix == ".xlsx":
        book = pytest.importorskip("openpyxl").Workbook()
        for line in content.splitlines():
            book.active.append([*map(cell, line.split("|"))])
        book.save(path)
    else:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))


def cell(text):
    """The value of a cell of a workbook: a number, a text (in quotes where it looks like a number), or None."""
    try:
        return json.loads(text)
    except ValueError:
        return text or None


def write_layout(name, root):
    """Write the files of a layout."""
    root.mkdir(exist_ok=True)
    for path, content in LAYOUTS[name][1].items():
        pattern, _, ends = path.partition("#")
        first, last = map(int, (ends or "0-0").split("-"))
        for number in range(first, last + 1):
            file = root / (pattern % number if ends else pattern)
            if callable(content):
                content(root)
            elif content is not None:
                put(file, content)


def shown(record):
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


def said(kind, root, options):
    try:
        yield from map(shown, list_records(kind, root, **options).records)
        report = check_data(kind, root, dict(options))
        yield from (f"problem: {line}" for line in report.problems)
        yield from (f"doubt: {line}" for line in report.doubts)
    except AimError as error:
        yield f"error: {error}"


AWARDS = [8.5, 8.5, 8.0, 8.5, 9.0, 8.5, 8.0]


def mtl_dive(first, last, **more):
    """An entry of MTL-AQA's annotations."""
    return {
        "primary_view": 0, "secondary_view": 0, "start_frame": first, "end_frame": last, "position": 3, "armstand": 0,
        "rotation_type": 1, "ss_no": 9, "tw_no": 0, "difficulty": 3.2, "final_score": 81.6, **more,
    }  # fmt: skip


# The publisher's loader takes the pictures at places start_frame ... end_frame - 1, named from 000001.jpg on.
LISTED = "MTL-AQA_split_0_data"
PICTURES = "whole_videos_frames/01/%06d.jpg#1-5"
BOTH_DIVES = {(1, 1): mtl_dive(0, 3), (1, 2): mtl_dive(3, 5)}
MTL_AQA = {
    f"{LISTED}/final_annotations_dict.pkl": BOTH_DIVES,
    f"{LISTED}/train_split_0.pkl": [(1, 1)],
    f"{LISTED}/test_split_0.pkl": [(1, 2)],
    PICTURES: "",
}
layout("mtl aqa", "mtl-aqa", MTL_AQA, {}, {"score": "execution", "frame_rate": 30.0}, whole={},
       without_two_pictures={PICTURES: None, "whole_videos_frames/01/%06d.jpg#1-3": ""})  # fmt: skip
layout(
    "mtl aqa with a broken file", "mtl-aqa", MTL_AQA,
    missing={f"{LISTED}/train_split_0.pkl": [(1, 1), (9, 77)]},
    outside={f"{LISTED}/train_split_0.pkl": [(1, "../..")]},
    both_sides={f"{LISTED}/train_split_0.pkl": [(1, 2)]},
    half={f"{LISTED}/final_annotations_dict.pkl": {(1, 1): {"start_frame": 1}}},
    list={f"{LISTED}/final_annotations_dict.pkl": [1]},
    no_number={f"{LISTED}/final_annotations_dict.pkl": {(1, 1): mtl_dive(1, 3, final_score=float("nan"))}},
)  # fmt: skip
HANDED_ON = {
    (1, 1): mtl_dive(0, 3, dive_number="107B", judge_scores=AWARDS),
    (1, 2): mtl_dive(3, 5, dive_number="5253B", judge_scores=np.array(AWARDS)),
}
AUGMENTED = {"info/augmented_final_annotations_dict.pkl": HANDED_ON}
layout(
    "mtl aqa as handed on by", "mtl-aqa",
    {"info/train_split_0.pkl": [(1, 1)], "info/test_split_0.pkl": [(1, 2)],
     "new/new_total_frames_256s/01/%05d.jpg#1-5": ""},
    CoRe={"info/final_annotations_dict_with_dive_number.pkl": HANDED_ON},
    MUSDL=AUGMENTED,
    beside_the_publishers={**AUGMENTED, "info/final_annotations_dict.pkl": BOTH_DIVES},
)  # fmt: skip

# Further competitions: a set without a split. The publisher's folder has such workbooks of the listed ones too.
HEAD_15 = (
    "Sr. No.|View|Start_frame|End_frame|Position|Difficulty|Dive type/no.|armstand|rotation_type|# ss|# tw|Final_score"
    "|Individual judges scores\n"
)
WORKBOOK_15 = f"""{HEAD_15}1|s|2|5|p|"3"||||||72|8|"7.5"|8|7|8|8|8
|ss|30|40
?|b|5|9
2|s|5|8|p|"3"||||||63.0|8|"7.5"|8|7|8|8|8
"""
HEAD_19 = (
    "Sr. No.|View|Start_frame|End_frame|Position|Difficulty|Dive type/no.|Indi/Synchro|Height|Final_score"
    "|Individual judges scores\n"
)
BAD_19 = f"""{HEAD_19}1|s|2|5|p|"3"||||72|8|"7.5"|8|7|8|8|8
1|s|5|8|p|"3"||||60|8|"7.5"|8|7|8|8|8
2|s|8|8|p|"3"||||60|8|"7.5"|8|7|8|8|8
3|s|8|9|p|"3"||||48..6|8|"7.5"|8|7|8|8|8
4|s|8|9|p|"3"|||||8|"7.5"|8|7|8|8|8
5|s|x|9|p|"3"||||60|8|"7.5"|8|7|8|8|8
6|s|8|9|p|"3"||||nan|8|"7.5"|8|7|8|8|8
"""
WORKBOOK_30 = """Dive No.|Camera Angle|Start Frame|End Frame|Position |Difficulty|Dive Type|Final Score||Judge 1 |
1|S|7.0|9.0|p|"3"||52.2|Execution|8.5|8.5
|SS|9|12|||||Synchro.
"""
RAW = {
    "Raw_Annotations/15.xlsx": WORKBOOK_15,
    "Raw_Annotations/19.xlsx": f'{HEAD_19}1|s|1|4|p|"3"||||33.6|8|"7.5"|8|7|8|8|6..5',
    "Raw_Annotations/30.xlsx": WORKBOOK_30,
}
FILMED = dict.fromkeys((f"whole_videos_frames/{competition}/%06d.jpg#1-9" for competition in (15, 19, 30)), "")
layout(
    "raw workbooks of mtl aqa", "mtl-aqa", FILMED, {}, {"score": "execution"}, {"feature_names": ["any"]},
    whole=RAW,
    with_rows_that_cannot_be_used={"Raw_Annotations/19.xlsx": BAD_19},
    without_videos={**RAW, **dict.fromkeys(FILMED)},
    without_a_column_of_scores={"Raw_Annotations/15.xlsx": "Sr. No.|View"},
    cut={"Raw_Annotations/15.xlsx": b"PK"},
    beside_the_listed_set={**MTL_AQA, "Raw_Annotations/01.xlsx": HEAD_15},
)  # fmt: skip

# Nine cells and a factor, as `dataset/dataset_fs800.py` of AndyFrancesco29/Audio-Visual-Figure-Skating reads them.
# MCMoE, LIMSSR and BMC-AQA read lists of the same cells under the names of `fs1000_new`.
SKATED = "2019_SWJ_LF_A_T 60.27 63.55 7.75 7.5 8.25 8.0 8.22 1.6\n"
MEN = "2018_GP_MS_B 31.5 34.0 6.75 6.5 7.0 6.75 7.0 {}\n"
layout(
    "fs1000", "fs1000", {"videos/2019_SWJ_LF_A_T.mp4": "", "videos/2018_GP_MS_B.mp4": ""},
    *({"score": score} for score in ("tes", "pcs", "in", "factor")),
    fs800={"train_fs800.txt": SKATED, "val_fs800.txt": MEN.format("1.0")},
    fs1000_new={"train_fs1000_new.txt": SKATED, "val_fs1000_new.txt": MEN.format("1.0")},
    of_factor_0={"train_fs800.txt": SKATED, "val_fs800.txt": MEN.format("0")},
)  # fmt: skip

# As chmxu/MS_LSTM and BMC-AQA read them, and as loaders of the GDLT family skip a first line.
LISTS = {"train.txt": "1 28.71 29.36 1\n", "test.txt": "3 28.88 27.08 1\n"}
layout(
    "fis v lists of", "fis-v", {**LISTS, **{f"videos/{name}.mp4": "" for name in ("001", "3", "12")}},
    {}, {"score": "pcs"},
    four_cells={"train.txt": "1 28.71 29.36 1\n12 36.5 31.6 0\n"},
    three_columns={"train.txt": "1 28.71 29.36\n12 36.5 31.6\n"},
    a_header={"train.txt": "number tes pcs\n1 28.71 29.36 1\n12 36.5 31.6 0\n"},
    two_cells={"train.txt": "1 28.71\n"}, five_cells={"train.txt": "1 28.71 29.36 1 1\n"},
    a_word={"train.txt": "1 a 29.36 1\n"}, a_name_twice={"train.txt": "1 28.71 29.36 1\n1 36.5 31.6 0\n"},
)  # fmt: skip
layout("fis v without videos", "fis-v", LISTS, {}, {"feature_names": ["1"]})

# Rows as `data/fs_dataset.csv` of chmxu/MS_LSTM has them: skaters, contradictions, one performance twice.
SKATERS = """number,total,tes,pcs,ded,,,
1,57.07,28.71,29.36,1,Ann Example,2015,NHK
2,58.16,36.53,31.63,0,Bea Example,2014,NHK
3,48.66,25.49,23.17,0,Cy Example,2015,COC
4,48.66,25.49,23.17,0,Cy Example,2015,COC
5,57,28,29,0,Ann  Example ,2016,WC
6,,,,,,,"""
layout("fis v with skaters", "fis-v", {
    "train_dataset.txt": "1 28.71 29.36 1\n2 36.53 31.63 0\n3 25.49 23.17 0\n",
    "test_dataset.txt": "4 25.49 23.17 0\n5 28.0 29.0 0\n",
    "data/fs_dataset.csv": SKATERS,
    "videos/%d.mp4#1-5": "",
})  # fmt: skip

# Folders as `datasets/SevenPair.py` of yuxumin/CoRe reads them; both names of the author's lists.
OF_FRAMES = [("consolidated_train_list", [[1, 1, 8350], [2, 12, 1520]]), ("consolidated_test_list", [[1, 2, 7020]])]
layout(
    "aqa7 as folders of frames", "aqa7",
    {**{f"{name}/img_%05d.jpg#1-3": "" for name in ("diving-out/001", "gym_vault-out/012", "diving-out/002")},
     "diving-out/370": lambda root: (root / "diving-out/370").mkdir()},
    {}, {"frame_rate": 30.0},
    split_4=dict(zip(("Split_4/split_4_train_list.mat", "Split_4/split_4_test_list.mat"), OF_FRAMES, strict=True)),
    consolidated={f"{name}.mat": (name, rows) for name, rows in OF_FRAMES},
)  # fmt: skip
TRAIN, TEST = [[1, 1, 8150], [1, 2, 4500], [3, 7, 3975], [1, 1, 8150]], [[1, 3, 10260], [6, 91, 7566]]


def listed(train, test=TEST, variable="consolidated_{}_list"):
    """The two lists of AQA-7."""
    return {
        f"Split_4/split_4_{side}_list.mat": (variable.format(side), rows)
        for side, rows in (("train", train), ("test", test))
    }


layout(
    "aqa7", "aqa7",
    {**listed(TRAIN), **{f"Actions/{name}.avi": "" for name in (
        "diving/001", "diving/002", "diving/003", "ski_big_air/007", "sync_diving_10m/091")}},
    official={},
    in_points=listed(*(np.array(rows) / [1, 1, 100] for rows in (TRAIN, TEST))),
    with_another_video={"Actions/diving/001.avi": None, "Actions/diving/370.avi": ""},
    contradicting=listed([*TRAIN, [1, 2, 4600]]), on_both_sides=listed([*TRAIN, TEST[0]]),
    of_another_variable=listed(TRAIN, variable="other"),
    without_a_list={"Split_4/split_4_train_list.mat": None},
    **{f"with_the_rows_{rows}": listed(rows) for rows in (
        [[0, 1, 5]], [[7, 1, 5]], [[1.5, 1, 5]], [[1, 0, 5]], [[1, 1, np.nan]], [[1, 1, -3]], [[1] * 4], [[]])},
)  # fmt: skip

# 86.7 = 3.4 x 25.5, so the published 3.3 is wrong; without a difficulty that fits, the published one stays.
SEVEN = {"difficulty": 3.3, "judge_scores": [8.5, 8.5, 8.5, 9.0, 8.0, 8.5, 8.5]}
layout(
    "finediving whose difficulty awards contradict", "finediving",
    {
        "Annotations/fine-grained_annotation_aqa.pkl": {
            ("a", number): ["307C", score, 3.3, [2, 4], [5, 5, 9]] for number, score in enumerate((86.7, 77.0))
        },
        "Annotations/FineDiving_coarse_annotation.pkl": {
            ("a", number): {"dive_score": score, **SEVEN} for number, score in enumerate((86.7, 77.0))
        },
        "Annotations/train_split.pkl": [("a", 0)], "Annotations/test_split.pkl": [("a", 1)],
        "FineDiving/a/0/%05d.jpg#1-3": "", "FineDiving/a/1/%05d.jpg#1-3": "",
    },
    *({"difficulty": rule, "score": score} for rule in ("published", "from_awards") for score in ("", "execution")),
)  # fmt: skip

# Entries as `datasets/FineDiving_Pair.py` of xujinglin/FineDiving reads them: score, difficulty, labels.
KEYS = [("FINADivingWorldCup2021_Men3m_final_r1", 0), ("01", 4)]
COARSE = "Annotations/FineDiving_coarse_annotation.pkl"
layout(
    "finediving", "finediving",
    {
        "Annotations/FineDiving_fine-grained_annotation.pkl": {
            key: ["107B", 76.5, 3.0, [2, 4], np.array([5] * 3 + [9] * 2 + [1] * 4)] for key in KEYS
        },
        COARSE: {
            KEYS[0]: {"dive_score": 76.5, "difficulty": 3.0, "judge_scores": SEVEN["judge_scores"]},
            KEYS[1]: {"dive_score": 76.5, "difficulty": 3.1, "judge_scores": [8.5, 55.5, 45.0]},
        },
        "train_test_split/train_split.pkl": KEYS[:1], "train_test_split/test_split.pkl": KEYS[1:],
        **{f"FINADiving_MTL_256s/{name}/{number}/%05d.jpg#489-497": "" for name, number in KEYS},
    },
    whole={}, without_awards={COARSE: None}, whose_awards_are_empty={COARSE: {KEYS[0]: {}}},
    whose_awards_are_below_0={COARSE: {KEYS[0]: {"judge_scores": [-1.0], "difficulty": 3.0}}},
    whose_awards_are_a_list={COARSE: [1]},
)  # fmt: skip

# Blanks and tabs, as `dataset.py` of qinghuannn/ACTION-NET reads them; the header is skipped.
RG_HEAD = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length\n"
layout("rhythmic gymnastics", "rhythmic-gymnastics", {
    "data/train.txt": f"{RG_HEAD}Ball_002\t7.4 7.9 15.3\t0.0\t93\r\n",
    "data/test.txt": f"{RG_HEAD}Ribbon_250\t6.1 7.0 12.8\t0.3\t88\n",
    "RG_public/Ball_002.mp4": "", "RG_public/Ribbon_250.mp4": "",
})  # fmt: skip

# A vault has no execution, for its difficulty is not published.
layout("unlv with vaults", "unlv", {"": partial(make_unlv, count=8, frames=2)}, {}, {"score": "execution"})

# 66 numbers a row, and folders with blanks.
NUMBERS = (",".join(f"{value:.6f}" for value in np.linspace(-40, 80, 66)) + "\n") * 4
layout("ui prmd", "ui-prmd", {
    f"{folder}/Kinect/{kind.capitalize()}/m10_s07_e02_{kind}{end}.txt": NUMBERS
    for folder, end in (("Segmented Movements", ""), ("Incorrect Segmented Movements", "_inc"))
    for kind in ("positions", "angles")
})  # fmt: skip
layout("ui prmd without files", "ui-prmd", {},
       {}, {"feature_names": ["a/m01_s02_e03_positions_inc", "m01_s01_e01", "mine"]})  # fmt: skip

NAME = "280914_103748"
ROW = ",".join(["0.5,0.25,2.0,2"] * 25)
ORIGINAL, COPY = f"Raw/JointPosition{NAME}.csv", f"Raw/JointPosition{NAME} (1).csv"
FOUR = f"\n\n{ROW},\n{ROW},{ROW},\n{ROW},\n"
STAMPS = "\n\n6350000000000,\n6350000333333,\n6350000666666,\n"
"""Time stamps of a Kinect: 100 ns units after two empty rows, each with a comma."""
CLOCK, BOOK = f"Raw/TimeStamp{NAME}.csv", "Label/ClinicalAssessment_E_ID1{}.xlsx"


def book(total=40.5, subject="E_ID1", exercise=1, whole=True):
    """The cells of a workbook."""
    parts = {"clinical PO Ex#1": 10.25, "clinical CF Ex#1": 30.25} if whole else {}
    return {"Subject ID": subject, f"clinical TS Ex#{exercise}": total, **parts}


def exercise(person, files):
    return {f"CG/Expert/{person}/Es1/{name}": content for name, content in files.items()}


# An exercise with one recording of four frames, of which one row has two, and what else is there.
RECORDED = {ORIGINAL: FOUR, f"Raw/JointOrientation{NAME}.csv": f"{ROW},\n", CLOCK: f"{STAMPS}6350000999999,\n"}
KIMORE = {
    "whole": {},
    "and a copy": {COPY: f"{ROW},\n" * 4},
    "whose original is short": {COPY: FOUR, ORIGINAL: f"{ROW},\n{ROW},\n"},
    "whose original is empty": {COPY: FOUR, ORIGINAL: ""},
    "whose original is damaged": {COPY: FOUR, ORIGINAL: f"{ROW},\nx,{ROW[4:]}\n"},
    "whose recordings are all short": {COPY: f"{ROW},\n", ORIGINAL: f"{ROW},\n"},
    "of another person": {BOOK.format(""): book(subject="E_ID2")},
    "spelled otherwise": {BOOK.format(""): book(subject="E ID01")},
    "without a name": {BOOK.format(""): book(subject="")},
    "without the score": {BOOK.format(""): book(exercise=2, whole=False)},
    "of a damaged workbook": {BOOK.format(""): b"PK"},
    "beside the workbook of another": {BOOK.format(" (1)"): book(10.0, "E_ID2", whole=False)},
    "of workbooks that differ": {BOOK.format(" (1)"): book(41.0, whole=False)},
    "of workbooks of which one fits": {BOOK.format(" (1)"): book(45)},
    "beside a damaged workbook": {BOOK.format(" (1)"): b"PK"},
    "with a wrong total": {BOOK.format(""): book(45)},
    "with a sixth exercise": {"../Es6/Raw/x.txt": ""},
    "without joints everywhere": {"../../E_ID8/Es2/Raw/x.txt": ""},
    "without joints here": {"../../E_ID8/Es3/Raw/x.txt": ""},
    "with a gap": {CLOCK: f"{STAMPS}6350021000000,\n"},
    "with another unit": {CLOCK: "0\n33\n67\n100\n"},
    "without time stamps": {CLOCK: None},
}
layout(
    "kimore", "kimore",
    exercise("E_ID1", {**RECORDED, BOOK.format(""): book()})
    | exercise("E_ID9", {**RECORDED, BOOK.format(""): book(subject="E_ID9")}),
    **{form: exercise("E_ID1", files) for form, files in KIMORE.items()},
)  # fmt: skip


def videos_of(text):
    """A table, and the video that each row names, which nobody opens."""
    return {line.partition(",")[0]: "" for line in text.splitlines()[1:]} | {"labels.csv": text.rstrip("\n")}


HEAD = "video,final,execution,synchronisation,difficulty,split,original,event"
CHAINS = """3m/a.mp4,1,,,,,3m/b,3m
3m/b.mp4,1,,,,,3m/c,3m
3m/c.mp4,1,,,,,3m/b,3m
3m/d.mp4,1,,,,,3m/a,3m
3m/e.mp4,1,,,,,,3m"""
layout(
    "tasd2", "tasd2", {},
    of_both_events=videos_of(
        f"{HEAD}\n3m/001.mp4,71.1,38.5,40.2,2.8,train,,3m\n10m/9.mp4,80,,,,test,,Sync. Diving 10 m"),
    **{f"whose_copy_names_{named}": videos_of(f"{HEAD}\n3m/001.mp4,71,,,,train,,3m\n3m/001_m.mp4,71,,,,test,{named},3m")
       for named in ("3m/001.mp4", "3m/001", "001", "001.mp4")},
    of_chains_and_loops=videos_of(f"{HEAD}\n{CHAINS}"),
    without_its_originals=videos_of(
        f"{HEAD}\n3m/001_m.mp4,71,,,,,3m/000,3m\n3m/2.mp4,7,,,,,x,3m\n3m/3.mp4,7,,,,,x,3m"),
    without_a_score=videos_of(f"{HEAD}\n3m/001.mp4,,1,1,1,train,,3m"),
    of_another_event=videos_of(f"{HEAD}\n3m/001.mp4,3,1,1,1,train,,5m"),
    whose_folder_is_the_event=videos_of("video,final\n10m/1.mp4,1"),
    without_a_table={},
)  # fmt: skip

BOTH = "Suturing_B001\t\tE\t18\t\t3\t3\t3\t3\t3\t3\r\nSuturing_I005\t\tE\t20\t\t1\t2\t3\t4\t5\t5\r\n"
META, KINEMATICS = "Suturing/meta_file_Suturing.txt", "Suturing/kinematics/AllGestures/Suturing_{}.txt"
VIDEO = "Suturing/video/Suturing_{}_capture{}.avi"
# Two scored trials of suturing, two views each, CRLF and empty columns in the meta file.
JIGSAWS = {META: BOTH} | {
    path: content
    for trial in ("B001", "I005")
    for path, content in {
        VIDEO.format(trial, 1): "frames", VIDEO.format(trial, 2): "frames",
        KINEMATICS.format(trial): (" ".join(["0.5"] * 76) + "\n") * 3,
        f"Suturing/transcriptions/Suturing_{trial}.txt": "1 2 G1 \n3 3 G5 \n",
    }.items()
}  # fmt: skip
layout(
    "jigsaws", "jigsaws", JIGSAWS,
    whole={},
    of_kinematics=dict.fromkeys(path for path in JIGSAWS if path.endswith(".avi")),
    with_holes={
        KINEMATICS.format("B001"): "", VIDEO.format("B001", 2): None, VIDEO.format("I005", 1): None,
        VIDEO.format("I005", 2): None, KINEMATICS.format("I005"): None, KINEMATICS.format("H002"): "",
        VIDEO.format("Z009", 1): "",
    },
    with_a_line_twice={META: BOTH + BOTH},
    **{f"with_the_line_{line.replace(' ', '_')}": {META: BOTH + line} for line in (
        "Suturing_C001 E 19 3 3 3 3 3 3", "Suturing_C001 E 18 3 3 3 3 3", "Knot_Tying_B001 E 18 3 3 3 3 3 3",
        "Suturing_C001 E nan 3 3 3 3 3 3", "Suturing_C001 E 18 3 3 3 3 3 \uff13", "Suturing_I005 E 18 3 3 3 3 3 3")},
    with_an_empty_meta_file={META: ""},
    without_a_meta_file={META: None},
)  # fmt: skip

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
TABLES = {
    "with every column": EVERY_COLUMN,
    "with composed names": "video,score\nday 1/a\u0308.avi,3\n",
    "with rows that match nothing": UNMATCHED,
    "with loose names": "video,score\nA,1\nB.MOV,2\na\u0308,3\n",
    "with loose names that fit two files": "video,score\nA,1\nB.MOV,2\n",
    "with a score under another name": "video,points,coach\na.mp4,7.5,Eva\n",
    "with a score and points": "video,score,points\na.mp4,7.5,3\n",
    "with a delimiter in quotes": 'video,score,"note, mine"\na.mp4,7.5,"good, mostly"\n',
    "with an empty table": "",
    "with names alone": "name,score\na.mp4,1\n",
    "with a column twice": "video,score,score\na.mp4,1,2\n",
    "with a side of another name": "video,score,split\na.mp4,1,valid\n",
    **{f"with the row {number}": f"video,score\n{row}\n" for number, row in enumerate(ROWS)},
}
FOLDER = {"a.mp4": "", "day 1/b.mp4": "", "day 1/ä.avi": ""}
layout("folder", "folder", FOLDER, without_a_table={}, with_a_spreadsheet={"points.xls": ""})
for form, text in TABLES.items():
    second = {"b.mp4": ""} if "two" in form else {}
    layout(f"folder {form}", "folder", {**FOLDER, **second, "scores.csv": text})


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_listed_as_approved(tmp_path, name, snapshot):
    kind, _, options = LAYOUTS[name]
    root = tmp_path / "set"
    write_layout(name, root)
    try:
        lines = [f"recognised as {kind_of(root)[0]}"]
    except AimError:
        lines = ["not recognised"]
    for given in options:
        lines += [f"{given or 'as it is'}:", *said(kind, root, given)]
    assert "\n".join(lines).replace(str(root), "ROOT") == snapshot


def test_a_skater_is_on_one_side_of_a_split_of_ours_and_the_official_one_is_audited(tmp_path):
    write_layout("fis v with skaters", tmp_path)
    records = list_records("fis-v", tmp_path).records
    assert audit(fixed(records), records).shared == {"subject": 2}, "the skaters of 1 and 5, and of 3 and 4"
    for fold in kfold(records, k=2):
        assert ("videos/1.mp4" in fold.test) == ("videos/5.mp4" in fold.test)


def test_the_folder_of_one_task_of_jigsaws_names_the_one_above(tmp_path):
    write_layout("jigsaws whole", tmp_path)
    with pytest.raises(UsageError, match="Give the folder above Suturing"):
        list_records("jigsaws", tmp_path / "Suturing")


@pytest.mark.parametrize("kind", PUBLISHED)
def test_an_unknown_score_and_an_empty_folder_say_what_is_expected(kind, tmp_path):
    with pytest.raises(AimError, match=r"dataset\.score is one of"):
        list_records(kind, tmp_path, score="total_nonsense")
    with pytest.raises(AimError) as caught:
        list_records(kind, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.fix


def test_a_set_without_a_split_names_the_protocol_to_use(tmp_path):
    write_layout("raw workbooks of mtl aqa whole", tmp_path)
    records = list_records("mtl-aqa", tmp_path).records
    with pytest.raises(DataError, match="protocol=kfold"):
        make_folds("fixed", records)
    assert make_folds("kfold", records, k=2)
