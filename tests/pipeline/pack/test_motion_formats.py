"""Joints and angles for motion analysis: the files, read back, hold the stage's joints in the unit that they name."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError, UsageError
from data.keypoints.skeletons import COCO17
from data.store import Array, StageOutput
from data.video import Record
from pipeline import api
from pipeline.observer import Observer
from pipeline.pack.motion_formats import MARKERS, MOTIONS, write_motions
from pipeline.pack.pack_formats import Packed
from tests.extractors.skeleton.test_skeleton import moving, write

PX_PER_M, HEIGHT, PICTURE = 200.0, 1.8, 720
FRAMES = 12


class Notes(Observer):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.texts.append(text)


def person(bend: float = 0.0) -> NDArray[np.float64]:
    """(17, 3) a person of `HEIGHT` by the shares of the heights of its joints; knees bent by this angle in radians."""
    shoulder, hip, knee, ankle = (share * HEIGHT * PX_PER_M for share in (0.818, 0.53, 0.285, 0.039))
    joints = np.zeros((17, 3))
    joints[:, 2] = 0.9
    joints[:5, :2] = [300, PICTURE - 0.9 * HEIGHT * PX_PER_M]
    for side, sign in ((0, 1), (1, -1)):
        x = 300 + 30 * sign
        joints[5 + side, :2] = x, PICTURE - shoulder
        joints[7 + side, :2] = x, PICTURE - shoulder + 60
        joints[9 + side, :2] = x + 60, PICTURE - shoulder + 60
        joints[11 + side, :2] = x, PICTURE - hip
        joints[13 + side, :2] = x, PICTURE - knee
        shank = (knee - ankle) * np.array([np.sin(bend), np.cos(bend)])
        joints[15 + side, :2] = joints[13 + side, :2] + shank
    return joints


def pose(*agents: Sequence[NDArray[np.float64]], time: NDArray[np.float64] | None = None) -> StageOutput:
    """The output of the pose stage with the joints of each agent in every frame."""
    keypoints = np.stack([np.stack(agent) for agent in agents], axis=1).astype(np.float32)
    time = np.arange(len(keypoints)) / 25 if time is None else time
    names = ("x", "y", "score")
    return StageOutput(
        {
            "time": Array(time, ("frame",), "s"),
            "keypoints": Array(keypoints, ("frame", "agent", "joint", "xyc"), "px", "", names),
            "size": Array(np.array([1280, PICTURE], np.int32), ("side",), "px"),
        }
    )


def written(folder: Path, form: str, output: StageOutput, height: float | None = HEIGHT) -> tuple[Packed, list[str]]:
    notes = Notes()
    return write_motions(folder, form, iter([(Record("dive.mp4", None), output)]), height, notes), notes.texts


def trc(path: Path) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Names, times and (frame, marker, 3) places of a TRC file by OpenSim's convention, and the line of its values."""
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    assert lines[0][:3] == ["PathFileType", "4", "(X/Y/Z)"]
    names = [name for name in lines[3][2:] if name]
    rows = np.array([[float(cell or "nan") for cell in line] for line in lines[5:]])
    assert lines[4][2:] == [f"{axis}{k + 1}" for k in range(len(names)) for axis in "XYZ"]
    assert rows.shape == (int(lines[2][2]), 2 + 3 * len(names))
    return names, rows[:, 1], rows[:, 2:].reshape(len(rows), -1, 3), lines[2]


def test_the_metres_are_right_for_a_straight_and_for_a_bent_body(tmp_path: Path) -> None:
    """A box around the bent one would be a fifth shorter; frames that lean to the camera count for nothing."""
    leaning = person()
    leaning[:, 1] = PICTURE - (PICTURE - leaning[:, 1]) * 0.5
    for bend in (0.0, 2.0):
        frames = [person(bend)] * (FRAMES - 4) + [leaning] * 4
        packed, notes = written(tmp_path / str(bend), "trc", pose(frames))
        names, time, places, values = trc(tmp_path / str(bend) / "dive.mp4.trc")
        assert (packed.performances, packed.files, names) == (1, 1, list(MARKERS))
        np.testing.assert_allclose(time, np.arange(FRAMES) / 25, atol=1e-6)
        expected = person(bend)[:, :2] * [1, -1] + [0, PICTURE]
        np.testing.assert_allclose(places[0, :, :2], expected / PX_PER_M, rtol=1e-4)
        assert (places[..., 2] == 0).all()
        assert values[:5] == ["25", "25", str(FRAMES), "17", "m"]
        assert [note.partition(",")[0] for note in notes] == ["warning: metres are two-dimensional"]


