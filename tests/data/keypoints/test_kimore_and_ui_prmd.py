"""Tables of Kinect joints: a broken row is a missing frame, or an error that names the row."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from data.datasets.listing import list_records
from data.errors import DataError
from data.keypoints import read_motion
from data.keypoints.kimore_and_ui_prmd import PARENTS, absolute_positions
from data.keypoints.skeletons import SKELETONS
from synthetic.tiny_published import make_kimore, make_ui_prmd

HIP = 11


@pytest.fixture(scope="module")
def kimore(tmp_path_factory):
    """A file of KIMORE whose row 3 holds the frames 3 and 4."""
    folder = make_kimore(tmp_path_factory.mktemp("kimore"), count=1, frames=8)
    return next(folder.rglob("Es1/Raw/*.csv"))


@pytest.fixture(scope="module")
def ui_prmd(tmp_path_factory):
    """Positions and angles of one movement."""
    record = list_records("ui-prmd", make_ui_prmd(tmp_path_factory.mktemp("ui"), count=1, frames=8)).records[-1]
    return record.sidecars["keypoints"], record.sidecars["angles"]


def person(path, *more):
    """(frame, 17, 4) of the only person."""
    return read_motion(path, *more).over_time(1)[:, 0]


def changed(path, target, row, cells=None, first="", column=0):
    """A copy in which a row has only so many cells, or another cell in a column."""
    lines = path.read_text().splitlines()
    parts = lines[row].split(",")
    parts[column] = first or parts[column]
    lines[row] = ",".join(parts[:cells])
    target.write_text("\n".join(lines) + "\n")
    return target


@pytest.mark.parametrize(
    ("row", "cells", "gone"),
    [(0, 40, [0]), (0, 99, [0]), (3, 199, [3, 4]), (3, 160, [3, 4]), (4, 1, [5]), (6, 60, [7])],
)
def test_a_row_of_another_length_is_a_missing_frame_wherever_it_is(kimore, tmp_path, row, cells, gone):
    whole = person(kimore)
    np.testing.assert_allclose(whole[0, HIP], [0.10, -0.03, 0, 1], atol=1e-6)
    got = person(changed(kimore, tmp_path / "k.csv", row, cells))
    assert got.shape == whole.shape == (8, 17, 4)
    missing = np.isnan(got[:, HIP, 0])
    assert missing.nonzero()[0].tolist() == gone
    np.testing.assert_array_equal(got[~missing], whole[~missing])


def test_an_odd_cell_hides_no_layout_and_an_empty_one_is_a_missing_joint(kimore, tmp_path):
    for cell in ("1.2e-05", "-3E-7", "NaN", "inf"):
        for row in (0, 5):
            assert not np.isnan(person(changed(kimore, tmp_path / "k.csv", row, first=cell))[:, HIP, 0]).any()
    place = 4 * SKELETONS["KIMORE"].index("HipLeft") + 1
    hips = person(changed(kimore, tmp_path / "k.csv", 1, first=" ", column=place))[:, HIP : HIP + 2, 0]
    assert np.argwhere(np.isnan(hips)).tolist() == [[1, 0]]


def test_a_table_of_mostly_broken_rows_is_no_kimore(kimore, tmp_path):
    lines = kimore.read_text().splitlines()
    (tmp_path / "k.csv").write_text("\n".join([*lines[:1], *(line[:200] for line in lines[1:])]))
    with pytest.raises(DataError, match="unknown layout"):
        read_motion(tmp_path / "k.csv")


def test_positions_need_angles_of_their_length_and_become_metres(ui_prmd, tmp_path):
    positions, angles = ui_prmd
    hips = person(positions, angles)[0, HIP : HIP + 2, :3]  # after a turn by 90 degrees
    np.testing.assert_allclose(hips, [[0, -0.03, -0.10], [0, -0.03, 0.10]], atol=1e-6)
    with pytest.raises(DataError, match="no file of angles"):
        read_motion(positions)
    short, lines = tmp_path / "a.txt", angles.read_text().splitlines(keepends=True)
    for content, words in (
        (lines[1:], "has 7 rows, the positions have 8"),
        (["\n\n"], "is empty"),
        ([*lines[:7], lines[7][:30]], r"row 8: \d numbers, not 66"),
        ([lines[0], "x" + lines[1], *lines[2:]], "row 2: could not convert"),
        ([lines[0], "\N{DEGREE SIGN}", *lines[1:]], "row 2: could not convert"),
    ):
        short.write_text("".join(content))
        with pytest.raises(DataError, match=words) as caught:
            read_motion(positions, short)
        assert caught.value.where == str(short)


@pytest.mark.parametrize("cell", ["nan", "inf", "1e308"])
def test_a_missing_number_costs_only_its_frame(ui_prmd, tmp_path, cell):
    positions, angles = ui_prmd
    whole, got = person(positions, angles), person(changed(positions, tmp_path / "p.txt", 2, first=cell), angles)
    np.testing.assert_array_equal(np.delete(got, 2, axis=0), np.delete(whole, 2, axis=0))
    assert not (got[2, HIP] == whole[2, HIP]).all()


def test_places_in_the_room_follow_each_parent_by_hand():
    """A joint's offset is turned by those from the beginning of its chain to its parent."""
    rng = np.random.default_rng(0)
    places, degrees = rng.normal(0, 20, (3, 22, 3)), rng.uniform(-90, 90, (3, 22, 3))
    expected, turns = (
        places.copy(),
        [Rotation.from_euler("xyz", joint, degrees=True) for joint in degrees.swapaxes(0, 1)],
    )
    axes = {}
    for joint in range(1, 22):
        parent = PARENTS[joint]
        is_first = joint in (6, 10, 14, 18) or parent == 0
        axes[joint] = turns[parent] if is_first else axes[parent] * turns[parent]
        expected[:, joint] = expected[:, parent] + axes[joint].apply(places[:, joint])
    np.testing.assert_allclose(absolute_positions(places, degrees), expected, atol=1e-9)
