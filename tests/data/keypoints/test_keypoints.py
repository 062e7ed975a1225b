"""Keypoint files of other tools: each official layout, every fault named, no parser that raises anything else."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data.errors import DataError
from data.keypoints import read_keypoints, read_motion
from data.keypoints.locate import find_keypoints
from data.keypoints.reading import ImportedKeypoints
from data.keypoints.skeletons import COCO17, MEDIAPIPE, OPENPOSE, coco_joint
from tests.helpers.pickled_calls import Calls
from tests.helpers.tampering import damaged_bytes, retyped

SIZE, FRAMES = (640, 360), 3
POSE = np.column_stack([np.linspace(100, 260, 17), np.linspace(40, 300, 17), np.full(17, 0.8)])
"""(17, 3) a person in COCO-17."""


def read(path: Path, stem: str = "dive", frames: int = FRAMES) -> ImportedKeypoints:
    return read_keypoints(path, stem, SIZE, frames)


def of_joints(joints: tuple[str, ...]) -> list[list[float]]:
    """The person of POSE in another skeleton: 0, 0, 0 where COCO has no such joint."""
    index = {name: place for place, name in enumerate(COCO17)}
    return [POSE[index[j]].tolist() if (j := coco_joint(name)) else [0.0, 0.0, 0.0] for name in joints]


def flat(rows: list[list[float]]) -> list[float]:
    return [value for row in rows for value in row]


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def check_pose(imported: ImportedKeypoints, people: tuple[int, ...] = (1, 1, 1), missing: tuple[str, ...] = ()) -> None:
    assert tuple(len(frame.scores) for frame in imported.frames) == people
    assert imported.summary.partition("; missing: ")[2] == ", ".join(missing)
    kept = [place for place, name in enumerate(COCO17) if name not in missing]
    for frame in imported.frames:
        assert frame.keypoints.dtype == frame.scores.dtype == np.float32
        for person in frame.keypoints:
            assert np.abs(person[kept, :2] - POSE[kept, :2]).max() < 0.01
        for place, name in enumerate(COCO17):
            if name in missing:
                assert np.isnan(frame.keypoints[:, place, :2]).all()
                assert not frame.keypoints[:, place, 2].any()


def openpose(folder: Path, count: int = 25, frames: int = FRAMES) -> Path:
    person = {"person_id": [-1], "pose_keypoints_2d": flat(of_joints(OPENPOSE[count])), "face_keypoints_2d": []}
    for frame in range(frames):
        people = [] if frame == 1 else [person]
        put(folder / f"dive_{frame:012d}_keypoints.json", {"version": 1.3, "people": people})
    return folder


@pytest.mark.parametrize("count", [25, 18])
def test_openpose(tmp_path: Path, count: int) -> None:
    openpose(tmp_path, count)
    put(tmp_path / "other_000000000007_keypoints.json", {"people": []})
    imported = read(tmp_path)
    check_pose(imported, (1, 0, 1))
    assert "left_wrist <- LWrist" in imported.summary
    assert imported.frames[0].scores[0] == pytest.approx(0.8)
    assert imported.summary.startswith(f"OpenPose {'BODY_25' if count == 25 else 'COCO-18'}: nose <- Nose, ")


def test_openpose_as_pose2sim_writes_it(tmp_path: Path) -> None:
    person = {"person_id": [-1], "pose_keypoints_2d": flat(of_joints(OPENPOSE[25]))}
    for first in (0, 1):
        folder = tmp_path / f"pose-{first}" / "cam01_json"
        for number in range(first, first + 3):
            people = [] if number == first + 1 else [person]
            put(folder / f"cam01.{number:04d}.json", {"version": 1.3, "people": people})
        assert find_keypoints(folder.parent, "cam01.mp4") == folder
        check_pose(read(folder, "cam01"), (1, 0, 1))
    put(tmp_path / "one/cam01.0002.json", {"people": [person]})
    with pytest.raises(DataError, match="no entry for 2 of 3 frames: 0, 1"):
        read(tmp_path / "one", "cam01")


def result(frame: Any, count: int = 17, **more: Any) -> dict[str, Any]:
    rows = POSE.tolist() + [[0.0, 0.0, 0.0]] * (count - 17)
    return {"image_id": frame, "category_id": 1, "keypoints": flat(rows), "score": 0.6} | more


def test_coco_results(tmp_path: Path) -> None:
    imported = read(put(tmp_path / "dive.json", [result(0), result(2), result(2)]))
    check_pose(imported, (1, 0, 2))
    assert imported.frames[0].scores[0] == pytest.approx(0.6)


def test_coco_annotations(tmp_path: Path) -> None:
    flags = flat([[x, y, 2] for x, y, _ in POSE[:16].tolist()] + [[0, 0, 0]])
    images = [{"id": 70 + i, "file_name": f"dive_{i:06d}.png"} for i in range(3)]
    imported = read(
        put(tmp_path / "a.json", {"images": images, "annotations": [{"image_id": 71, "id": 5, "keypoints": flags}]})
    )
    assert [len(frame.scores) for frame in imported.frames] == [0, 1, 0]
    assert imported.frames[1].keypoints[0, 15, 2] == 1
    assert np.isnan(imported.frames[1].keypoints[0, 16, 0])


@pytest.mark.parametrize("count", [17, 26, 136])
def test_alphapose(tmp_path: Path, count: int) -> None:
    items = [result(f"{frame}.jpg", count, score=2.9, box=[1, 2, 3, 4], idx=[3]) for frame in range(3)]
    imported = read(put(tmp_path / "alphapose-results.json", items))
    check_pose(imported)
    assert imported.summary.startswith("AlphaPose")
    assert imported.frames[0].scores[0] == pytest.approx(0.8)  # scores above 1 are none: the joints' mean


def test_people_are_followed_by_the_names_of_the_file(tmp_path: Path) -> None:
    other = np.add(POSE, [50, 0, 0])
    results = {frame: [result(frame, idx=1), result(frame, idx=2, keypoints=flat(other.tolist()))] for frame in (0, 1)}
    found = instance(track_id=1), instance(track_id=2, keypoints=other[:, :2].tolist())
    instances = [{"frame_id": 0, "instances": found}, {"frame_id": 1, "instances": found[::-1]}]
    for number, content in enumerate(([*results[0], *results[1][::-1]], instances)):
        motion = read_motion(put(tmp_path / f"{number}.json", content), 2)
        for person, pose in enumerate((POSE, other)):
            np.testing.assert_allclose(motion.keypoints[:, person, :, :2], [pose[:, :2]] * 2, atol=0.01)
    with pytest.raises(DataError, match="2 people without distinct names"):
        read_motion(put(tmp_path / "a.json", [result(frame, idx=0.0) for frame in (0, 0, 1)]), 2)


def instance(**more: Any) -> dict[str, Any]:
    return {
        "keypoints": POSE[:, :2].tolist(),
        "keypoint_scores": POSE[:, 2].tolist(),
        "bbox": [[1, 2, 3, 4]],
        "bbox_score": 0.7,
        **more,
    }


def test_mmpose_inferencer_demo_and_folder(tmp_path: Path) -> None:
    frames = [{"frame_id": i, "instances": [instance()]} for i in range(3)]
    imported = read(put(tmp_path / "dive.json", frames))
    check_pose(imported)
    assert imported.frames[0].scores[0] == pytest.approx(0.7)
    later = [{"frame_id": i + 1, "instances": [instance(track_id=4)]} for i in range(3)]
    meta = {"keypoint_id2name": {str(i): name for i, name in enumerate(COCO17)}}
    demo = read(put(tmp_path / "demo.json", {"meta_info": meta, "instance_info": later}))
    check_pose(demo)
    for frame in range(3):
        put(tmp_path / "many" / f"dive_{frame:05d}.json", [instance()] if frame else [])
    check_pose(read(tmp_path / "many"), (0, 1, 1))


def table(individuals: tuple[str, ...] = (), likelihood: float = 0.8) -> list[list[str]]:
    """DeepLabCut's rows; the last individual is not there in frame 1."""
    joints = [name for name in COCO17 if "ear" not in name] + ["tail_base"]
    index = {name: place for place, name in enumerate(COCO17)}
    columns = [(who, joint, axis) for who in individuals or ("",) for joint in joints for axis in "xyl"]
    names = {"x": "x", "y": "y", "l": "likelihood"}
    rows = [["scorer", *["DLC_resnet50"] * len(columns)]]
    rows += [["individuals", *[who for who, _, _ in columns]]] if individuals else []
    rows += [["bodyparts", *[j for _, j, _ in columns]], ["coords", *[names[a] for _, _, a in columns]]]
    for frame in range(FRAMES):
        row = [str(frame)]
        for who, joint, axis in columns:
            point = dict(zip("xyl", [*POSE[index.get(joint, 0), :2], likelihood], strict=True))
            gone = individuals and who == individuals[-1] and frame == 1
            row.append("" if gone else repr(float(point[axis])))
        rows.append(row)
    return rows


