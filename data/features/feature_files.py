"""Reads arrays of features: NumPy, HDF5, MATLAB, tensors of torch, and pickled arrays.

| file | arrays |
|---|---|
| `.npy` | one; or a dictionary of arrays, as `numpy.save` writes it |
| `.npz` | one for each member |
| `.h5`, `.hdf5` | one for each dataset; a last component shared by all paths is left out |
| `.pkl`, `.pickle`, `.pt`, `.pth` | one, or a dictionary of them, as arrays or tensors; no pickle is run |
| `.safetensors` | one for each tensor |
| `.mat` | one for each numeric matrix, MATLAB 5 to 7.3 |
| `.mot`, `.sto` | one, such as the joint angles of OpenSim, OpenCap and Sports2D without their times |

An array has the axes (row, dims), where a row is a frame or a clip; (dims) is one row. Leading axes of length 1 are
dropped. Axes in between, such as the tokens of a transformer, are averaged.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.matlab import read_matrices
from data.datasets.tables import clip
from data.errors import AimError, DataError
from data.features.motion_tables import motion_table
from data.store.arrays import Singles
from data.store.files import open_regular, read_regular
from data.store.hdf5 import dataset_paths, read_dataset
from data.store.numpy_reading import MAX_ARRAY_BYTES, Arrays, numpy_arrays, numpy_header
from data.store.restricted_pickle import TORCH_MAGIC, load_plain

MAX_FILE_BYTES = 1 << 34
"""Larger files of features are refused."""

NUMBERS = "fiub"
"""Kinds of NumPy types that are numbers."""

OF_TORCH = (b"PK", TORCH_MAGIC)
"""First bytes of the files that `torch.save` writes, now and once; other pickles are plain."""

MATLAB_HDF5 = b"MATLAB 7.3 MAT-file"

MOST_NAMES = 100_000
"""Most arrays of one file."""

FIX = "Expected numbers with the axes (frames or clips, dims) or (dims)"


def array_names(path: Path) -> tuple[str, ...]:
    """The names of the arrays in a file, in its order; "" for the only array of a file without names.

    Raises DataError: the file is unreadable or damaged, or has no arrays.
    """
    with _damage(path):
        names = tuple(_arrays(path))
    if not 0 < len(names) <= MOST_NAMES:
        raise DataError(f"{len(names)} arrays", where=path, fix="Expected one for each performance")
    return names


def read_features(path: Path, name: str = "") -> Singles:
    """The (row, dims) features called `name` in a file, as in `array_names`.

    Raises DataError: a damaged file, no such array, no row, or values that are not finite numbers.
    """
    where = f"{path}: {name}" if name else str(path)
    with _damage(path):
        arrays = _arrays(path)
        if name not in arrays:
            raise DataError("no such array", where=where, fix=f"It has {clip(', '.join([*arrays][:5]), 200)}")
        values = arrays[name]()
    if values.dtype.kind not in NUMBERS or not 1 <= values.ndim <= 8 or not values.size:
        raise DataError(f"an array of shape {values.shape} and type {values.dtype}", where=where, fix=FIX)
    while values.ndim > 2 and len(values) == 1:  # of a batch of one
        values = values[0]
    values = values[None] if values.ndim == 1 else values
    mean = values.reshape(len(values), -1, values.shape[-1]).mean(axis=1, dtype=np.float64)
    made: Singles = mean.astype(np.float32)
    if odd := int((~np.isfinite(made)).sum()):
        raise DataError(f"{odd} of {made.size} values are not finite numbers", where=where, fix="Make the file again")
    return made


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Every failure to read the file becomes a DataError."""
    try:
        yield
    except (AimError, MemoryError):
        raise
    except Exception as error:
        words = str(getattr(error, "strerror", None) or error) or type(error).__name__
        what = f"the features cannot be read ({clip(words, 120)})"
        raise DataError(what, where=path, fix="Get or make the file again") from error


def _arrays(path: Path) -> Arrays:
    """The arrays of a file by name. Raises DataError: an unknown suffix."""
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise DataError("no file of features", where=path, fix=f"Expected {' '.join(READERS)}")
    return READERS[suffix](path)


def _npy_file(path: Path) -> Arrays:
    """The array in a `.npy`, or the arrays of its dictionary."""
    with open_regular(path) as stream:
        plain = not numpy_header(stream)[2].hasobject
    return numpy_arrays(path) if plain else _whole(path)


def _datasets(path: Path, *, reverse: bool = False) -> Arrays:
    """The datasets of an HDF5 file; `reverse` reverses their axes."""
    paths = dataset_paths(path)
    last = {name.rpartition("/")[2] for name in paths}
    shared = len(last) == 1 and len(paths) > 1
    return {
        name.rpartition("/")[0] if shared else name: partial(_dataset, path, name, reverse=reverse) for name in paths
    }


def _dataset(path: Path, name: str, *, reverse: bool) -> NDArray[Any]:
    values = read_dataset(path, name, MAX_ARRAY_BYTES)
    return values.T if reverse else values


def _matlab(path: Path) -> Arrays:
    """The matrices of a MATLAB file; version 7.3 is HDF5 with reversed axes."""
    with open_regular(path) as stream:
        is_hdf5 = stream.read(len(MATLAB_HDF5)) == MATLAB_HDF5
    return _datasets(path, reverse=True) if is_hdf5 else _whole(path)


def _motion(path: Path) -> Arrays:
    return {path.stem: partial(motion_table, path)}


def _whole(path: Path) -> Arrays:
    """The arrays of a file that cannot be read in parts."""
    state = path.stat()
    return {name: partial(_numbers, values) for name, values in _read_whole(path, state.st_mtime_ns, state.st_size)}


@lru_cache(maxsize=2)
def _read_whole(path: Path, mtime_ns: int, size: int) -> tuple[tuple[str, Any], ...]:
    """Names and values, cached while the file is unchanged: every performance of a data set reads one of them."""
    content, suffix = read_regular(path, MAX_FILE_BYTES), path.suffix.lower()
    stream, arrays = io.BytesIO(content), dict[str, Any]()
    if suffix == ".mat":
        arrays = read_matrices(content)
    elif suffix == ".safetensors":
        from safetensors.torch import load

        arrays = dict(sorted(load(content).items()))
    elif content.startswith(OF_TORCH):
        import torch

        arrays = torch.load(stream, map_location="cpu", weights_only=True)
    else:
        if suffix == ".npy":
            numpy_header(stream)
        arrays = load_plain(content[stream.tell() :], path)
    return tuple((_name(key), value) for key, value in arrays.items()) if isinstance(arrays, dict) else (("", arrays),)


def _numbers(values: Any) -> NDArray[Any]:
    """An array, a list of rows or a tensor of any precision as an array."""
    return np.asarray(values.detach().float() if hasattr(values, "detach") else values)


def _name(key: Any) -> str:
    """The name for a key of a dictionary: a text, a number, or a tuple of them such as (1, 20)."""
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


READERS: Mapping[str, Callable[[Path], Arrays]] = {
    ".npy": _npy_file,
    ".npz": numpy_arrays,
    ".h5": _datasets,
    ".hdf5": _datasets,
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth", ".safetensors"), _whole),
    ".mat": _matlab,
    ".mot": _motion,
    ".sto": _motion,
}
"""By the ending of a file."""
