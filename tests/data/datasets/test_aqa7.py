"""AQA-7 lists: official names, duplicates, contradictions, damaged .mat files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from data.datasets.aqa7 import list_aqa7, read_list
from data.errors import DataError, UsageError

TRAIN = [[1, 1, 8150], [1, 2, 4500], [3, 7, 3975], [1, 1, 8150]]
TEST = [[1, 3, 10260], [6, 91, 7566]]


def save(root: Path, side: str, rows: object, name: str | None = None) -> Path:
    path = root / "Split_4" / f"split_4_{side}_list.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {name or f"consolidated_{side}_list": rows})
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    save(tmp_path, "train", np.array(TRAIN, dtype=np.float64))
    save(tmp_path, "test", np.array(TEST, dtype=np.float64))
    for name in ("diving/001", "diving/002", "diving/003", "ski_big_air/007", "sync_diving_10m/091"):
        path = tmp_path / "Actions" / f"{name}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"frames")
    return tmp_path


@pytest.mark.parametrize(
    "rows",
    [
        np.array([["x", "y", "z"]], dtype=object),
        np.zeros((0, 3)),
        np.zeros((3, 4)),
        *([[row]] for row in ((0, 1, 5), (7, 1, 5), (1.5, 1, 5), (1, 0, 5), (1, 1, np.nan), (1, 1, -3))),
    ],
)
def test_impossible_lists_are_refused(root: Path, rows: object) -> None:
    path = save(root, "train", rows)
    with pytest.raises(DataError) as caught:
        read_list(path, "consolidated_train_list")
    assert caught.value.where == str(path)


def test_wrong_variable_wrong_file_and_wrong_folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(DataError, match="no real numeric matrix"):
        read_list(save(root, "train", np.array(TRAIN), name="other"), "consolidated_train_list")
    path = root / "Split_4" / "split_4_train_list.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, not really")
    with pytest.raises(DataError, match="not a MATLAB 5 file"):
        list_aqa7(root)
    with pytest.raises(UsageError, match="Give the folder that holds Actions and Split_4"):
        list_aqa7(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
@pytest.mark.parametrize("compress", [False, True])
def test_any_numeric_class_reads_as_scipy_wrote_it(tmp_path: Path, dtype: str, compress: bool) -> None:
    rows = np.array([[1, 1, 81], [6, 91, 75], [3, 7, 39]], dtype=dtype)
    path = tmp_path / "list.mat"
    scipy.io.savemat(path, {"before": [[1]], "s": {"x": 1}, "list": rows, "t": "text"}, do_compression=compress)
    np.testing.assert_array_equal(read_list(path, "list"), rows)


def test_a_list_that_inflates_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.mat"
    scipy.io.savemat(path, {"list": np.zeros((3_000_000, 3))}, do_compression=True)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="too large"):
        read_list(path, "list")