def put_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


@pytest.mark.parametrize("individuals", [(), ("anna", "bea")])
def test_deeplabcut_csv(tmp_path: Path, individuals: tuple[str, ...]) -> None:
    imported = read(put_csv(tmp_path / "diveDLC_resnet50.csv", table(individuals)))
    check_pose(imported, (2, 1, 2) if individuals else (1, 1, 1), ("left_ear", "right_ear"))


def put_h5(path: Path, rows: list[list[str]], names: bytes | None = None, protocol: int = 0) -> Path:
    """The file as `DataFrame.to_hdf(key="df_with_missing", format="table")` lays it out."""
    heads = len([row for row in rows if not row[0].isdigit()])
    columns = list(zip(*(row[1:] for row in rows[:heads]), strict=True))
    values = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[heads:]])
    fields = [("index", "i8"), ("values_block_0", "f8", (values.shape[1],))]
    made = np.zeros(len(values), dtype=fields)
    made["index"], made["values_block_0"] = range(len(values)), values
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.create_dataset("table", data=made, chunks=(1,))
        group.attrs["non_index_axes"] = np.bytes_(names or pickle.dumps([(1, columns)], protocol))
    return path


@pytest.mark.parametrize("individuals", [(), ("anna", "bea")])
def test_deeplabcut_h5_reads_as_its_csv(tmp_path: Path, individuals: tuple[str, ...]) -> None:
    by_csv = read(put_csv(tmp_path / "a.csv", table(individuals)))
    by_h5 = read(put_h5(tmp_path / "a.h5", table(individuals)))
    assert by_h5.summary == by_csv.summary
    for one, other in zip(by_h5.frames, by_csv.frames, strict=True):
        assert np.array_equal(one.keypoints, other.keypoints, equal_nan=True)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_h5_with_code_in_it_runs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    path = put_h5(tmp_path / "a.h5", table(), names=pickle.dumps([(1, [Calls(os.mkdir, "boom")])], protocol))
    with pytest.raises(DataError, match=r"pickled column names.*save_as_csv"):
        read(path)
    assert not (tmp_path / "boom").exists()


