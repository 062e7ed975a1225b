"""Time stamps of a Kinect: the clock of frames, gaps however long, and damaged files."""

import numpy as np
import pytest

from data.errors import DataError
from data.keypoints import read_motion
from data.keypoints.skeletons import SKELETONS
from data.keypoints.time_stamps import read_stamps

TICKS = 333_333
DAY = 86_400 * 10_000_000
KNEE = 14
"""COCO's right knee."""


def recording(folder, ticks, frames=None):
    """A table of joints whose right knee is at x = k in frame k, and its stamps, of which two are in one row."""
    rows = []
    for frame in range(len(ticks) if frames is None else frames):
        row = np.tile([0.5, 0.25, 2.0, 2.0], (25, 1))
        row[SKELETONS["KIMORE"].index("KneeRight"), 0] = frame
        rows.append(",".join(f"{value:g}" for value in row.ravel()) + ",\n")
    joints, stamps = folder / "JointPosition1.csv", folder / "TimeStamp1.csv"
    joints.write_text("".join(rows))
    first, second, *rest = ticks
    stamps.write_text("\n\n" + "".join([f"{first},{second},\n", *(f"{tick},\n" for tick in rest)]))
    return joints, stamps


def knee(joints, stamps):
    """Times in s and x of the knee."""
    motion = read_motion(joints, time_stamps=stamps)
    assert motion.times is not None
    return motion.times.tolist(), motion.over_time(1)[:, 0, KNEE, 0].tolist()


def test_frames_are_at_their_stamps(tmp_path):
    ticks = [6_350_000_000_000 + tick for tick in (0, 333_333, 660_000, 1_000_000, 1_400_000)]
    times, xs = knee(*recording(tmp_path, ticks))
    np.testing.assert_allclose(times, [0, 0.0333333, 0.066, 0.1, 0.14])
    assert xs == [0, 1, 2, 3, 4]
    assert len(knee(*recording(tmp_path, [0, TICKS, 2 * TICKS, 4 * TICKS]))[0]) == 4, "two frames are not a gap"


@pytest.mark.parametrize("length", [3 * TICKS, 3 * DAY])
def test_nobody_is_observed_in_a_gap_of_any_length(tmp_path, length):
    ticks = [0, TICKS, 2 * TICKS, 2 * TICKS + length, 3 * TICKS + length]
    times, xs = knee(*recording(tmp_path, ticks))
    period, end = TICKS * 1e-7, (2 * TICKS + length) * 1e-7
    np.testing.assert_allclose(times, [0, period, 2 * period, 3 * period, end - period, end, end + period])
    np.testing.assert_array_equal(xs, [0, 1, 2, np.nan, np.nan, 3, 4])


def test_repeated_stamps_and_frames_without_one_are_left_out(tmp_path):
    joints, stamps = recording(tmp_path, [0, TICKS, TICKS, 2 * TICKS], frames=6)
    assert knee(joints, stamps)[1] == [0, 1, 3]
    assert "without 2 frames that have no time stamp" in read_motion(joints, time_stamps=stamps).layout
    assert knee(*recording(tmp_path, [0, TICKS, 2 * TICKS], frames=2))[1] == [0, 1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "has 0 time stamps"),
        ("5,\n", "has 1 time stamps"),
        ("0,\nnan,\n", "one that is not finite"),
        ("0,\nabc,\n", "is not a table of time stamps"),
        ("0,\n\N{DEGREE SIGN},\n", "is not a table of time stamps"),
        ("0,\n333333,\n222222,\n", "time stamp 3 is before the one above it"),
        ("0,\n33,\n67,\n", "their unit is not 100 ns"),
        ("7,\n7,\n7,\n", "their unit is not 100 ns"),
    ],
)
def test_damaged_stamps_are_named(tmp_path, text, what):
    path = tmp_path / "TimeStamp1.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=what):
        read_stamps(path)
