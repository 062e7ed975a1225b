"""Kinematics files of JIGSAWS, whole and damaged."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.datasets.jigsaws_kinematics import parse_kinematics
from data.errors import DataError

ROW = " ".join(f"{value:.6f}" for value in np.linspace(-1, 1, 76))
SAME_FOLDER = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@SAME_FOLDER
@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=76, max_size=76), min_size=1, max_size=4),
    st.sampled_from([" ", "\t", "   "]),
    st.sampled_from(["\n", "\r\n", " \r\n  "]),
)
def test_kinematics_round_trip(tmp_path, rows, blank, end):
    text = end.join(blank.join(repr(value) for value in row) for row in rows)
    np.testing.assert_array_equal(parse_kinematics(write(tmp_path / "k.txt", text)), np.array(rows))


@SAME_FOLDER
@given(
    st.integers(0, 2),
    st.integers(0, 75),
    st.sampled_from(["nan", "x", "0x1", "1,5", "1e999", "1_0", "\u0661"]),
)
def test_a_bad_cell_is_named_by_line_and_column(tmp_path, row, column, bad):
    cells = [ROW.split() for _ in range(3)]
    cells[row][column] = bad
    path = write(tmp_path / "k.txt", "\n".join(" ".join(line) for line in cells) + "\n")
    with pytest.raises(DataError) as caught:
        parse_kinematics(path)
    assert caught.value.where == f"{path}:{row + 1}"
    assert f"column {column + 1} " in caught.value.what
