"""Keypoint files as the only input: reading, 3-D channels, units, axes and gaps."""

import csv

import numpy as np
import pytest

from data.errors import DataError
from data.keypoints import read_keypoints, read_motion
from data.keypoints.skeletons import COCO17
from data.store import hdf5 as store
from extractors.timesteps.pose_channels import pose_channels
from extractors.timesteps.pose_points import PoseSettings
from pipeline import api
from synthetic.tiny_published import make_kimore
from tests.helpers.cached_outputs import output_of
from tests.helpers.drawn_people import BODY
from tests.helpers.made_outputs import skeleton_of

FORMS = PoseSettings(forms=("place", "camera", "body", "velocity", "angle"))
STANDING = [0, 0.9] - 0.01 * BODY
"""(17, 2) metres, x to the person's left, y up."""


def moving(count=40, seed=0, amplitude=0.1):
    """(count, 17, 3) metres: a person who walks and sways."""
    rng = np.random.default_rng(seed)
    body = np.column_stack([STANDING, np.zeros(17)])
    phase = np.arange(count)[:, None, None] / 8 + rng.uniform(0, 6, (1, 17, 3))
    return body + amplitude * np.sin(phase) + np.arange(count)[:, None, None] * np.array([0.01, 0, 0.02])


def write(path, points, **columns):
    """A CSV of named columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = "xyz"[: points.shape[-1]]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*columns, *(f"{name}_{axis}" for name in COCO17 for axis in axes)])
        for row, frame in enumerate(points):
            writer.writerow([*(values[row] for values in columns.values()), *frame.ravel()])  # type: ignore[index]
    return path


def test_a_flat_body_has_the_channels_of_a_picture():
    points = moving() * [1, 1, 0]
    (flat,), (picture,) = (
        pose_channels(skeleton_of(p), [0], FORMS) for p in (points, points[..., :2] * np.array([-1.0, -1.0]))
    )
    for name in picture.names:
        ours = "torso.turn_speed" if name == "torso.turn" else name
        values, weight = picture.column(name)
        sideways = name.endswith((".x", ".vx"))  # the picture shows the person from the front: left is right
        expected = np.abs(values) if name == "torso.turn" else -values if sideways else values
        np.testing.assert_allclose(flat.column(ours)[0], expected, atol=2e-5, err_msg=name)
        np.testing.assert_allclose(flat.column(ours)[1], weight, atol=1e-6, err_msg=name)
    assert {name.rpartition(".")[0] for name in flat.names} == {name.rpartition(".")[0] for name in picture.names}


def test_files_are_read_with_their_times_and_people(tmp_path):
    points = np.concatenate([moving(6), moving(6, seed=1)])
    frames, people = [*range(6), *range(6)], ["b"] * 6 + ["a"] * 6
    path = write(tmp_path / "two.csv", points, frame=frames, time=[0.5 + f / 50 for f in frames], person=people)
    motion = read_motion(path)
    keypoints = motion.over_time(3)
    assert keypoints.shape == (6, 3, 17, 4)
    np.testing.assert_allclose(keypoints[:, 0, :, :3], points[:6])
    np.testing.assert_allclose(keypoints[:, 1, :, :3], points[6:])
    assert np.isnan(keypoints[:, 2, :, :3]).all()
    np.testing.assert_allclose(motion.times, 0.5 + np.arange(6) / 50)
    with pytest.raises(DataError, match="three coordinates a joint"):
        read_keypoints(path, "two", (100, 100), 6)


@pytest.mark.parametrize("time", [1, "nan"])
def test_times_that_do_not_ascend_are_refused(tmp_path, time):
    with pytest.raises(DataError, match="the times do not ascend"):
        read_motion(write(tmp_path / "a.csv", moving(4), time=[0, 1, time, 2]))


def test_units_axes_and_gaps(tmp_path):
    points = moving(30)
    holed = points[:, :, [0, 2, 1]] * np.array([1000, -1000, 1000])  # millimetres, z up
    holed[10:13] = np.nan
    write(tmp_path / "set/a.csv", holed, time=np.arange(30) / 60)
    write(tmp_path / "set/b.csv", points)
    (tmp_path / "set/scores.csv").write_text("video,score\na.csv,3\nb.csv,4\n")
    settings = {
        "dataset.root": str(tmp_path / "set"), "cache": str(tmp_path / "cache"), "skeleton.unit": "mm",
        "skeleton.up": "z", "skeleton.smoothing_s": 0, "work.workers": 0,
    }  # fmt: skip
    assert api.extract(config="skeletons", overrides=settings).ok
    arrays = store.read(output_of(tmp_path / "cache", "skeleton", "a.csv")).output.arrays
    kept = np.r_[0:10, 13:30]
    np.testing.assert_allclose(arrays["keypoints"].values[kept, 0, :, :3], points[kept], atol=1e-5)
    np.testing.assert_allclose(arrays["time"].values, np.arange(30) / 60)
    assert arrays["filled"].values[:, 0].nonzero()[0].tolist() == [10, 11, 12]
    assert np.isfinite(arrays["keypoints"].values).all()
    steps = store.read(output_of(tmp_path / "cache", "timesteps", "a.csv")).output.arrays
    assert "body.left_wrist.z.mean" in steps["primary"].names
    assert steps["secondary"].names[:2] == ("centre_x.mean", "centre_x.std")


def test_a_gap_in_the_time_stamps_of_kimore_is_unobserved_and_flagged(tmp_path):
    """The second person's recordings of 20 frames at 30 a second miss .7 s in the middle."""
    make_kimore(tmp_path / "set", count=2)
    settings = {"dataset.root": str(tmp_path / "set"), "cache": str(tmp_path / "cache"), "work.workers": 0}
    assert api.extract(config="kimore", overrides=settings).ok
    for person, observed, pause in (("CG/Expert/E_ID1", 1.0, 0.033), ("GPP/Stroke/S_ID1", 20 / 41, 0.667)):
        name = f"{person}/Es1/Raw/JointPosition010101.csv"
        time = store.read(output_of(tmp_path / "cache", "skeleton", name)).output.arrays["time"].values
        assert time[-1] == pytest.approx((19 + 21 * (observed < 1)) / 30, abs=1e-3)
        quality = store.read(output_of(tmp_path / "cache", "timesteps", name)).output.quality
        assert quality["observed_primary"] == pytest.approx(observed, abs=0.03)
        assert quality["longest_pause_s"] == pytest.approx(pause, abs=2e-3)
