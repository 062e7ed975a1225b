"""Markers over time: TRC as Sports2D and Pose2Sim write it, C3D as two libraries write it, and damaged files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError, UsageError
from data.keypoints import further_people
from data.keypoints.keypoint_search import find_keypoints
from data.keypoints.skeletons import COCO17
from data.stage_files import StageFiles
from data.store.hdf5 import read
from data.video import Record
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from pipeline import api
from tests.helpers.cached_outputs import output_of
from tests.helpers.people_of_frames import read_keypoints, read_motion

NAMES = [
    "Hip",
    "RHip",
    "RKnee",
    "RAnkle",
    "RBigToe",
    "LHip",
    "LKnee",
    "LAnkle",
    "Neck",
    "Nose",
    "RShoulder",
    "LShoulder",
]
FRAMES, FPS = 5, 25.0


def places(*, depth: float = 0.0, scale: float = 1.0) -> NDArray[np.float64]:
    """(frame, marker, 3) markers that drift to the right."""
    frame, marker = np.mgrid[:FRAMES, : len(NAMES)]
    return scale * np.stack([100 + 10.0 * marker + frame, 50 + 20.0 * marker, depth * (1.0 + marker)], axis=2)


def trc(path: Path, points: NDArray[np.float64], *, unit: str = "m", first: int = 0) -> Path:
    """As `make_trc_with_trc_data` of Sports2D 0.8.34 writes it: the unit is m for pixels too, and z is 0."""
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join(map(str, [FPS, FPS, len(points), len(NAMES), unit, FPS, 0, len(points)])),
        "Frame#\tTime\t" + "\t\t\t".join(NAMES) + "\t\t\t",
        "\t\t" + "\t".join(f"X{k + 1}\tY{k + 1}\tZ{k + 1}" for k in range(len(NAMES))),
    ]
    for row, values in enumerate(points.reshape(len(points), -1)):
        cells = ["" if value != value else str(value) for value in values]
        lines.append("\t".join([str(row), str((first + row) / FPS), *cells]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_sports2d_pixels_belong_to_their_video(tmp_path: Path) -> None:
    """Also where Sports2D was given a range of times: its rows then count from 0, but its times do not."""
    points = places()
    points[1, 2] = np.nan
    points[3, 2] = 0
    (tmp_path / "dive_Sports2D").mkdir()
    trc(tmp_path / "dive_Sports2D/dive_Sports2D_px_person00.trc", points, first=2)
    trc(tmp_path / "dive_Sports2D/dive_Sports2D_m_person00.trc", points)
    path = find_keypoints(tmp_path, "dive.mp4")
    assert path is not None
    got = read_keypoints(path, "dive", (640, 480), FRAMES + 4)
    assert [len(frame.scores) for frame in got.frames] == [0, 0, *[1] * FRAMES, 0, 0]
    knee = COCO17.index("right_knee")
    np.testing.assert_allclose(got.frames[2].keypoints[0, knee], [*points[0, 2, :2], 1])
    assert [frame.keypoints[0, knee, 2] for frame in got.frames[2:7]] == [1, 0, 1, 0, 1]
    assert got.summary.startswith("TRC: ")


def two_people(folder: Path, unit: str) -> tuple[Path, Path]:
    """Sports2D's files of a video: the second person is further down and alone in the first frame."""
    (folder / "dive_Sports2D").mkdir(parents=True)
    first, second = places(), places() + np.array([0, 100, 0])
    first[0] = np.nan
    path = folder / f"dive_Sports2D/dive_Sports2D_{unit}_person00.trc"
    one, other = trc(path, first), trc(path.with_name(path.name.replace("00.", "02.")), second)
    return one, other


