"""Markers over time: TRC as Sports2D and Pose2Sim write it, C3D as ezc3d writes it: units, people, clocks."""

import numpy as np
import pytest

from data.errors import DataError, UsageError
from data.keypoints import further_people, read_keypoints, read_motion
from data.keypoints.keypoint_search import find_keypoints
from data.keypoints.skeletons import COCO17
from data.stage_files import StageFiles
from data.store.hdf5 import read
from data.video import Record
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from pipeline import api
from tests.helpers.cached_outputs import output_of
from tests.helpers.keypoint_files import FPS, MARKERS, POSE, c3d, c3d_from_0, put_csv, qualisys, table, trc

NAMES = [
    *("Hip", "RHip", "RKnee", "RAnkle", "RBigToe", "LHip", "LKnee", "LAnkle"),
    "Neck",
    "Nose",
    "RShoulder",
    "LShoulder",
]
FRAMES, SIZE = 5, (640, 480)
NOSE, KNEE = COCO17.index("nose"), COCO17.index("right_knee")


def places(*, depth=0.0, scale=1.0):
    """(frame, marker, 3) markers that drift to the right."""
    frame, marker = np.mgrid[:FRAMES, : len(NAMES)]
    return scale * np.stack([100 + 10.0 * marker + frame, 50 + 20.0 * marker, depth * (1.0 + marker)], axis=2)


def test_sports2d_pixels_belong_to_their_video(tmp_path):
    """Also where Sports2D was given a range of times: its rows then count from 0, but its times do not."""
    points = places()
    points[1, 2] = np.nan
    points[3, 2] = 0
    path = trc(tmp_path / "dive_Sports2D_px_person00.trc", points, NAMES, first=2)
    got = read_keypoints(path, "dive", SIZE, FRAMES + 4)
    assert got.frames.tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_allclose(got.points[0, KNEE], [*points[0, 2, :2], 1])
    assert got.points[:, KNEE, 2].tolist() == [1, 0, 1, 0, 1]


def two_people(folder, unit):
    """Sports2D's files of a video: the second person is further down and alone in the first frame."""
    first, second = places(), places() + np.array([0, 100, 0])
    first[0] = np.nan
    path = folder / f"dive_Sports2D/dive_Sports2D_{unit}_person00.trc"
    return trc(path, first, NAMES), trc(path.with_name(path.name.replace("00.", "02.")), second, NAMES)


def test_a_second_person_of_sports2d_is_in_a_file_of_its_own(tmp_path):
    """Numbers may be missing: a person who is shown too briefly has no file."""
    one, other = two_people(tmp_path, "px")
    trc(tmp_path / "dive_Sports2D/other_Sports2D_px_person01.trc", places(), NAMES)
    assert find_keypoints(tmp_path, "dive.mp4") == one
    assert (further_people(one), further_people(other)) == ([other], [])
    assert read_keypoints(one, "dive", SIZE, FRAMES, [other]).frames.tolist() == [0, *np.repeat(range(1, FRAMES), 2)]
    assert read_keypoints(one, "dive", SIZE, FRAMES).frames.tolist() == [*range(1, FRAMES)]
    record = Record("dive.mp4", tmp_path / "dive.mp4")
    given = {"backend": "import", "import": {"dir": str(tmp_path)}}
    both = {"keypoints": one, "keypoints 2": other}
    assert Pose.reads_of(PoseConfig(agents=2, **given), record, StageFiles()) == both
    assert Pose.reads_of(PoseConfig(agents=1, **given), record, StageFiles()) == {"keypoints": one}
    other.write_text(other.read_text().replace("LShoulder", "Sternum"))
    with pytest.raises(DataError, match="has other joints than dive_Sports2D_px_person00") as caught:
        read_keypoints(one, "dive", SIZE, FRAMES, [other])
    assert caught.value.where == str(other)


def test_agents_are_in_the_order_of_the_files(tmp_path):
    one, other = two_people(tmp_path, "m")
    motion = read_motion(one, others=[other])
    expected = -places()[:, 9, 1:2] + [0, -100]
    expected[0, 0] = np.nan
    np.testing.assert_array_equal(motion.over_time(2)[:, :, NOSE, 1], expected)
    np.testing.assert_allclose(motion.times, np.arange(FRAMES) / FPS)


def test_two_people_without_a_video_are_two_agents_in_the_unit_that_their_files_name(tmp_path):
    pytest.importorskip("torch", reason="the readers are tested without it too")
    name = "dive_Sports2D/dive_Sports2D_m_person0{}.trc"
    for person in (0, 1):
        trc(tmp_path / "set" / name.format(person), places(depth=3, scale=1 + person), NAMES, unit="cm")
    settings = {"dataset.root": tmp_path / "set", "cache": tmp_path / "cache", "work.workers": 0}
    settings |= {"skeleton.agents": 2, "timesteps.secondary": ["skeleton:1"], "skeleton.unit": "mm"}
    assert api.extract(config="skeletons", overrides={**settings, "skeleton.smoothing_s": 0}).ok
    made = read(output_of(tmp_path / "cache", "skeleton", name.format(0))).output.arrays["keypoints"].values
    for person in (0, 1):
        expected = 0.01 * places(depth=3, scale=1 + person)[:, 2]
        np.testing.assert_allclose(made[:, person, KNEE, :3], expected, rtol=1e-5)