def marks(scale: tuple[int, int] = SIZE) -> list[dict[str, float]]:
    rows = np.array(of_joints(MEDIAPIPE))
    return [{"x": x / scale[0], "y": y / scale[1], "z": 0.0, "visibility": v} for x, y, v in rows.tolist()]


def test_mediapipe_json(tmp_path: Path) -> None:
    by_frame = [{"frame": i, "landmarks": marks()} for i in (0, 2)]
    check_pose(read(put(tmp_path / "a.json", by_frame)), (1, 0, 1))
    by_place = {"frames": [{"pose_landmarks": [marks(), marks()]}, {"pose_landmarks": []}, {"pose_landmarks": None}]}
    imported = read(put(tmp_path / "b.json", by_place))
    check_pose(imported, (2, 0, 0))


@pytest.mark.parametrize("names", ["joint", "0", "1"])
def test_mediapipe_csv_wide(tmp_path: Path, names: str) -> None:
    axes = {"x": "x", "y": "y", "z": "z", "v": "visibility"}
    head = [
        f"{joint}_{axes[a]}" if names == "joint" else f"{a}{place + int(names)}"
        for place, joint in enumerate(MEDIAPIPE)
        for a in axes
    ]
    row = [repr(mark[axes[a]]) for mark in marks() for a in axes]
    check_pose(read(put_csv(tmp_path / "a.csv", [["frame", *head], ["0", *row], ["2", *row]])), (1, 0, 1))
    check_pose(read(put_csv(tmp_path / "b.csv", [head, row, row, row])))


