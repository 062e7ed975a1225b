"""Tiny copies of further published data sets in their official layouts, traps included; see `tiny_datasets`.

The videos show one spot and a camera that follows it more closely at higher scores.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.score_lists import LASANA, UNLV
from data.keypoints.kimore_and_ui_prmd import PARENTS
from data.keypoints.skeletons import SKELETONS
from data.store import write_bytes
from data.store.arrays import Floats
from data.video import Picture, write_video
from synthetic.tiny_datasets import athlete_and_camera, write_avi, write_matrix

RATE = 25.0


def _filmed(quality: float, frames: int, seed: int, number: int) -> Iterator[Picture]:
    rng = np.random.default_rng([seed, 11, number])
    return athlete_and_camera(rng, seed, quality, frames, number % 3)


def _write_frames(folder: Path, pictures: Iterator[Picture], first: int) -> None:
    """Write numbered JPEG pictures, from number `first` on."""
    import cv2

    for number, picture in enumerate(pictures, start=first):
        write_bytes(folder / f"{number:06d}.jpg", bytes(cv2.imencode(".jpg", picture[..., ::-1])[1]))


def _write_dives(path: Path, annotations: Any, sides: Mapping[str, Any], split: str) -> None:
    """A pickle of annotations, and beside it the list of each side."""
    _write_pickle(path, annotations)
    for side, keys in sides.items():
        _write_pickle(path.with_name(f"{side}_{split}.pkl"), keys)


def _write_pickle(path: Path, value: Any) -> None:
    write_bytes(path, pickle.dumps(value, protocol=3))


def _quality(seed: int, number: int) -> float:
    return float(np.random.default_rng([seed, 5, number]).uniform(0, 1))


def make_mtl_aqa(root: Path, *, count: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """MTL-AQA: two competitions as folders of frames; every fourth dive is a test dive, the last has no frames."""
    annotations: dict[tuple[int, int], dict[str, Any]] = {}
    sides: dict[str, list[tuple[int, int]]] = {"train": [], "test": []}
    for number in range(count):
        key, quality = ((1, 9)[number % 2], number // 2 + 1), _quality(seed, number)
        first, difficulty = 100 + number * (frames + 7), (1.5, 3.2, 3.4)[number % 3]
        annotations[key] = {
            "primary_view": 0, "start_frame": first - 1, "end_frame": first + frames - 1, "position": 1,
            "difficulty": difficulty, "armstand": 0, "rotation_type": 2, "ss_no": 7, "tw_no": 0,
            "final_score": round(difficulty * (10 + 20 * quality), 2),
        }  # fmt: skip
        sides["test" if number % 4 == 3 else "train"].append(key)
        if number < count - 1:
            _write_frames(root / f"whole_videos_frames/{key[0]:02d}", _filmed(quality, frames, seed, number), first)
    _write_dives(root / "MTL-AQA_split_0_data/final_annotations_dict.pkl", annotations, sides, "split_0")
    return root


def make_finediving(root: Path, *, count: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """FineDiving: a folder of frames per dive, with 3 to 5 sub-actions; the last dive lacks its last two frames."""
    annotations: dict[tuple[str, int], list[Any]] = {}
    coarse: dict[tuple[str, int], dict[str, Any]] = {}
    sides: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    for number in range(count):
        rng, quality = np.random.default_rng([seed, 13, number]), _quality(seed, number)
        key, difficulty = (f"MadeWorldCup_{number % 2}", number // 2), (1.5, 3.2, 3.4)[number % 3]
        starts = np.sort(rng.choice(np.arange(2, frames - 2), 2 + number % 3, replace=False))
        labels = np.searchsorted(starts, np.arange(frames), side="right") + 4
        score, award = round(difficulty * (10 + 20 * quality), 2), (10 + 20 * quality) / 3
        annotations[key] = ["407c", score, difficulty, starts - 1, labels]
        panel = [award] * 3 if number % 2 else [0.0, award, award, award, 10.0]
        coarse[key] = {"dive_score": score, "difficulty": difficulty, "judge_scores": panel}
        sides["test" if number % 4 == 3 else "train"].append(key)
        missing = 2 * (number == count - 1)
        pictures = _filmed(quality, frames - missing, seed, number)
        _write_frames(root / f"FineDiving/{key[0]}/{key[1]}", pictures, 400 + number)
    _write_pickle(root / "Annotations/FineDiving_coarse_annotation.pkl", coarse)
    _write_dives(root / "Annotations/fine-grained_annotation_aqa.pkl", annotations, sides, "split")
    return root


def make_logo(root: Path, *, count: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """LOGO: two events, with a folder of frames per routine, numbered from 0; the last routine has no frames."""
    annotations: dict[tuple[str, int], list[Any]] = {}
    sides: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    for number in range(count):
        key, quality = (
            (f"MadeChampionship2019_{('free', 'tech')[number % 2]}_final", number // 2),
            _quality(seed, number),
        )
        labels = [7] * (frames // 2) + [12] * (frames - frames // 2)
        score = round(70 + 25 * quality, 4)
        annotations[key] = [("free", "tech")[number % 2], score, 0.0, [frames // 2 - 1, frames - 1], labels]
        sides["test" if number % 4 == 3 else "train"].append(key)
        if number < count - 1:
            _write_frames(root / f"Video_result/{key[0]}/{key[1]}", _filmed(quality, frames, seed, number), 0)
    _write_dives(root / "LOGO_Anno&Split/anno_dict.pkl", annotations, sides, "split3")
    return root


def make_finefs(root: Path, *, count: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """FineFS: half of the performances are short programmes, from number 0, half free skating, from number 729."""
    for index in range(count):
        number, quality = index // 2 + 729 * (index % 2), _quality(seed, index)
        element = {"element": "3A", "time": "0-22,0-25", "coarse_class": "jump", "bv": 8.0, "goe": 1.6}
        annotation = {
            "total_element_score": round(20 + 20 * quality, 2),
            "total_program_component_score(factored)": round(25 + 10 * quality, 2),
            "factor": 0.8,
            "executed_element": {"element1": {**element, "score_of_pannel": 9.6}},
        }
        write_bytes(root / f"data/annotation/{number}.json", json.dumps(annotation).encode())
        write_video(root / f"data/video/{number}.mp4", _filmed(quality, frames, seed, index), RATE)
    return root


def make_lasana(root: Path, *, count: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """LASANA: `count` trials of each task, with the left camera's videos of only the first two tasks, to save time.

    In the first task, the last trial has no video, and the previous one failed, so it has no raters' scores. Names
    repeat in another task.
    """
    aspects = ("bimanual_dexterity", "depth_perception", "efficiency", "tissue_handling")
    for place, task in enumerate(LASANA):
        rows, sides, raters = (
            ["id;duration;frame_count;GRS;" + ";".join(aspects) + ";cutting_imprecise"],
            ["id;split"],
            [["id;" + ";".join(aspects) + ";GRS"] for _ in range(4)],
        )
        for number in range(count):
            quality, name = _quality(seed, 10 * number + place), f"bokali{number}"
            failed = place == 0 and number == count - 2
            normal = ["", "", "", ""] if failed else [f"{2 * quality - 1:.4f}"] * 4
            grs = "-2.5" if failed else f"{2 * quality - 1:.4f}"
            rows.append(";".join([name, "0:00:01", str(frames), grs, *normal, str(quality < 0.5)]))
            sides.append(f"{name};{('train', 'train', 'val', 'test')[number % 4]}")
            for rater in (0, 1, 2 + number % 2) if not failed else ():
                likert = min(5, 1 + int(5 * quality) + rater % 2)
                raters[rater].append(";".join([name, *[str(likert)] * 4, str(4 * likert)]))
            if place < 2 and (place, number) != (0, count - 1):
                video = _filmed(quality, frames, seed, number + 100 * place)
                write_video(root / f"{task}_left/{name}.mkv", video, 20.0)
        tables = {"": rows, "_split": sides, **{f"_rater{n}": lines for n, lines in enumerate(raters)}}
        for end, lines in tables.items():
            write_bytes(root / f"Annotation/{task}{end}.csv", "".join(f"{line}\n" for line in lines).encode())
    return root


def make_lists(kind: str, root: Path, *, count: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """Fis-V, FS1000 or rhythmic gymnastics: videos and a text per side; the last performance has no video."""
    lines: dict[str, list[str]] = {"train": [], "test": []}
    apparatus = kind == "rhythmic-gymnastics"
    if apparatus:
        head = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length"
        lines = {side: [head] for side in lines}
    for number in range(count):
        quality = _quality(seed, number)
        name = f"{('Ball', 'Hoop')[number % 2]}_{number // 2 + 1:03d}" if apparatus else f"{number + 1}"
        name = f"2019_MADE_{('LF', 'MS')[number % 2]}_Skater{number + 1}" if kind == "fs1000" else name
        first, second = round(20 + 20 * quality, 2), round(25 + 10 * quality, 2)
        parts = [round(5 + 4 * quality, 2)] * 5
        factor = (1.6, 0.8)[number % 2]
        cells = {"fis-v": [first, second, 1], "fs1000": [first, round(sum(parts) * factor, 2), *parts, factor]}.get(
            kind, [first, second, round(first + second, 2), 0.0, 90]
        )
        side = "test" if number % 8 > 5 else "train"
        lines[side].append(("\t" if apparatus else " ").join([name, *map(str, cells)]))
        if number < count - 1:
            write_video(root / f"videos/{name}.mp4", _filmed(quality, frames, seed, number), RATE)
    for side, listed in lines.items():
        name = f"{side}.txt" if apparatus else f"{side}_dataset.txt"
        name = {"train": "train_fs800.txt", "test": "val_fs800.txt"}[side] if kind == "fs1000" else name
        write_bytes(root / name, "".join(f"{line}\n" for line in listed).encode())
    return root


def make_unlv(root: Path, *, count: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """UNLV-Dive and Vault: videos 001.avi ..., scores and splits as MATLAB matrices."""
    for task, (folder, scores, split, videos) in UNLV.items():
        final, levels = np.zeros(count), np.zeros(count)
        for number in range(count):
            quality = _quality(seed, number + 100 * (task == "vault"))
            levels[number] = (1.5, 3.2, 3.4)[number % 3]
            final[number] = round(levels[number] * (10 + 20 * quality) if task == "diving" else 12 + 4 * quality, 2)
            place = root / folder / videos / f"{number + 1:03d}.avi"
            write_avi(place, _filmed(quality, frames, seed, number), RATE)
        write_matrix(root / folder / scores, "overall_scores", final[:, None])
        if task == "diving":
            write_matrix(root / folder / "diving_difficulty_level.mat", "difficulty_level", levels[:, None])
        tests = np.arange(count) % 4 == 3
        for side, chosen in (("training", ~tests), ("testing", tests)):
            write_matrix(root / folder / split / f"{side}_idx.mat", f"{side}_idx", np.flatnonzero(chosen)[None] + 1.0)
    return root


def _body(quality: float, frames: int, seed: int, number: int) -> Floats:
    """(frame, 22, 3) centimetres of UI-PRMD's joints, y up: the arms rise, less steadily at lower quality."""
    rng = np.random.default_rng([seed, 17, number])
    rest = np.array([BODY[name] for name in SKELETONS["UI-PRMD"]], dtype=np.float64)
    rise = 30 * np.sin(np.linspace(0, np.pi, frames)) + 8 * (1 - quality) * rng.normal(size=frames)
    joints = np.repeat(rest[None], frames, axis=0)
    for name, share in (("ElbowLeft", 0.5), ("WristLeft", 1.0), ("ElbowRight", 0.5), ("WristRight", 1.0)):
        joints[:, SKELETONS["UI-PRMD"].index(name), 1] += share * rise
    return joints


