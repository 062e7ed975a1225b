"""Lists of AQA-7 in MATLAB's files of every class, and those that cannot be read."""

import numpy as np
import pytest
import scipy.io

from data.datasets.aqa7 import read_list
from data.errors import DataError


@pytest.mark.parametrize(
    ("content", "words"), [(b"MATLAB 7.3 MAT-file, not really", "not a MATLAB 5 file"), (b"", "not a MATLAB 5 file")]
)
def test_another_file_is_named(tmp_path, content, words):
    (tmp_path / "list.mat").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_list(tmp_path / "list.mat", "list")


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
@pytest.mark.parametrize("compress", [False, True])
def test_any_numeric_class_reads_as_scipy_wrote_it(tmp_path, dtype, compress):
    rows = np.array([[1, 1, 81], [6, 91, 75], [3, 7, 39]], dtype=dtype)
    path = tmp_path / "list.mat"
    scipy.io.savemat(path, {"before": [[1]], "s": {"x": 1}, "list": rows, "t": "text"}, do_compression=compress)
    np.testing.assert_array_equal(read_list(path, "list"), rows)


def test_a_list_that_inflates_without_end_is_refused(tmp_path):
    path = tmp_path / "list.mat"
    scipy.io.savemat(path, {"list": np.zeros((3_000_000, 3))}, do_compression=True)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="too large"):
        read_list(path, "list")