def test_mediapipe_csv_long(tmp_path: Path) -> None:
    rows = [["frame", "landmark", "x", "y", "z", "visibility"]]
    rows += [[str(f), str(i), repr(m["x"]), repr(m["y"]), "0", "0.8"] for f in (0, 1) for i, m in enumerate(marks())]
    check_pose(read(put_csv(tmp_path / "a.csv", rows)), (1, 1, 0))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("long", [False, True])
def test_mediapipe_tables_in_pixels_counted_from_one(tmp_path: Path, delimiter: str, long: bool) -> None:
    each = marks((1, 1))
    if long:
        rows = [["frame", "landmark", "x", "y", "visibility"]]
        rows += [
            [f"{frame}", f"{place}", f"{mark['x']}", f"{mark['y']}", "0.8"]
            for frame in (1, 2, 3)
            for place, mark in enumerate(each, start=1)
        ]
    else:
        rows = [["frame", *(f"{axis}{place}" for place in range(1, 34) for axis in "xyv")]]
        cells = [f"{mark[axis]}" for mark in each for axis in ("x", "y", "visibility")]
        rows += [[f"{frame}", *cells] for frame in (1, 2, 3)]
    path = put(tmp_path / "a.csv", "\n".join(delimiter.join(row) for row in rows))
    check_pose(read(path))
    assert read_motion(path, 1).keypoints.shape == (3, 1, 17, 3)


def test_mediapipe_json_in_pixels(tmp_path: Path) -> None:
    check_pose(read(put(tmp_path / "a.json", [{"landmarks": marks((1, 1))}] * 3)))


def test_what_is_not_finite_or_not_there_is_no_joint(tmp_path: Path) -> None:
    rows = POSE.copy()
    rows[0, 0], rows[1, 1], rows[2, 2], rows[3], rows[4, 0], rows[5, 2] = np.nan, np.inf, 0, 0, 1e300, 1.4
    imported = read(put(tmp_path / "a.json", json.dumps([result(0) | {"keypoints": flat(rows.tolist())}])))
    person = imported.frames[0].keypoints[0]
    assert np.isnan(person[:5, :2]).all()
    assert not person[:5, 2].any()
    assert person[5, 2] == 1
    nobody = [result(0) | {"keypoints": [0.0] * 51}]
    assert not len(read(put(tmp_path / "b.json", nobody)).frames[0].scores)
    assert not len(read(put(tmp_path / "c.json", [])).frames[2].scores)


def faults() -> dict[str, tuple[Any, str]]:
    short = [result(0) | {"keypoints": [1.0] * 50}]
    frames = [{"frame_id": i, "instances": []} for i in range(3)]
    bad_pair = instance(keypoints=[[1.0, 2.0, 3.0]] * 17)
    return {
        "no json": ("{", "is no JSON"),
        "deep": ("[" * 100_000, "nested too deeply|is no JSON"),
        "unknown": ({"poses": []}, r"unknown layout .*poses.*Known"),
        "unknown list": ([1, 2], "unknown layout"),
        "count": (short, r"\[0\].keypoints: 50 numbers, not 51"),
        "word": ([result(0) | {"keypoints": ["a"] * 51}], r"\[0\].keypoints: 'a' is no number"),
        "truth": ([result(0) | {"score": True}], "'True' is no number"),
        "frame": ([result("dive")], r"\[0\].image_id: names no frame"),
        "beyond": ([result(3)], r"has frame 3, but the video has the frames 0 to 2.*counted from 0"),
        "negative": ([result(-1)], "has frame -1"),
        "missing": (frames[:2], "no entry for 1 of 3 frames: 2"),
        "twice": ([*frames, frames[0]], "frame 0 is there twice"),
        "pair": ([{"frame_id": 0, "instances": [bad_pair]}], r"keypoints\[0\]: 3 numbers, not x and y"),
        "scores": ([{"frame_id": 0, "instances": [instance(keypoint_scores=[1.0])]}], "17 keypoints and 1 scores"),
        "mixed": ([result(0), result(1, 26)], "other people of the file are COCO results, COCO-17"),
        "landmarks": ([{"landmarks": marks()[:32]}], "32 landmarks, not 33"),
        "image": ({"images": [], "annotations": [{"image_id": 1}]}, "no image has the id 1"),
        "first pixel": ([result(0) | {"keypoints": [0.5] * 51}], "all coordinates are at most 1"),
        "outside": ([result(0) | {"keypoints": [5000.0, 9.0, 1.0] * 17}], "outside the picture of 640x360"),
        "huge": ([result(0) | {"image_id": 10**40}], "has frame 1000"),
    }


