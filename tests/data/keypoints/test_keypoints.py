"""Keypoint files of other tools: every official layout is read, and every fault is a DataError that names it."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data.errors import DataError
from data.keypoints.keypoint_search import find_keypoints
from data.keypoints.skeletons import BY_NUMBER, COCO17, SAME_NUMBER, SKELETONS, coco_joint
from tests.helpers.people_of_frames import ImportedKeypoints, read_keypoints, read_motion
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


def result(frame: Any, count: int = 17, **more: Any) -> dict[str, Any]:
    rows = POSE.tolist() + [[0.0, 0.0, 0.0]] * (count - 17)
    return {"image_id": frame, "category_id": 1, "keypoints": flat(rows), "score": 0.6} | more


def instance(**more: Any) -> dict[str, Any]:
    return {
        "keypoints": POSE[:, :2].tolist(),
        "keypoint_scores": POSE[:, 2].tolist(),
        "bbox": [[1, 2, 3, 4]],
        "bbox_score": 0.7,
        **more,
    }


def table(individuals: tuple[str, ...] = (), likelihood: float = 0.8) -> list[list[str]]:
    """DeepLabCut's rows; the last individual is missing in frame 1."""
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


def put_csv(path: Path, rows: list[list[str]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


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


def marks(scale: tuple[int, int] = SIZE) -> list[dict[str, float]]:
    rows = np.array(of_joints(SKELETONS["MediaPipe"]))
    return [{"x": x / scale[0], "y": y / scale[1], "z": 0.0, "visibility": v} for x, y, v in rows.tolist()]


def wide(names: str, frames: Iterable[int] | None, scale: tuple[int, int] = SIZE) -> list[list[str]]:
    """MediaPipe's table with a row a frame, whose columns have joints, or numbers from 0 or 1; without frames three."""
    axes = {"x": "x", "y": "y", "z": "z", "v": "visibility"}
    head = [
        f"{joint}_{name}" if names == "joint" else f"{axis}{place + int(names)}"
        for place, joint in enumerate(SKELETONS["MediaPipe"])
        for axis, name in axes.items()
    ]
    row = [repr(mark[name]) for mark in marks(scale) for name in axes.values()]
    return [head, row, row, row] if frames is None else [["frame", *head], *([f"{f}", *row] for f in frames)]


def long(frames: Iterable[int], first: int = 0, scale: tuple[int, int] = SIZE) -> list[list[str]]:
    """MediaPipe's table with a row a landmark, counted from `first`."""
    rows = [["frame", "landmark", "x", "y", "visibility"]]
    places = list(enumerate(marks(scale), start=first))
    return rows + [[f"{f}", f"{place}", repr(m["x"]), repr(m["y"]), "0.8"] for f in frames for place, m in places]


def openpose(count: int = 25, name: str = "dive_{:012d}_keypoints.json", first: int = 0) -> dict[str, Any]:
    """OpenPose's three files by name; nobody is in the second."""
    joints = SKELETONS[BY_NUMBER[count]]
    joints += ("other",) * (count - len(joints))
    person = {"person_id": [-1], "pose_keypoints_2d": flat(of_joints(joints)), "face_keypoints_2d": []}
    people = ([person], [], [person])
    return {name.format(frame): {"version": 1.3, "people": each} for frame, each in enumerate(people, start=first)}


EVERY = (1, 1, 1)
LAYOUTS: dict[str, tuple[str, Any, tuple[int, ...]]] = {
    "OpenPose BODY_25: nose <- Nose": ("files", openpose() | {"other_07_keypoints.json": {"people": []}}, (1, 0, 1)),
    "OpenPose COCO-18: nose <- Nose": ("files", openpose(18), (1, 0, 1)),
    "OpenPose BODY_25, Pose2Sim": ("files", openpose(25, "dive.{:04d}.json"), (1, 0, 1)),
    "OpenPose BODY_25, Pose2Sim from 1": ("files", openpose(25, "dive.{:04d}.json", 1), (1, 0, 1)),
    **{
        f"OpenPose {name}, as Pose2Sim writes rtmlib's": ("files", openpose(count, "dive_{:06d}.json"), (1, 0, 1))
        for count, name in BY_NUMBER.items()
        if count not in (18, 25)
    },
    "COCO results": ("json", [result(0), result(2), result(2)], (1, 0, 2)),
    **{
        f"AlphaPose, {joints} joints": (
            "json",
            [result(f"{frame}.jpg", joints, score=2.9, box=[1, 2, 3, 4], idx=[3]) for frame in range(3)],
            EVERY,
        )
        for joints in (17, 26, 136)
    },
    "MMPose, COCO-17, inferencer": ("json", [{"frame_id": i, "instances": [instance()]} for i in range(3)], EVERY),
    "MMPose, named joints": (
        "json",
        {
            "meta_info": {"keypoint_id2name": {str(i): name for i, name in enumerate(COCO17)}},
            "instance_info": [{"frame_id": i + 1, "instances": [instance(track_id=4)]} for i in range(3)],
        },
        EVERY,
    ),
    "MMPose, COCO-17, files": ("files", {f"dive_{i:05d}.json": [instance()] if i else [] for i in range(3)}, (0, 1, 1)),
    "DeepLabCut, table": ("csv", table(), EVERY),
    "DeepLabCut, table of two": ("csv", table(("anna", "bea")), (2, 1, 2)),
    "DeepLabCut, HDF5": ("h5", table(), EVERY),
    "DeepLabCut, HDF5 of two": ("h5", table(("anna", "bea")), (2, 1, 2)),
    "MediaPipe, by frame": ("json", [{"frame": i, "landmarks": marks()} for i in (0, 2)], (1, 0, 1)),
    "MediaPipe, by place": (
        "json",
        {"frames": [{"pose_landmarks": [marks(), marks()]}, {"pose_landmarks": []}, {"pose_landmarks": None}]},
        (2, 0, 0),
    ),
    "MediaPipe, in pixels": ("json", [{"landmarks": marks((1, 1))}] * 3, EVERY),
    **{f"MediaPipe, wide, {names}": ("csv", wide(names, (0, 2)), (1, 0, 1)) for names in ("joint", "0", "1")},
    **{f"MediaPipe, wide, all, {names}": ("csv", wide(names, None), EVERY) for names in ("joint", "0", "1")},
    "MediaPipe, long": ("csv", long((0, 1)), (1, 1, 0)),
    **{
        f"MediaPipe, {form}, in pixels{mark}": (f"csv{mark}", rows, EVERY)
        for form, rows in (("wide", wide("1", (1, 2, 3), (1, 1))), ("long", long((1, 2, 3), 1, (1, 1))))
        for mark in (",", ";", "\t")
    },
}
"""By name, which begins like the summary: the form, the content, and the number of people in each frame."""


def placed(folder: Path, form: str, content: Any) -> Path:
    """A layout's file, or its folder of files."""
    if form == "files":
        for name, inner in content.items():
            put(folder / "dive" / name, inner)
        return folder / "dive"
    if form == "h5":
        return put_h5(folder / "dive.h5", content)
    return (
        put(folder / "dive.json", content) if form == "json" else put_csv(folder / "dive.csv", content, form[3:] or ",")
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_people_of_every_frame(tmp_path: Path, layout: str) -> None:
    form, content, people = LAYOUTS[layout]
    path = placed(tmp_path, form, content)
    imported = read(path)
    assert tuple(len(frame.scores) for frame in imported.frames) == people
    assert imported.summary.startswith(layout.partition(",")[0])
    missing = ["left_ear", "right_ear"] if "DeepLabCut" in layout else []
    assert imported.summary.partition("; missing: ")[2] == ", ".join(missing)
    kept = [place for place, name in enumerate(COCO17) if name not in missing]
    gone = [COCO17.index(name) for name in missing]
    # AlphaPose's score of 2.9 is above 1, so the joints' mean of .8 counts.
    score = 0.6 if layout == "COCO results" else 0.7 if "MMPose" in layout else 0.8
    for frame in imported.frames:
        assert frame.keypoints.dtype == frame.scores.dtype == np.float32
        assert frame.scores == pytest.approx(score)
        for person in frame.keypoints:
            assert np.abs(person[kept, :2] - POSE[kept, :2]).max() < 0.01
            assert np.isnan(person[gone, :2]).all()
            assert not person[gone, 2].any()
    if "in pixels" in layout:
        assert read_motion(path, 1).keypoints.shape == (3, 1, 17, 3)
    elif "MediaPipe" in layout:
        with pytest.raises(DataError, match="picture whose size is not known"):
            read_motion(path, 1)


@pytest.mark.parametrize("layout", SAME_NUMBER)
def test_a_skeleton_with_the_number_of_joints_of_another_is_named(tmp_path: Path, layout: str) -> None:
    joints = SKELETONS[layout]
    person = {"person_id": [-1], "pose_keypoints_2d": flat(of_joints(joints))}
    path = placed(tmp_path, "files", {f"dive_{i:012d}_keypoints.json": {"people": [person]} for i in range(3)})
    named = read_keypoints(path, "dive", SIZE, 3, layout=layout)
    assert named.summary.startswith(f"OpenPose {layout}")
    by_number = read_keypoints(path, "dive", SIZE, 3)
    left, right = COCO17.index("left_knee"), COCO17.index("right_knee")
    expected = POSE[[left, right], :2]
    np.testing.assert_allclose(named.frames[0].keypoints[0, [left, right], :2], expected)
    assert not np.allclose(by_number.frames[0].keypoints[0, [left, right], :2], expected)
    with pytest.raises(DataError, match=f"is OpenPose COCO-18, not {layout}"):
        read_keypoints(placed(tmp_path / "18", "files", openpose(18)), "dive", SIZE, 3, layout=layout)


def test_coco_annotations(tmp_path: Path) -> None:
    flags = flat([[x, y, 2] for x, y, _ in POSE[:16].tolist()] + [[0, 0, 0]])
    images = [{"id": 70 + i, "file_name": f"dive_{i:06d}.png"} for i in range(3)]
    imported = read(
        put(tmp_path / "a.json", {"images": images, "annotations": [{"image_id": 71, "id": 5, "keypoints": flags}]})
    )
    assert [len(frame.scores) for frame in imported.frames] == [0, 1, 0]
    assert imported.frames[1].keypoints[0, 15, 2] == 1
    assert np.isnan(imported.frames[1].keypoints[0, 16, 0])


def test_people_are_followed_by_the_names_of_the_file(tmp_path: Path) -> None:
    other = np.add(POSE, [50, 0, 0])
    results = {frame: [result(frame, idx=1), result(frame, idx=2, keypoints=flat(other.tolist()))] for frame in (0, 1)}
    pair = instance(track_id=1), instance(track_id=2, keypoints=other[:, :2].tolist())
    instances = [{"frame_id": 0, "instances": pair}, {"frame_id": 1, "instances": pair[::-1]}]
    for number, content in enumerate(([*results[0], *results[1][::-1]], instances)):
        motion = read_motion(put(tmp_path / f"{number}.json", content), 2)
        for person, pose in enumerate((POSE, other)):
            np.testing.assert_allclose(motion.keypoints[:, person, :, :2], [pose[:, :2]] * 2, atol=0.01)
    with pytest.raises(DataError, match="2 people without distinct names"):
        read_motion(put(tmp_path / "a.json", [result(frame, idx=0.0) for frame in (0, 0, 1)]), 2)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_h5_with_code_in_it_runs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    path = put_h5(tmp_path / "a.h5", table(), names=pickle.dumps([(1, [Calls(os.mkdir, "boom")])], protocol))
    with pytest.raises(DataError, match=r"pickled column names.*save_as_csv"):
        read(path)
    assert not (tmp_path / "boom").exists()


def test_infinite_and_missing_coordinates_are_no_joint(tmp_path: Path) -> None:
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
        "unknown": ({"poses": []}, r"unknown layout .*poses.*Known"),
        "unknown list": ([1, 2], "unknown layout"),
        "count": (short, r"\[0\].keypoints: 50 numbers, not 51"),
        "word": ([result(0) | {"keypoints": ["a"] * 51}], r"\[0\].keypoints: 'a' is no number"),
        "truth": ([result(0) | {"score": True}], "'True' is no number"),
        "frame": ([result("dive")], r"\[0\].image_id: names no frame"),
        "beyond": ([result(3)], r"has frame 3, but the video has the frames 0 to 2.*counted from 0"),
        "negative": ([result(-1)], "has frame -1"),
        "missing": (frames[:2], "no entry for 1 of 3 frames: 2"),
        "twice": ([*frames, frames[0]], "frame 0 appears twice"),
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dive_000000000002_keypoints.json": None}, "no entry for 1 of 3 frames: 2"),
        ({"dive_2_keypoints.json": {"people": []}}, "frame 2 appears twice"),
        (
            {"dive_000000000001_keypoints.json": {"people": [{"pose_keypoints_2d": [1.0] * 45}]}},
            r"dive_000000000001.*people\[0\].pose_keypoints_2d: 45 numbers, not 75",
        ),
        (dict.fromkeys(openpose()), "no .json or .txt file"),
    ],
)
def test_faults_of_files_of_one_frame_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "dive").mkdir()
    files = {name: content for name, content in (openpose() | change).items() if content is not None}
    with pytest.raises(DataError, match=message):
        read(placed(tmp_path, "files", files))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "unknown layout"),
        ([["a", "b"], ["1", "2"]], "unknown layout .*columns a, b"),
        ([["scorer", "s"], ["coords", "x"]], "header rows scorer, coords"),
        ([["scorer", "s"], ["bodyparts", "nose"], ["coords", "x", "y"]], "row 3: 3 cells, the header has 2"),
        ([["scorer", "s"], ["bodyparts", "nose"], ["coords", "z"]], "column 1 .*not x, y or likelihood"),
        (
            [["scorer", "s"], ["bodyparts", "tail"], ["coords", "x"], ["0", "1"]],
            r"only 0 of its joints are COCO-17 joints \(tail",
        ),
        ([["scorer", "s"], ["bodyparts", "nose"], ["coords", "x"], ["0", "one"]], "row 4, column 2: 'one'"),
        ([["scorer", "s", "s"], ["bodyparts", "lhip", "left_hip"], ["coords", "x", "x"]], "both mean left_hip"),
        ([["scorer", "s", "s"], ["bodyparts", "a", "a"], ["coords", "x", "x"]], "column 2 .*appears twice"),
        ([["landmark", "x", "y"]], "no column of frames"),
        ([["frame", "landmark", "x", "y"], ["0", "44", "1", "1"]], "'44' is none of the 33"),
        ([["frame", "landmark", "x", "y"], ["0", "1", "1", "1"]], "frame 0: 1 landmarks, not 33"),
    ],
)
def test_faults_of_tables_are_named(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(put_csv(tmp_path / "a.csv", rows))


def test_missing_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no such keypoint file"):
        read(tmp_path / "nowhere.json")
    monkeypatch.setattr("data.keypoints.reading.MAX_BYTES", 10)
    with pytest.raises(DataError, match="GiB of keypoints"):
        read(put(tmp_path / "a.json", [result(0)]))


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
    (tmp_path / "pose" / "cam01_json").mkdir(parents=True)  # Pose2Sim's folder
    assert find_keypoints(tmp_path / "pose", "cam01.mp4") == tmp_path / "pose" / "cam01_json"


SOUND = {
    "openpose": {"people": [{"pose_keypoints_2d": flat(of_joints(SKELETONS["BODY_25"]))}]},
    "coco": [result(frame) for frame in range(3)],
    "mmpose": [{"frame_id": i, "instances": [instance()]} for i in range(3)],
    "mediapipe": [{"frame": i, "landmarks": marks()} for i in range(3)],
}


def flipped(content: bytes, step: int) -> Iterator[bytes]:
    """Copies with one other byte, at every `step`."""
    return (content[:k] + bytes([content[k] ^ 0x55]) + content[k + 1 :] for k in range(0, len(content), step))


def damaged_files(folder: Path, layout: str) -> Iterator[Path]:
    """Files of a layout, each damaged in another place."""
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