BODY = {
    "Waist": (0, 0, 0), "Spine": (0, 20, 0), "Chest": (0, 40, 0), "Neck": (0, 50, 0), "Nose": (0, 60, 5),
    "HeadTip": (0, 72, 0), "Collar_L": (8, 46, 0), "ShoulderLeft": (18, 45, 0), "ElbowLeft": (30, 20, 0),
    "WristLeft": (32, -5, 5), "Collar_R": (-8, 46, 0), "ShoulderRight": (-18, 45, 0), "ElbowRight": (-30, 20, 0),
    "WristRight": (-32, -5, 5), "HipLeft": (10, -3, 0), "KneeLeft": (11, -45, 3), "AnkleLeft": (11, -88, 0),
    "Toes_L": (12, -92, 15), "HipRight": (-10, -3, 0), "KneeRight": (-11, -45, 3), "AnkleRight": (-11, -88, 0),
    "Toes_R": (-12, -92, 15),
}  # fmt: skip
"""Joints of a standing person, in centimetres."""


def make_ui_prmd(root: Path, *, count: int = 2, frames: int = 20, seed: int = 0) -> Path:
    """UI-PRMD: one movement, three people, each with `count` correct and incorrect ones; one angle file is missing.

    Positions are relative to the parents, and all angles are 0 except the waist's, which rotates the whole body.
    """
    turn = np.zeros((frames, 22, 3))
    turn[:, 0] = (0.0, 90.0, 0.0)
    parents = np.array(PARENTS[1:])
    for number in range(6 * count):
        person, episode, wrong = number % 3 + 1, number // 6 + 1, number % 6 > 2
        folder = root / ("Incorrect Segmented Movements" if wrong else "Segmented Movements") / "Kinect"
        joints = _body(0.2 if wrong else 0.9, frames, seed, number)
        joints[:, 1:] -= joints[:, parents]
        for kind, values in (("positions", joints), ("angles", turn)):
            name = f"m01_s{person:02d}_e{episode:02d}_{kind}{'_inc' if wrong else ''}.txt"
            if kind == "angles" and number == 6 * count - 1:
                continue
            _write_rows(folder / kind.capitalize() / name, values.reshape(frames, -1))
    return root


