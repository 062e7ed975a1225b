"""Keypoint files of other tools: every official layout gives the people of every frame."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError
from data.keypoints import read_keypoints, read_motion, sidecar
from data.keypoints.keypoint_search import find_keypoints
from data.keypoints.skeletons import COCO17, SAME_NUMBER, SKELETONS, coco_joint
from data.video import Record
from tests.helpers.keypoint_files import (
    FRAMES,
    LAYOUTS,
    POSE,
    SIZE,
    flat,
    instance,
    of_joints,
    openpose,
    placed,
    put,
    put_csv,
    put_h5,
    result,
    table,
)
from tests.helpers.pickled_calls import Calls


def people_in(path, frames=FRAMES, others=()):
    """The people of each frame, (P, 17, 3)."""
    read = read_keypoints(path, "dive", SIZE, frames, others)
    return [read.points[read.in_frame(number)] for number in range(frames)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_people_of_every_frame(tmp_path, layout, snapshot):
    """AlphaPose's score of 2.9 is above 1, so the joints' mean of .8 counts; a visibility of 2 is a score of 1."""
    path = placed(tmp_path, layout)
    read = read_keypoints(path, "dive", SIZE, FRAMES)
    frames = [read.points[read.in_frame(number)] for number in range(FRAMES)]
    approved = [read.layout, [*map(len, frames)], sorted({round(float(score), 4) for score in read.scores})]
    assert read.points.dtype == read.scores.dtype == np.float32
    missing = read.layout.partition("; missing: ")[2].split(", ")
    kept = [place for place, name in enumerate(COCO17) if name not in missing]
    for shown in (frame for frame in frames if len(frame)):
        np.testing.assert_allclose(shown[:, kept, :2].min(axis=0), POSE[kept, :2], atol=0.01)
        gone = np.delete(shown, kept, axis=1)
        assert np.isnan(gone[..., :2]).all()
        assert not gone[..., 2].any()
    try:
        joints = read_motion(path).over_time(2)
        assert np.isfinite(joints[:, 0, kept]).any(axis=0).all()
        approved += [joints.shape, np.isfinite(joints[..., 0]).sum(axis=2).tolist()]
    except DataError as error:
        approved += [error.what, error.fix]
    assert "\n".join(map(str, approved)) == snapshot


@pytest.mark.parametrize("layout", SAME_NUMBER)
def test_a_skeleton_with_the_number_of_joints_of_another_is_named(tmp_path, layout):
    person = {"person_id": [-1], "pose_keypoints_2d": flat(of_joints(SKELETONS[layout]))}
    for frame in range(FRAMES):
        put(tmp_path / f"dive/dive_{frame:012d}_keypoints.json", {"people": [person]})
    knees = [COCO17.index("left_knee"), COCO17.index("right_knee")]
    named, by_number = (read_keypoints(tmp_path / "dive", "dive", SIZE, 3, layout=given) for given in (layout, ""))
    assert named.layout.startswith(f"OpenPose {layout}")
    np.testing.assert_allclose(named.points[0, knees, :2], POSE[knees, :2])
    assert not np.allclose(by_number.points[0, knees, :2], POSE[knees, :2])
    with pytest.raises(DataError, match=f"is OpenPose COCO-18, not {layout}"):
        read_keypoints(placed(tmp_path / "18", "OpenPose COCO-18"), "dive", SIZE, 3, layout=layout)


def test_people_are_followed_by_the_names_of_the_file(tmp_path):
    other = np.add(POSE, [50, 0, 0])
    results = {frame: [result(frame, idx=1), result(frame, idx=2, keypoints=flat(other.tolist()))] for frame in (0, 1)}
    pair = instance(track_id=1), instance(track_id=2, keypoints=other[:, :2].tolist())
    instances = [{"frame_id": 0, "instances": pair}, {"frame_id": 1, "instances": pair[::-1]}]
    for number, content in enumerate(([*results[0], *results[1][::-1]], instances)):
        motion = read_motion(put(tmp_path / f"{number}.json", content)).over_time(3)
        for person, pose in enumerate((POSE, other)):
            np.testing.assert_allclose(motion[:, person, :, :2], [pose[:, :2]] * 2, atol=0.01)
        assert np.isnan(motion[:, 2, :, :2]).all()
    with pytest.raises(DataError, match="2 people without distinct names"):
        read_motion(put(tmp_path / "a.json", [result(frame, idx=0.0) for frame in (0, 0, 1)]))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_h5_with_code_in_it_runs_none(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    path = put_h5(tmp_path / "a.h5", table(), names=pickle.dumps([(1, [Calls(os.mkdir, "boom")])], protocol))
    with pytest.raises(DataError, match=r"pickled column names.*save_as_csv"):
        people_in(path)
    assert not (tmp_path / "boom").exists()


def test_arrays_of_every_form(tmp_path):
    """Without scores, in three dimensions, of NTU RGB+D, and of MPII, and joints that only settings name."""
    path, places = tmp_path / "a.npy", np.linspace(1, 90, 2 * 25 * 3).reshape(2, 25, 3)
    knee = COCO17.index("left_knee")
    for values, words, place in (
        (places[:, :17, :2], {}, [places[:, knee, :2], 1]),
        (places[:, :16, :2], {}, [places[:, 4, :2], 1]),
        (places[:, :17], {}, [places[:, knee], 1]),
        (np.append(places, np.full((2, 25, 1), 0.5), axis=2), {}, [places[:, 13], 0.5]),
        (places[:, None, :9], {"joints": dict(zip(COCO17[-4:], "1234", strict=True))}, [places[:, 1], 1]),
    ):
        np.save(path, values)
        motion = read_motion(path, **words)
        np.testing.assert_allclose(motion.points[:, knee, :-1], place[0])
        assert (motion.points[:, knee, -1] == place[1]).all()


def test_one_file_may_have_the_annotations_of_all_videos(tmp_path):
    path = placed(tmp_path, "arrays, pkl")
    for folder, found in ((str(path), {"keypoints": path}), (str(tmp_path), {})):
        assert sidecar(Record("day/other.mp4", tmp_path / "other.mp4"), folder) == found
    with pytest.raises(DataError, match="0 of 2 annotations have the frame_dir 'third'"):
        read_keypoints(path, "third", SIZE, FRAMES)


def test_infinite_and_missing_coordinates_are_no_joint(tmp_path):
    rows = POSE.copy()
    rows[0, 0], rows[1, 1], rows[2, 2], rows[3], rows[4, 0], rows[5, 2] = np.nan, np.inf, 0, 0, 1e300, 1.4
    person = people_in(put(tmp_path / "a.json", [result(0) | {"keypoints": flat(rows.tolist())}]))[0][0]
    assert np.isnan(person[:5, :2]).all()
    assert person[:6, 2].tolist() == [0] * 5 + [1]
    nobody = [result(0) | {"keypoints": [0.0] * 51}]
    for content in (nobody, []):
        assert not any(map(len, people_in(put(tmp_path / "b.json", content))))


def test_large_files_and_long_spans_are_refused(tmp_path, monkeypatch):
    """A kilobyte that numbers two frames far apart must not take gigabytes."""
    path = put(tmp_path / "a.json", [result(0), result(4_999_999)])
    with pytest.raises(DataError, match="has 2 frames from 0 to 4999999"):
        read_motion(path)
    assert len(read_motion(put(path, [result(0), result(10_000)])).over_time(1)) == 10_001
    monkeypatch.setattr("data.keypoints.reading.MAX_BYTES", 10)
    with pytest.raises(DataError, match="GiB of keypoints"):
        people_in(path)


SHORT = [["scorer", "s"], ["bodyparts", "nose"]]
FRAME = {"frame_id": 0, "instances": []}
LONG = [["frame", "landmark", "x", "y"]]
FAULTS = {
    "unknown layout": {"poses": []},
    r"\[0\].keypoints: 50 numbers, not 51": [result(0) | {"keypoints": [1.0] * 50}],
    r"\[0\].image_id: names no frame": [result("dive")],
    "has frame 3, .*counted from 0": [result(3)],
    "has frame -1": [result(-1)],
    "has frame 10000": [result(10**40)],
    "no entry for 1 of 3 frames: 2": [FRAME, FRAME | {"frame_id": 1}],
    "frame 0 appears twice": [FRAME, FRAME],
    "3 numbers, not x and y": [{"frame_id": 0, "instances": [instance(keypoints=[[1.0, 2.0, 3.0]] * 17)]}],
    "17 keypoints and 1 scores": [{"frame_id": 0, "instances": [instance(keypoint_scores=[1.0])]}],
    "other people of the file": [result(0), result(1, 26)],
    "1 landmarks, not 33": [{"landmarks": [{"x": 0, "y": 0}]}],
    "17 and 16 numbers": [[{"keypoints": {"x": [1.0] * 17, "y": [1.0] * 16}}]],
    "no image has the id 1": {"images": [], "annotations": [{"image_id": 1}]},
    "all coordinates are at most 1": [result(0) | {"keypoints": [0.5] * 51}],
    "outside the picture": [result(0) | {"keypoints": [5000.0, 9.0, 1.0] * 17}],
    "columns a, b": [["a", "b"], ["1", "2"]],
    "header rows scorer": [["scorer", "s"], ["coords", "x"]],
    "row 3: 3 cells": [*SHORT, ["coords", "x", "y"]],
    "not x, y, z, likelihood": [*SHORT, ["coords", "w"]],
    "row 4, column 2: 'one'": [*SHORT, ["coords", "x"], ["0", "one"]],
    "only 1 of its joints": [*SHORT, ["coords", "x"], *[[f"{frame}", "1"] for frame in range(FRAMES)]],
    "both mean left_hip": [["scorer", "s", "s"], ["bodyparts", "lhip", "left_hip"], ["coords", "x", "x"]],
    "column 2 .*appears twice": [["scorer", "s", "s"], ["bodyparts", "a", "a"], ["coords", "x", "x"]],
    "no column of frames": [["landmark", "x", "y"]],
    "joint 1 .*twice": [*LONG, ["0", "1", "1", "1"], ["0", "1", "1", "1"]],
}
"""Files that break one rule, by the words of the error."""


@pytest.mark.parametrize("words", FAULTS)
def test_each_broken_rule_is_named(tmp_path, words):
    content = FAULTS[words]
    tabular = isinstance(content, list) and isinstance(content[0], list) and isinstance(content[0][0], str)
    path = put_csv(tmp_path / "a.csv", content) if tabular else put(tmp_path / "a.json", content)
    with pytest.raises(DataError, match=words) as caught:
        people_in(path)
    assert caught.value.where == str(path)


OF_ONE_FRAME = {
    "frame 2 appears twice": ("dive_2", []),
    "has frame 3": ("dive_3", []),
    "45 numbers, not 75": ("dive_000000000001", [{"pose_keypoints_2d": [1.0] * 45}]),
}


@pytest.mark.parametrize("words", OF_ONE_FRAME)
def test_a_fault_in_a_file_of_one_frame_is_named(tmp_path, words):
    name, people = OF_ONE_FRAME[words]
    for file, content in (openpose() | {f"{name}_keypoints.json": {"people": people}}).items():
        put(tmp_path / "dive" / file, content)
    with pytest.raises(DataError, match=words):
        people_in(tmp_path / "dive")


def test_which_file_belongs_to_a_video(tmp_path):
    assert find_keypoints(tmp_path / "nowhere", "dive1.mp4") is None
    put(tmp_path / "dive1_b.json", [])
    assert find_keypoints(tmp_path, "dive1.mp4") is None
    assert find_keypoints(tmp_path, "dive1_b.mp4") == tmp_path / "dive1_b.json"
    for names, video in (  # the last one counts
        (["dive1/x.json", "dive1"], "dive1.mp4"),
        (["dive1DLC_resnet50_shuffle1.h5", "dive1DLC_resnet50_shuffle1.csv"], "dive1.mp4"),
        (["day/dive1_keypoints.json"], "day/dive1.avi"),
        (["pose/cam01_json/x.json", "pose/cam01_json"], "pose/cam01.mp4"),  # Pose2Sim's folder
        (["s/dive.mp4.predictions.slp"], "s/dive.mp4"),
        (["t/dive.analysis.h5"], "t/dive.mp4"),
        (["w/dive.analysis.hdf5"], "w/dive.mp4"),
        (["u/dive/labels/dive_1.txt", "u/dive/labels"], "u/dive.mp4"),
        ([f"v/dive_Sports2D/dive_Sports2D_{unit}_person00.trc" for unit in ("m", "px")], "v/dive.mp4"),
    ):
        for name in names:
            if Path(name).suffix:
                put(tmp_path / name, "")
        assert find_keypoints(tmp_path, video) == tmp_path / names[-1]
    put(tmp_path / "dive1.json", [])
    with pytest.raises(DataError, match=r"several keypoint files .*dive1.json, dive1DLC"):
        find_keypoints(tmp_path, "dive1.mp4")


def test_names_of_joints():
    assert [coco_joint(name) for name in COCO17] == list(COCO17)
    assert [coco_joint(name) for name in ("LeftKnee", "KNEE_R", "r-elbow", "lwrist", "hip", "left_left_hip", "")] == [
        *("left_knee", "right_knee", "right_elbow", "left_wrist"),
        *(None, None, None),
    ]
