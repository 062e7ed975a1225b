"""The kinematics stage: channels, units, pairing, derivatives, time and mismatch with the video."""

import threading
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError, VideoError
from data.stage_files import StageFiles
from data.video.records import Record
from extractors.kinematics.stage import Kinematics, KinematicsConfig
from pipeline.run.decode_pass import DecodePass, StageSource
from pipeline.settings.config import load_config

FILES = StageFiles()


class Unopened(StageSource):
    """A source without pictures, whose video has the given frame times, or cannot be opened."""

    def __init__(self, record, times=None):
        super().__init__(DecodePass(record, (), threading.Event()), "kinematics", {})
        self._times = times

    @property
    def times(self):
        if self._times is None:
            raise VideoError("cannot be opened")
        return self._times


def block(position, gripper=0.5):
    """19 columns at 30 Hz of a tool that moves along `position` (row, 3) without turning."""
    rows = len(position)
    rotation = np.tile(np.eye(3).ravel(), (rows, 1))
    velocity = np.gradient(position, 1 / 30, axis=0)
    angle = np.broadcast_to(gripper, rows)[:, None]
    return np.concatenate([position, rotation, velocity, np.zeros((rows, 3)), angle], axis=1)


def wander(rows, seed):
    """A smooth trajectory (row, 3) in metres."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows)[:, None] / 30
    return np.asarray(0.02 * np.sin(2 * np.pi * rng.uniform(0.2, 1, 3) * t + rng.uniform(0, 6, 3)))


def robot(rows=120):
    """(rows, 76) in file order; the slaves follow the masters crosswise."""
    left, right = wander(rows, 1), wander(rows, 2)
    return np.concatenate([block(p) for p in (left, right, 0.3 * right, 0.3 * left)], axis=1)


def run(tmp_path, rows, times=None, video=False, **config):
    path = tmp_path / "k.txt"
    np.savetxt(path, rows, fmt="%.12g")
    record = Record("v.avi", Path("v.avi") if video else None, sidecars={"kinematics": path})
    return Kinematics(KinematicsConfig(**config), FILES).extract(Unopened(record, times))  # type: ignore[arg-type]


def test_the_preset_of_the_paper_takes_the_76_columns_with_the_handles_at_the_slaves(tmp_path):
    """Section 3.1: the masters' tool-tips are primary, the slaves' tool-tips and the handles secondary."""
    config = load_config("jigsaws-paper").method.stage("kinematics")
    rows = np.arange(3 * 76, dtype=np.float64).reshape(3, 76) / 100
    output = run(tmp_path, rows, **config.model_dump())
    Kinematics.promise(KinematicsConfig(**config.model_dump()), 101).check(output)
    master, slave = output.arrays["master"], output.arrays["slave"]
    nothing = np.full((3, 2), np.nan)
    left, right, right_slave, left_slave = (rows[:, first : first + 19] for first in (0, 19, 38, 57))
    masters = [left[:, :18], nothing, right[:, :18], nothing]
    slaves = [left_slave, left[:, 18:], right_slave, right[:, 18:]]
    np.testing.assert_allclose(master.values, np.concatenate(masters, axis=1), rtol=1e-6)
    np.testing.assert_allclose(slave.values, np.concatenate(slaves, axis=1), rtol=1e-6)
    assert slave.names == master.names, "the transformation maps as many numbers as it gives, as in the paper"
    assert slave.names[18:20] == ("left_gripper_rad", "left_handle_rad")


def test_by_default_a_slave_is_paired_with_the_master_it_follows(tmp_path):
    output = run(tmp_path, robot())
    first = output.arrays["master"].names.index("left_x_m")
    master, slave = (output.arrays[name].values[:, first : first + 3] for name in ("master", "slave"))
    np.testing.assert_allclose(slave, 0.3 * master, atol=1e-6)


def test_derivatives_are_those_of_a_known_motion(tmp_path):
    t = np.arange(300) / 30
    radius, omega = 0.05, 2.0
    circle = np.stack([radius * np.cos(omega * t), radius * np.sin(omega * t), 0 * t], axis=1)
    rows = np.concatenate([block(circle, 0.2 * t), block(0 * circle), block(0 * circle), block(circle)], axis=1)
    rows[:, 12:15] = radius * omega * np.stack([-np.sin(omega * t), np.cos(omega * t), 0 * t], axis=1)
    rows[:, 15:18] = [0.0, 3.0, 4.0]
    master = run(tmp_path, rows, smoothing_s=0.03).arrays["master"]
    values = {name: master.values[15:-15, i] for i, name in enumerate(master.names)}
    for name, expected in (
        ("left_speed_m_s", radius * omega),
        ("left_turning_rad_s", 5.0),
        ("left_acceleration_m_s2", radius * omega**2),
        ("left_jerk_m_s3", radius * omega**3),
        ("left_gripper_speed_rad_s", 0.2),
        ("right_speed_m_s", 0.0),
        ("hands_distance_m", radius),
        ("hands_approach_m_s", 0.0),
        ("hands_balance", 1.0),
    ):
        np.testing.assert_allclose(values[name], expected, rtol=0.02, atol=1e-5, err_msg=name)


def test_the_mismatch_with_the_video_is_reported(tmp_path):
    for frames, mismatch in ((130, False), (90, True)):
        assert run(tmp_path, robot(), np.arange(frames) / 30, video=True).quality["video_mismatch"] is mismatch
    assert "video_mismatch" not in run(tmp_path, robot(), None, video=True).quality


def test_impossible_numbers_are_refused(tmp_path):
    rows = robot(4)
    rows[1, 12] = 1e300
    with pytest.raises(DataError, match="too large"):
        run(tmp_path, rows)


def test_position_and_velocity_are_always_stored():
    off = dict.fromkeys(("gripper", "speed", "acceleration", "jerk", "gripper_motion", "bimanual"), False)
    assert KinematicsConfig(rotation="none", **off).groups() == ("position", "velocity")