def test_without_a_height_the_unit_is_the_torso(tmp_path: Path) -> None:
    _, notes = written(tmp_path, "trc", pose([person()] * FRAMES), None)
    names, _, places, values = trc(tmp_path / "dive.mp4.trc")
    trunk = places[:, [names.index("LShoulder"), names.index("LHip")]]
    np.testing.assert_allclose(np.linalg.norm(trunk[:, 0] - trunk[:, 1], axis=1), 1, rtol=1e-5)
    assert values[4] == "torso"
    assert "torso lengths: 1 is 103.68 px" in (tmp_path / "dive.mp4.trc").read_text()
    assert notes == []


def test_c3d_is_what_two_libraries_read(tmp_path: Path) -> None:
    """Rows of an uneven clock become frames of one rate: the nearest in time; missing joints stay missing."""
    c3d = pytest.importorskip("c3d", reason="needs the extra c3d")
    gone = person()
    gone[9] = np.nan, np.nan, 0
    time = np.array([0, 1, 2, 4, 5, 6]) / 25
    written(tmp_path, "c3d", pose([person()] * 5 + [gone], time=time))
    with (tmp_path / "dive.mp4.c3d").open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file without force plates
        reader = c3d.Reader(stream)
        points = np.stack([one for _, one, _ in reader.read_frames()])
    assert [label.strip() for label in reader.point_labels] == list(MARKERS)
    assert reader.point_rate == pytest.approx(25)
    assert reader.get("POINT").get_string("UNITS").strip() == "m"
    assert "from a height of 1.8 m" in reader.get("POINT").get_string("ABOUT")
    expected = (person()[:, :2] * [1, -1] + [0, PICTURE]) / PX_PER_M
    np.testing.assert_allclose(points[:6, :, :2], np.broadcast_to(expected, (6, 17, 2)), rtol=1e-4)
    assert (points[:, :, 3] < 0).sum() == 1
    assert points[6, 9, 3] == -1
    ezc3d = pytest.importorskip("ezc3d", reason="needs: python -m pip install ezc3d")
    other = ezc3d.c3d(str(tmp_path / "dive.mp4.c3d"))
    assert other["parameters"]["POINT"]["LABELS"]["value"] == list(MARKERS)
    np.testing.assert_allclose(other["data"]["points"][:2, :, 0].T, expected, rtol=1e-4)
    assert np.isnan(other["data"]["points"][0, 9, 6])