def make_kimore(root: Path, *, count: int = 8, frames: int = 20, seed: int = 0) -> Path:
    """KIMORE: two exercises of `count` people; the last person's second one has no score, one row has two frames.

    The recordings of the second person lack .7 s in the middle. The first person has an unscored exercise, Es6.
    """
    for number in range(count):
        group = ("CG/Expert", "GPP/Stroke")[number % 2]
        person = f"{'ES'[number % 2]}_ID{number // 2 + 1}"
        scores = {}
        for exercise in (1, 2):
            quality = _quality(seed, 10 * number + exercise)
            parts = round(5 + 10 * quality, 4), round(5 + 30 * quality, 4)
            for name, score in zip(("TS", "PO", "CF"), (sum(parts), *parts), strict=True):
                scores[f"clinical {name} Ex#{exercise}"] = score
            body = _body(quality, frames, seed, 10 * number + exercise) * 0.01
            joints = np.zeros((frames, 25, 4))
            for place, name in enumerate(SKELETONS["KIMORE"]):
                if name in SKELETONS["UI-PRMD"]:
                    joints[:, place] = np.concatenate(
                        [body[:, SKELETONS["UI-PRMD"].index(name)], np.full((frames, 1), 2)], axis=1
                    )
            path = root / group / person / f"Es{exercise}/Raw/JointPosition010101.csv"
            _write_rows(path, joints.reshape(frames, -1), tail=",", joined=number == 0)
            stamps = 333_333.0 * (np.arange(frames) + 21 * (number == 1) * (np.arange(frames) >= frames // 2))
            stamped = path.with_name("TimeStamp010101.csv")
            _write_rows(stamped, 6.35e13 + stamps[:, None], tail=",", joined=number == 0, digits=0)
        if number == count - 1:
            del scores["clinical TS Ex#2"]
        if number == 0:
            (root / group / person / "Es6/Raw").mkdir(parents=True)
        for exercise in (1, 2):
            book = root / group / person / f"Es{exercise}/Label/ClinicalAssessment_{person}.xlsx"
            write_book(book, {"Subject ID": person, **scores})
    return root


def _write_rows(path: Path, rows: Floats, *, tail: str = "", joined: bool = False, digits: int = 6) -> None:
    lines = [",".join(f"{value:.{digits}f}" for value in row) + tail for row in rows]
    if joined:
        lines[3:5] = [lines[3] + lines[4]]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())


def write_book(path: Path, row: Mapping[str, Any]) -> None:
    """Write a workbook: one sheet, names in row 1, values in row 2. It needs openpyxl, from the extra `excel`."""
    from openpyxl import Workbook

    book, stream = Workbook(), io.BytesIO()
    book.active.append([*row.keys()])
    book.active.append([*row.values()])
    book.save(stream)
    write_bytes(path, stream.getvalue())


PUBLISHED: Mapping[str, Callable[..., Path]] = {
    "mtl-aqa": make_mtl_aqa,
    "finediving": make_finediving,
    "logo": make_logo,
    **{kind: partial(make_lists, kind) for kind in ("fis-v", "fs1000", "rhythmic-gymnastics")},
    "finefs": make_finefs,
    "lasana": make_lasana,
    "unlv": make_unlv,
    "ui-prmd": make_ui_prmd,
    "kimore": make_kimore,
}
"""Maker by kind of data set."""