@pytest.mark.parametrize("name", sorted(faults()))
def test_faults_are_named_with_file_and_field(tmp_path: Path, name: str) -> None:
    content, message = faults()[name]
    path = put(tmp_path / "dive.json", content)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert caught.value.where == str(path)
    assert caught.value.fix


def test_openpose_faults(tmp_path: Path) -> None:
    openpose(tmp_path / "a", frames=2)
    with pytest.raises(DataError, match="no entry for 1 of 3 frames: 2"):
        read(tmp_path / "a")
    put(openpose(tmp_path / "b") / "dive_2_keypoints.json", {"people": []})
    with pytest.raises(DataError, match="frame 2 is there twice"):
        read(tmp_path / "b")
    folder = openpose(tmp_path / "c")
    put(folder / "dive_000000000001_keypoints.json", {"people": [{"pose_keypoints_2d": [1.0] * 45}]})
    with pytest.raises(DataError, match=r"dive_000000000001.*people\[0\].pose_keypoints_2d: 45 numbers, not 75"):
        read(folder)
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match=r"no .json file"):
        read(tmp_path / "d")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "unknown layout"),
        ([["a", "b"], ["1", "2"]], "unknown layout .*columns a, b"),
        ([["scorer", "s"], ["coords", "x"]], "header rows scorer, coords"),
        ([["scorer", "s"], ["bodyparts", "nose"], ["coords", "x", "y"]], "row 3: 3 cells, the header has 2"),
        ([["scorer", "s"], ["bodyparts", "nose"], ["coords", "z"]], "column 1 .*not x, y or likelihood"),
        ([["scorer", "s"], ["bodyparts", "tail"], ["coords", "x"], ["0", "1"]], "0 are joints of COCO-17: tail"),
        ([["scorer", "s"], ["bodyparts", "nose"], ["coords", "x"], ["0", "one"]], "row 4, column 2: 'one'"),
        ([["scorer", "s", "s"], ["bodyparts", "lhip", "left_hip"], ["coords", "x", "x"]], "both mean left_hip"),
        ([["scorer", "s", "s"], ["bodyparts", "a", "a"], ["coords", "x", "x"]], "column 2 .*is there twice"),
        ([["landmark", "x", "y"]], "no column of frames"),
        ([["frame", "landmark", "x", "y"], ["0", "44", "1", "1"]], "'44' is none of the 33"),
        ([["frame", "landmark", "x", "y"], ["0", "1", "1", "1"]], "frame 0: 1 landmarks, not 33"),
    ],
)
def test_faults_of_tables_are_named(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(put_csv(tmp_path / "a.csv", rows))


def test_files_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no such keypoint file"):
        read(tmp_path / "nowhere.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="no such keypoint file"):
        read(tmp_path / "pipe.json")
    monkeypatch.setattr("data.keypoints.reading.MAX_BYTES", 10)
    with pytest.raises(DataError, match="GiB of keypoints"):
        read(put(tmp_path / "a.json", [result(0)]))
    monkeypatch.undo()
    (tmp_path / "b.h5").write_bytes(b"none")
    with pytest.raises(DataError, match="no readable HDF5 file"):
        read(tmp_path / "b.h5")


def test_which_file_belongs_to_a_video(tmp_path: Path) -> None:
    assert find_keypoints(tmp_path, "dive1.mp4") is None
    assert find_keypoints(tmp_path / "nowhere", "dive1.mp4") is None
    put(tmp_path / "dive1_b.json", [])
    assert find_keypoints(tmp_path, "dive1.mp4") is None
    assert find_keypoints(tmp_path, "dive1_b.mp4") == tmp_path / "dive1_b.json"
    folder = put(tmp_path / "dive1" / "x.json", []).parent
    assert find_keypoints(tmp_path, "dive1.mp4") == folder
    table_path = put(tmp_path / "dive1DLC_resnet50_shuffle1.csv", "")
    put(tmp_path / "dive1DLC_resnet50_shuffle1.h5", "")
    assert find_keypoints(tmp_path, "dive1.mp4") == table_path
    below = put(tmp_path / "day" / "dive1_keypoints.json", [])
    assert find_keypoints(tmp_path, "day/dive1.avi") == below
    put(tmp_path / "dive1.json", [])
    with pytest.raises(DataError, match=r"several keypoint files .*dive1.json, dive1DLC"):
        find_keypoints(tmp_path, "dive1.mp4")


SOUND = {
    "openpose": {"people": [{"pose_keypoints_2d": flat(of_joints(OPENPOSE[25]))}]},
    "coco": [result(frame) for frame in range(3)],
    "mmpose": [{"frame_id": i, "instances": [instance()]} for i in range(3)],
    "mediapipe": [{"frame": i, "landmarks": marks()} for i in range(3)],
}


def flipped(content: bytes, step: int) -> Iterator[bytes]:
    """Copies with one other byte, at every `step`."""
    return (content[:k] + bytes([content[k] ^ 0x55]) + content[k + 1 :] for k in range(0, len(content), step))


def damaged_files(folder: Path, layout: str) -> Iterator[Path]:
    """Files of a layout, each with other damage."""
    if layout in SOUND:
        path, sound = folder / "dive_000000000001_keypoints.json", SOUND[layout]
        contents = chain(
            (json.dumps(changed).encode() for changed in retyped(sound, 3)), damaged_bytes(json.dumps(sound).encode())
        )
    elif layout == "DeepLabCut CSV":
        path = put_csv(folder / "dive.csv", table(("anna", "bea")))
        contents = chain(damaged_bytes(path.read_bytes()), flipped(path.read_bytes(), 31))
    else:
        for protocol in (0, 2, 4):
            for names in damaged_bytes(pickle.dumps([(1, [("anna", "nose", "x")])], protocol)):
                yield put_h5(folder / "dive.h5", table(), names=names or b".")
        path = put_h5(folder / "dive.h5", table())
        contents = chain(damaged_bytes(path.read_bytes()), flipped(path.read_bytes(), 29))
    for content in contents:
        path.write_bytes(content)
        yield path


@pytest.mark.parametrize("layout", [*SOUND, "DeepLabCut CSV", "DeepLabCut HDF5"])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, layout: str) -> None:
    refused = Counter[bool]()
    for path in damaged_files(tmp_path, layout):
        for place in (path, tmp_path):
            try:
                imported = read(place)
            except DataError as error:
                refused[True] += 1
                assert error.fix  # noqa: PT017 -- whether it is raised is left open
                assert str(error).isprintable()  # noqa: PT017
                continue
            refused[False] += place == path
            assert len(imported.frames) == FRAMES
            for frame in imported.frames:
                usable = frame.keypoints[..., 2] > 0
                assert np.isfinite(frame.keypoints[usable]).all()
                assert np.isnan(frame.keypoints[~usable][:, :2]).all()
                assert ((frame.scores >= 0) & (frame.scores <= 1)).all()
    assert min(refused[True], refused[False]) > 0


def test_names_of_joints() -> None:
    assert math.prod(coco_joint(name) == name for name in COCO17)
    assert [coco_joint(name) for name in ("LeftKnee", "KNEE_R", "r-elbow", "lwrist", "hip", "left_left_hip", "")] == [
        *("left_knee", "right_knee", "right_elbow", "left_wrist"),
        *(None, None, None),
    ]
