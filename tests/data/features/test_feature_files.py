"""Files of features as NumPy, HDF5, pickle and MATLAB write them, and damaged ones."""

import pickle

import h5py
import numpy as np
import pytest
import scipy.io

from data.errors import DataError
from data.features import read_features
from data.features.feature_files import array_names


def named():
    rng = np.random.default_rng(0)
    return {f"Ball_{n:03d}": rng.normal(size=(5 + n, 4)).astype(np.float32) for n in (1, 2)}


def write_dictionary(path, arrays):
    np.save(path, arrays, allow_pickle=True)  # type: ignore[arg-type]


def write_pickle(path, arrays):
    path.write_bytes(pickle.dumps(arrays))


def write_npz(path, arrays):
    np.savez_compressed(path, **arrays)


def write_groups(path, arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[f"{name}/features"] = values


def write_datasets(path, arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip")


def write_matlab(path, arrays):
    scipy.io.savemat(path, {**arrays, "about": "text is left out"}, do_compression=True)


def write_matlab_7_3(path, arrays):
    """As MATLAB writes it: its own first line, and the axes of each array reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = values.T
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


def write_tensors(path, arrays):
    torch, of_numpy = (pytest.importorskip(name, reason="reads tensors") for name in ("torch", "safetensors.numpy"))
    if path.suffix == ".pth":
        torch.save({name: torch.tensor(values) for name, values in arrays.items()}, path)
    else:
        of_numpy.save_file(arrays, path)


def write_pickled_tensors(path, arrays):
    torch = pytest.importorskip("torch", reason="reads tensors")
    path.write_bytes(pickle.dumps({name: torch.tensor(values) for name, values in arrays.items()}))


WRITERS = [
    ("tensors.pkl", write_pickled_tensors),
    ("FISV_rgb_VST.npy", write_dictionary),
    ("all.pkl", write_pickle),
    ("all.npz", write_npz),
    ("all.h5", write_groups),
    ("all.hdf5", write_datasets),
    ("all.pth", write_tensors),
    ("all.safetensors", write_tensors),
    ("all.mat", write_matlab),
    ("v73.mat", write_matlab_7_3),
]


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=[name for name, _ in WRITERS])
def test_each_kind_of_file_gives_the_arrays_that_were_written(tmp_path, name, write):
    path, arrays = tmp_path / name, named()
    write(path, arrays)
    assert array_names(path) == ("Ball_001", "Ball_002")
    for key, values in arrays.items():
        assert np.array_equal(read_features(path, key), values)
    content = path.read_bytes()
    with pytest.raises(DataError, match=r"no such array.*It has Ball_001, Ball_002"):
        read_features(path, "Ball_003")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=name):
        read_features(path, "Ball_001")


@pytest.mark.parametrize("shape", [(7, 4), (4,), (7, 3, 4), (1, 7, 4), (1, 1, 4), (0, 4), ()])
def test_rows_are_clips_and_tokens_are_averaged(tmp_path, shape):
    path, values = tmp_path / "1.npy", np.random.default_rng(1).normal(size=shape)
    np.save(path, values)
    assert array_names(path) == ("",)
    if not values.size or not shape:
        with pytest.raises(DataError, match="an array of shape"):
            read_features(path)
        return
    wanted = values.mean(1) if shape == (7, 3, 4) else values.reshape(-1, 4)
    assert np.allclose(read_features(path), wanted, atol=1e-6)


def test_keys_of_two_numbers_are_read(tmp_path):
    write_pickle(tmp_path / "a.pkl", {(1, 20): np.ones(4), 7: np.ones(4)})
    assert array_names(tmp_path / "a.pkl") == ("1/20", "7")


def test_a_pickle_runs_no_code_and_holds_no_objects(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, {"a": np.array([{"b": 1}, {"c": 2}])}, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="array of objects"):
        array_names(path)
    write_pickle(tmp_path / "p.pkl", {"a": print})  # type: ignore[dict-item]
    with pytest.raises(DataError, match=r"builtins\.print"):
        array_names(tmp_path / "p.pkl")


def test_one_array_a_file_has_no_name(tmp_path):
    """As FineFS pickles it, and as torch saves, or Python pickles, a tensor of any precision."""
    torch = pytest.importorskip("torch", reason="reads tensors")
    write_pickle(tmp_path / "a.pkl", [np.ones(3), np.zeros(3)])  # type: ignore[arg-type]
    torch.save(torch.tensor([[1.0] * 3, [0.0] * 3], dtype=torch.bfloat16), tmp_path / "a.pt")
    write_pickle(tmp_path / "b.pt", torch.tensor([[1.0] * 3, [0.0] * 3]))
    torch.save(
        torch.ones(1, 2, 3) * torch.tensor([[1.0], [0.0]]), tmp_path / "c.pkl", _use_new_zipfile_serialization=False
    )
    for name in ("a.pkl", "a.pt", "b.pt", "c.pkl"):
        assert read_features(tmp_path / name).tolist() == [[1.0] * 3, [0.0] * 3]
    torch.save(print, tmp_path / "code.pt")
    with pytest.raises(DataError, match=r"code\.pt: the features cannot be read"):
        array_names(tmp_path / "code.pt")


def test_values_that_are_no_numbers_are_counted(tmp_path):
    values = np.ones((3, 4))
    values[1, 2] = np.nan
    np.save(tmp_path / "1.npy", values)
    with pytest.raises(DataError, match="1 of 12 values are not finite numbers"):
        read_features(tmp_path / "1.npy")
    np.save(tmp_path / "text.npy", np.array(["a"]))
    with pytest.raises(DataError, match=r"text\.npy"):
        read_features(tmp_path / "text.npy")


def test_datasets_outside_the_file_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (8,), "f8", external=[(tmp_path / "secret", 0, 64)])
        file["b"] = np.ones((2, 3))
        file["c"] = h5py.ExternalLink("other.h5", "/c")
    assert array_names(tmp_path / "a.h5") == ("a", "b")
    with pytest.raises(DataError, match="'a' is not stored in the file itself"):
        read_features(tmp_path / "a.h5", "a")