def test_a_gap_of_days_is_named_instead_of_filled_with_frames(tmp_path: Path) -> None:
    """C3D has one rate: 60 frames around five days would become 8.6 million. Formats with times keep the 60."""
    pytest.importorskip("c3d", reason="needs the extra c3d")
    time = np.arange(60) / 20 + np.repeat([0, 5 * 86_400], 30)
    torn = pose([person()] * 60, time=time)
    notes, videos = Notes(), [(Record("torn.mp4", None), torn), (Record("dive.mp4", None), pose([person()] * FRAMES))]
    tracemalloc.start()
    packed = write_motions(tmp_path, "c3d", iter(videos), HEIGHT, notes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert ([path.name for path in tmp_path.iterdir()], packed.files) == (["dive.mp4.c3d"], 1)
    assert notes.texts[0].startswith("left out: torn.mp4: a gap of 432000 s, and C3D has one rate. Write trc")
    written(tmp_path, "trc", torn)
    assert trc(tmp_path / "dive.mp4.trc")[1][-1] == pytest.approx(time[-1])


@pytest.mark.parametrize("form", ["mot", "angles.csv"])
def test_angles_are_degrees_one_row_a_frame(tmp_path: Path, form: str) -> None:
    gone = person()
    gone[16] = np.nan, np.nan, 0
    written(tmp_path, form, pose([person(0.5)] * 3 + [gone]), None)
    lines = (tmp_path / f"dive.mp4.{form}").read_text().splitlines()
    if form == "mot":
        assert lines[1:5] == ["version=1", "nRows=4", "nColumns=9", "inDegrees=yes"]
        lines = [line.replace("\t", ",") for line in lines[lines.index("endheader") + 1 :]]
    assert [name.removesuffix("_deg") for name in lines[0].split(",")] == [
        "time", "left_elbow", "right_elbow", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee",
        "right_knee",
    ]  # fmt: skip
    rows = np.array([[float(cell or "nan") for cell in line.split(",")] for line in lines[1:]])
    np.testing.assert_allclose(rows[:, 0], np.arange(4) / 25, atol=1e-6)
    np.testing.assert_allclose(rows[0, 1:], [90, 90, 0, 0, 180, 180, *[180 - np.degrees(0.5)] * 2], atol=1e-3)
    assert np.isnan(rows[3]).tolist() == [False] * 8 + [True]


def test_each_agent_has_a_file_in_the_unit_of_the_first(tmp_path: Path) -> None:
    child = (person() - [0, PICTURE, 0]) * [0.5, 0.5, 1] + [400, PICTURE, 0]
    absent = [np.full((17, 3), np.nan)] * FRAMES
    packed, notes = written(tmp_path, "trc", pose([person()] * FRAMES, [child] * FRAMES, absent))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dive.mp4.agent0.trc", "dive.mp4.agent1.trc"]
    assert (packed.files, len(notes)) == (2, 1)
    both = [trc(tmp_path / f"dive.mp4.agent{agent}.trc")[2][0] for agent in (0, 1)]
    np.testing.assert_allclose(both[1][5:, 1], both[0][5:, 1] / 2, rtol=1e-3)


def test_a_body_that_cannot_be_measured_is_named(tmp_path: Path) -> None:
    bust = person()
    bust[11:] = np.nan, np.nan, 0
    with pytest.raises(DataError, match="no performance has joints to write"):
        written(tmp_path, "trc", pose([bust] * FRAMES))
    notes = Notes()
    videos = [(Record(f"{name}.mp4", None), pose([one] * FRAMES)) for name, one in (("a", bust), ("b", person()))]
    assert write_motions(tmp_path, "trc", iter(videos), 1.8, notes).performances == 1
    assert notes.texts[0] == (
        "left out: a.mp4: no frame shows shoulders, hips and a leg. Extract it again with other settings of pose"
    )


def test_the_command_writes_three_dimensional_joints_in_their_metres(tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", moving(20))
    settings = {"dataset.root": str(tmp_path / "in"), "cache": str(tmp_path / "cache"), "work.workers": "0"}
    assert api.extract(config="skeletons", overrides=settings, stages="skeleton").ok
    packed = api.pack(config="skeletons", overrides=settings, format="trc", out=tmp_path / "out")
    assert (packed.performances, packed.files) == (1, 1)
    names, _, places, values = trc(tmp_path / "out/a.csv.trc")
    api.pack(config="skeletons", overrides=settings, stage="skeleton", out=tmp_path / "joints.npz")
    with np.load(tmp_path / "joints.npz") as arrays:
        np.testing.assert_allclose(places, arrays["keypoints"][:, 0, :, :3], atol=1e-6)
    assert values[4] == "m"
    assert len(names) == len(COCO17)
    assert (tmp_path / "out/card.md").is_file()
    with pytest.raises(UsageError, match="these joints are in metres"):
        api.pack(config="skeletons", overrides=settings, format="trc", height=1.75, out=tmp_path / "more")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"format": "trc", "height": 175.0}, "a height of 175 m"),
        ({"format": "mot", "height": 1.75}, "mot has no metres"),
        ({"format": "trc", "overrides": {"stages": ["clips"]}}, "find no joints"),
        ({"out": "joints.trc"}, "one file an agent"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path: Path, given: dict[str, object], message: str) -> None:
    write(tmp_path / "in/a.csv", moving(20))
    with pytest.raises(UsageError, match=message):
        api.pack(**{"config": "skeletons", "root": tmp_path / "in", "cache": tmp_path / "cache", **given})  # type: ignore[arg-type]


def test_formats_are_named_by_their_ending() -> None:
    assert list(MOTIONS) == ["trc", "c3d", "mot", "angles.csv"]