def test_a_second_person_of_sports2d_is_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Numbers may be missing: a person who is shown too briefly has no file."""
    one, other = two_people(tmp_path, "px")
    trc(tmp_path / "dive_Sports2D/other_Sports2D_px_person01.trc", places())
    assert find_keypoints(tmp_path, "dive.mp4") == one
    assert further_people(one) == [other]
    assert further_people(other) == []
    got = read_keypoints(one, "dive", (640, 480), FRAMES, [other])
    assert [len(frame.scores) for frame in got.frames] == [1, *[2] * (FRAMES - 1)]
    assert [len(frame.scores) for frame in read_keypoints(one, "dive", (640, 480), FRAMES).frames][:2] == [0, 1]
    record = Record("dive.mp4", tmp_path / "dive.mp4")
    given: dict[str, Any] = {"backend": "import", "import": {"dir": str(tmp_path)}}
    both = {"keypoints": one, "keypoints 2": other}
    assert Pose.reads_of(PoseConfig(agents=2, **given), record, StageFiles()) == both
    assert Pose.reads_of(PoseConfig(agents=1, **given), record, StageFiles()) == {"keypoints": one}


def test_agents_are_in_the_order_of_the_files(tmp_path: Path) -> None:
    one, other = two_people(tmp_path, "m")
    motion = read_motion(one, 2, others=[other])
    nose = motion.keypoints[:, :, COCO17.index("nose"), 1]
    expected = -places()[:, 9, 1:2] + [0, -100]
    expected[0, 0] = np.nan
    np.testing.assert_array_equal(nose, expected)
    assert motion.times is not None
    assert len(motion.times) == FRAMES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) - 60], r"line 10: \d+ cells, not 38"),
        (lambda text: text.replace("LShoulder", "Sternum"), "has other joints than dive_Sports2D_px_person00.trc"),
    ],
)
def test_a_damaged_file_of_a_second_person_is_named(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    one, other = two_people(tmp_path, "px")
    other.write_text(change(other.read_text()))
    with pytest.raises(DataError, match=message) as caught:
        read_keypoints(one, "dive", (640, 480), FRAMES, [other])
    assert caught.value.where == str(other)


def test_two_people_of_files_without_a_video_are_two_agents(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the readers are tested without it too")
    two_people(tmp_path / "set", "m")
    settings = {"dataset.root": str(tmp_path / "set"), "skeleton.agents": 2, "timesteps.secondary": ["skeleton:1"]}
    settings |= {"cache": str(tmp_path / "cache"), "work.workers": 0, "skeleton.smoothing_s": 0}
    assert api.extract(config="skeletons", overrides=settings).ok
    name = "dive_Sports2D/dive_Sports2D_m_person00.trc"
    points = read(output_of(tmp_path / "cache", "skeleton", name)).output.arrays["keypoints"].values
    assert points.shape == (FRAMES, 2, 17, 3)
    assert np.isfinite(points[1:, :, COCO17.index("nose"), 0]).all()


def test_flat_metres_have_y_down_as_a_picture_has(tmp_path: Path) -> None:
    motion = read_motion(trc(tmp_path / "dive_Sports2D_m_person00.trc", places(scale=0.01)), 1)
    nose = motion.keypoints[:, 0, COCO17.index("nose")]
    np.testing.assert_allclose(nose[:, :2], places(scale=0.01)[:, 9, :2] * [1, -1])
    np.testing.assert_allclose(motion.times, np.arange(FRAMES) / FPS)


@pytest.mark.parametrize(("unit", "metres"), [("m", 1.0), ("mm", 0.001)])
def test_three_dimensions_come_in_metres(tmp_path: Path, unit: str, metres: float) -> None:
    motion = read_motion(trc(tmp_path / "a.trc", places(depth=3), unit=unit), 1)
    hip = motion.keypoints[:, 0, COCO17.index("left_hip")]
    np.testing.assert_allclose(hip[:, :3], places(depth=3, scale=metres)[:, 5])
    with pytest.raises(DataError, match="in the unit 'furlong'"):
        read_motion(trc(tmp_path / "b.trc", places(depth=3), unit="furlong"), 1)
    path = trc(tmp_path / "b.trc", places(depth=3))
    with pytest.raises(DataError, match="three coordinates"):
        read_keypoints(path, "b", (640, 480), FRAMES)


@pytest.mark.parametrize("suffix", ["trc", "c3d"])
def test_the_unit_that_a_file_names_is_not_that_of_the_setting(tmp_path: Path, suffix: str) -> None:
    points = places(depth=3)
    (tmp_path / "set").mkdir()
    if suffix == "c3d":
        pytest.importorskip("c3d", reason="needs the extra c3d")
        path = c3d_file(tmp_path / "set/a.c3d", points, unit="cm")
    else:
        path = trc(tmp_path / "set/a.trc", points, unit="cm")
    settings = {"dataset.root": path.parent, "cache": tmp_path / "cache", "skeleton.unit": "mm", "work.workers": 0}
    assert api.extract(config="skeletons", overrides={**settings, "skeleton.smoothing_s": 0}).ok
    made = read(output_of(tmp_path / "cache", "skeleton", path.name)).output.arrays["keypoints"].values
    np.testing.assert_allclose(made[:, 0, COCO17.index("left_hip"), :3], 0.01 * points[:, 5], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("PathFileType", "Path"), "is no TRC file"),
        (lambda text: "\n".join(text.splitlines()[:5]), "has no frames"),
        (lambda text: text.replace("\t100.0\t", "\thundred\t"), "line 6: 'hundred' is no number"),
        (lambda text: text.rstrip("\n") + "\t7\n", "line 10: 39 cells, not 38"),
        (lambda text: text[: len(text) - 60], r"line 10: \d+ cells, not 38"),
        (lambda text: text.replace("LShoulder", "RShoulder"), "the marker 'RShoulder' appears twice"),
        (lambda text: text.replace("0\t0.0\t", "\t\t", 1), "a frame without number and time"),
    ],
)
def test_a_damaged_trc_is_named(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    path = trc(tmp_path / "a.trc", places())
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=message) as caught:
        read_motion(path, 1)
    assert caught.value.where == str(path)


def c3d_file(path: Path, points: NDArray[np.float64], names: list[str] = NAMES, unit: str = "mm") -> Path:
    """A C3D file by ezc3d; its NaN are missing markers."""
    ezc3d = pytest.importorskip("ezc3d", reason="needs: python -m pip install ezc3d")
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"], point["LABELS"]["value"], point["UNITS"]["value"] = [FPS], names, [unit]
    file["data"]["points"] = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2).transpose(2, 1, 0)
    file.write(str(path))
    return path


def test_c3d_of_motion_capture_is_read_in_metres(tmp_path: Path) -> None:
    pytest.importorskip("c3d", reason="needs the extra c3d")
    points = places(depth=3)
    points[2, 6] = np.nan
    motion = read_motion(c3d_file(tmp_path / "a.c3d", points), 1)
    knee = motion.keypoints[:, 0, COCO17.index("left_knee")]
    np.testing.assert_allclose(knee[[0, 1, 3, 4], :3], points[[0, 1, 3, 4], 6] / 1000, rtol=1e-6)
    assert knee[:, 3].tolist() == [1, 1, 0, 1, 1]
    assert motion.times is not None
    np.testing.assert_allclose(motion.times, np.arange(FRAMES) / FPS, rtol=1e-6)
    assert motion.summary.startswith("C3D: ")


def test_markers_of_two_people_are_two_people(tmp_path: Path) -> None:
    pytest.importorskip("c3d", reason="needs the extra c3d")
    names = [f"{person}:{name}" for person in ("Anna", "Ben") for name in NAMES]
    points = np.concatenate([places(depth=3), places(depth=3, scale=2)], axis=1)
    motion = read_motion(c3d_file(tmp_path / "a.c3d", points, names, "m"), 2)
    np.testing.assert_allclose(motion.keypoints[:, 1, :, :3], 2 * motion.keypoints[:, 0, :, :3])


def where_of_refusal(path: Path) -> str | None:
    """The file that the error names; None where the file can be read."""
    try:
        read_motion(path, 1)
    except DataError as error:
        return error.where
    return None


def test_a_damaged_c3d_is_named(tmp_path: Path) -> None:
    pytest.importorskip("c3d", reason="needs the extra c3d")
    whole = c3d_file(tmp_path / "a.c3d", places(depth=3)).read_bytes()
    rng = np.random.default_rng(0)
    spoilt = [whole[:length] for length in (0, 1, 600, len(whole) - 700)]
    for _ in range(40):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), 20):
            content[place] = rng.integers(256)
        spoilt.append(bytes(content))
    refused = 0
    for content in spoilt:
        path = tmp_path / "b.c3d"
        path.write_bytes(content)
        refused += where_of_refusal(path) == str(path)
    assert refused >= 14  # bytes of places and of unused parameters may be any


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "c3d", None)
    (tmp_path / "a.c3d").write_bytes(b"\2\x50")
    with pytest.raises(UsageError, match=r"needs the package 'c3d'.*\[c3d\]"):
        read_motion(tmp_path / "a.c3d", 1)