@pytest.mark.parametrize("write", [trc, c3d, c3d_from_0])
@pytest.mark.parametrize(("unit", "metres"), [("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("ft", None)])
def test_three_dimensions_come_in_metres_and_two_with_y_down(tmp_path, write, unit, metres):
    path, points = tmp_path / f"a.{write.__name__[:3]}", places(depth=3)
    points[2, 2] = np.nan
    write(path, points, NAMES, unit=unit)
    if metres is None:
        with pytest.raises(DataError, match="in the unit 'ft'"):
            read_motion(path)
        return
    with pytest.raises(DataError, match="three coordinates"):
        read_keypoints(path, "b", SIZE, FRAMES)
    motion = read_motion(path)
    knee = motion.over_time(1)[:, 0, KNEE]
    np.testing.assert_allclose(knee[:, :3], metres * points[:, 2], rtol=1e-6)
    assert knee[:, 3].tolist() == [1, 1, 0, 1, 1]
    np.testing.assert_allclose(motion.times, np.arange(FRAMES) / FPS, rtol=1e-6)
    flat = read_motion(write(path, places(scale=0.01), NAMES, unit=unit)).over_time(1)[:, 0, NOSE, :2]
    np.testing.assert_allclose(flat, places(scale=0.01)[:, 9, :2] * [1, -1], rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("PathFileType", "Path", "is not a TRC file"),
        ("\t100.0\t", "\thundred\t", "line 6: 'hundred' is not a number"),
        ("130.0\n", "130.0\t7\n", "line 6: 39 cells, not 38"),
        ("LShoulder", "RShoulder", "the marker 'RShoulder' appears twice"),
        ("0\t0.0\t", "\t\t", "a frame without number and time"),
    ],
)
def test_a_damaged_trc_is_named(tmp_path, old, new, words):
    """As OpenCap writes it (`utils.py` of opencap-core), blanks follow the first word."""
    path = trc(tmp_path / "a.trc", places(depth=130 / 12), NAMES)
    text = path.read_text().replace("PathFileType\t4", "PathFileType  4")
    path.write_text(text)
    assert len(read_motion(path).entries) == FRAMES
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=words):
        read_motion(path)


def test_markers_of_two_people_are_two_people(tmp_path):
    names = [f"{person}:{name}" for person in ("Anna", "Ben") for name in NAMES]
    points = np.concatenate([places(depth=3), places(depth=3, scale=2)], axis=1)
    motion = read_motion(c3d(tmp_path / "a.c3d", points, names, "m")).over_time(2)
    np.testing.assert_allclose(motion[:, 1, :, :3], 2 * motion[:, 0, :, :3])


def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "c3d", None)
    with pytest.raises(UsageError, match=r"needs the package 'c3d'.*\[c3d\]"):
        read_motion(trc(tmp_path / "a.c3d", places()))


def test_markers_of_qualisys_and_deeplabcut_in_3d_are_metres(tmp_path):
    of_qualisys = read_motion(qualisys(tmp_path / "a.tsv", MARKERS + 1000.0))
    np.testing.assert_allclose(of_qualisys.points[0, :, :3], np.pad(POSE[:, :2], ((0, 0), (0, 1))) / 1000 + 1)
    assert of_qualisys.times.tolist() == [0, 1 / FPS, 2 / FPS]
    triangulated = read_motion(put_csv(tmp_path / "b.csv", table(last="z")), unit="cm")
    np.testing.assert_allclose(triangulated.points[0, KNEE], [*POSE[KNEE, :2] / 100, 0.008, 1])


@pytest.mark.parametrize(
    "names",
    [
        "LKNE RKNE RANK LSHO RSHO LELB RELB LWRA RWRA LASI RASI LANK",
        """
        mixamorig_LeftLeg mixamorig_RightLeg mixamorig_RightFoot mixamorig_LeftShoulder mixamorig_LeftArm
        mixamorig_RightArm mixamorig_LeftForeArm mixamorig_RightForeArm mixamorig_LeftHand mixamorig_RightHand
        mixamorig_LeftUpLeg mixamorig_RightUpLeg mixamorig_LeftFoot
        """,
    ],
)
def test_names_of_known_tables_are_read_and_settings_name_others(tmp_path, names):
    """The second joint is the right knee, unless settings say that it is the third."""
    names = names.split()
    points = np.arange(15.0 * len(names)).reshape(5, -1, 3)
    path = trc(tmp_path / "a.trc", points, names)
    for number, given in ((1, {}), (2, {"right_knee": names[2]})):
        assert read_motion(path, joints=given).points[1, KNEE, 0] == points[1, number, 0]


@pytest.mark.parametrize("more", [[], ["LAnkle", "RAnkle"]])
def test_a_foot_of_human36m_is_the_ankle_where_there_is_no_other(tmp_path, more):
    sides = [f"{side}{part}" for side in "LR" for part in ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Foot")]
    names = [*sides, *more]
    points = np.arange(15.0 * len(names)).reshape(5, -1, 3)
    got = read_motion(trc(tmp_path / "a.trc", points, names)).points[1, COCO17.index("left_ankle"), 0]
    assert got == points[1, names.index(more[0] if more else "LFoot"), 0]


def test_names_that_no_table_has_are_refused(tmp_path):
    points = places(depth=1.0)
    other = trc(tmp_path / "b.trc", points, [f"M{number}" for number in range(12)])
    with pytest.raises(DataError, match="only 0 of its joints"):
        read_motion(other)
    with pytest.raises(DataError, match="has no joint 'M99'"):
        read_motion(other, joints={"nose": "M99"})
