"""Cache files in HDF5, one for each stage and video. This docstring specifies the format.

Format `aim-stage`, version 1
-----------------------------
Root attributes (text unless said otherwise):

| attribute | content |
|---|---|
| `format`, `format_version` | "aim-stage", 1 (integer) |
| `header_sha256` | SHA-256 of the bytes of the dataset `_header` |

The dataset `_header` is a JSON object as UTF-8 bytes. Its fields are `stage`, `stage_version`, `video` (the id), `key`
(SHA-256 that identifies the computation), `settings` (every setting that can change the result), `identity` (such as
the weights' hash), `inputs` (SHA-256 of each input file's content by kind), `upstream` (key of each upstream stage),
`software` (versions), `quality` (numbers and texts) and `arrays`. The last has each array's `dims`, `unit`, `about`,
`names`, `shape`, `dtype` and `sha256`.

Every other root dataset is one array, shuffled and compressed with gzip. Each chunk has a Fletcher-32 checksum, so any
HDF5 reader detects damage. The attributes `dims` (one name per axis), `unit`, `about` and `names` (of the entries of
the last axis, may be empty) describe the array without the header.

Files do not depend on the time or place of writing: equal computations give equal bytes in the arrays. Files are made
in memory, written to a temporary name in the same folder, flushed and renamed. Reading refuses links out of the file
(external or soft links, external or virtual storage), so an untrusted file cannot open other files.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import CacheError
from data.store.addresses import address
from data.store.arrays import Array, Measures, OutputSpec, StageOutput
from data.store.atomic_writes import write_bytes
from data.store.files import open_regular, parse_json

FORMAT = "aim-stage"
RECOMPUTED = "It is recomputed by `extract`"
FORMAT_VERSION = 1
MAX_ARRAY_BYTES = 1 << 33  # larger arrays are refused: a small hostile file may claim any size
MAX_HEADER_BYTES = 1 << 28  # longer headers are refused; those of packs are the longest

HDF5_ERRORS = (
    OSError, LookupError, ValueError, TypeError, RuntimeError, AttributeError, ArithmeticError, MemoryError,
)  # fmt: skip
"""Errors that h5py, JSON and numpy raise for damaged files, and for files of other programs."""

MAPPINGS = ("arrays", "quality", "settings", "identity", "inputs", "upstream", "software")  # fields of the header


@dataclass(frozen=True)
class Stored:
    """One cache file as read: the header as in the format's specification, arrays and quality values."""

    header: Mapping[str, Any]
    output: StageOutput


def write(path: Path, header: Mapping[str, Any], output: StageOutput) -> None:
    """Write a file of this format atomically. Raises OSError: the folder cannot be written or the disk is full."""
    write_bytes(path, encode(header, output)[1])


def encode(
    header: Mapping[str, Any], output: StageOutput, promise: OutputSpec | None = None
) -> tuple[dict[str, Any], bytes]:
    """The header as stored, and the bytes of the file. Raises ContractError: the output contradicts `promise`."""
    import h5py

    if promise is not None:
        promise.check(output)

    described = {
        name: _labels(array)
        | {"shape": list(array.values.shape), "dtype": array.values.dtype.str, "sha256": _digest(array.values)}
        for name, array in sorted(output.arrays.items())
    }
    full = dict(header) | {"quality": _plain(output.quality), "arrays": described}
    text = json.dumps(full, sort_keys=True, ensure_ascii=True)
    # If the disk fills up while HDF5 writes to it, the process crashes at exit, so the file is made in memory.
    # HDF5 identifies files in memory by name, and stages write in parallel.
    with h5py.File(secrets.token_hex(16), "w", driver="core", backing_store=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["header_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        bytes_ = np.frombuffer(text.encode(), dtype=np.uint8)  # a dataset: attributes are limited to 64 KiB
        file.create_dataset("_header", data=bytes_, fletcher32=True, chunks=True)
        for name, array in sorted(output.arrays.items()):
            chunked = array.values.size > 0 and array.values.ndim > 0
            options = {"chunks": True, "shuffle": True, "compression": "gzip", "fletcher32": True} if chunked else {}
            dataset = file.create_dataset(name, data=array.values, **options)
            for label, value in _labels(array).items():
                dataset.attrs[label] = value
        file.flush()
        return full, bytes(file.id.get_file_image())


def read_header(path: Path, content: bytes | None = None) -> dict[str, Any]:
    """The header of a cache file, checked against its hash; the arrays are not read. Arguments and errors as `read`."""
    with _opened(path, content) as file:
        return _header(file)


def is_output(path: Path, content: bytes | None = None) -> bool:
    """Whether a file has a header of this format that matches its hash; the arrays are not read."""
    try:
        with _opened(path, content) as file:
            return "stage" in _header(file)
    except (FileNotFoundError, CacheError):
        return False


def read(path: str | Path, content: bytes | None = None) -> Stored:
    """A whole cache file, every array checked against its hash.

    Args:
        content: the bytes of the file, if already read; `path` then only names it.

    Raises:
        FileNotFoundError: no such file.
        CacheError: damaged or not of this format.
    """
    path = Path(path)
    with _opened(path, content) as file:
        header = _header(file)
        arrays = {name: _read_array(file, name, about) for name, about in header["arrays"].items()}
    return Stored(header, StageOutput(arrays, header["quality"]))


def _labels(array: Array) -> dict[str, Any]:
    return {"dims": list(array.dims), "unit": array.unit, "about": array.about, "names": list(array.names)}


def _digest(values: NDArray[np.generic]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def _plain(quality: Measures) -> Measures:
    """Quality values as JSON types: numpy scalars become Python numbers, and NaN becomes null."""
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in quality.items()}
    return {name: None if isinstance(v, float) and not np.isfinite(v) else v for name, v in plain.items()}


def dataset_paths(path: Path) -> list[str]:
    """The paths of all datasets in an HDF5 file of any program, without following links out of the file.

    Raises OSError and other errors of `HDF5_ERRORS`: damaged.
    """
    import h5py

    paths: list[str] = []

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            paths.append(name)

    open_regular(path).close()
    with h5py.File(path, "r", locking=False) as file:
        file.visititems(visit)
    return sorted(paths)


def read_dataset(path: Path, name: str, limit: int) -> NDArray[Any]:
    """The values of a dataset of at most `limit` bytes.

    Raises as `dataset_paths`, and ValueError: a missing or larger dataset.
    """
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        return stored_values(file, name, limit)


def stored_values(group: Any, name: str, limit: int) -> NDArray[Any]:
    """The values of a dataset. Raises ValueError: stored outside the file, larger than `limit` bytes, or truncated."""
    dataset = _local_dataset(group, name)
    if dataset.nbytes > limit or (dataset.nbytes and not dataset.id.get_storage_size()):
        raise ValueError(f"'{name}' claims {dataset.nbytes} bytes that the file does not hold")
    return np.asarray(dataset[()])


@contextmanager
def _opened(path: Path, content: bytes | None = None) -> Iterator[Any]:
    """An open HDF5 file; every failure in the block becomes a CacheError."""
    import h5py

    try:
        if content is None:
            open_regular(path).close()  # refuses a pipe, which would block
            file = h5py.File(path, "r", locking=False)
        else:
            file = h5py.File(h5py.h5f.open_file_image(content))  # Python streams crash with threads
        with file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except HDF5_ERRORS as error:
        words = str(getattr(error, "strerror", None) or error).splitlines() or [type(error).__name__]
        what = f"damaged cache file ({words[0][:200]})"
        raise CacheError(what, where=address(path), fix=RECOMPUTED) from error


def _header(file: Any) -> dict[str, Any]:
    if file.attrs.get("format") != FORMAT or int(file.attrs.get("format_version", 0)) != FORMAT_VERSION:
        raise ValueError(f"not a {FORMAT} file of version {FORMAT_VERSION}")
    stored = _local_dataset(file, "_header")
    if stored.nbytes > MAX_HEADER_BYTES:
        raise ValueError("the header is too long")
    text = bytes(stored[()])
    if hashlib.sha256(text).hexdigest() != file.attrs["header_sha256"]:
        raise ValueError("the header does not match its checksum")
    header: dict[str, Any] = parse_json(text)
    if not isinstance(header, dict) or not all(isinstance(header.get(name, {}), dict) for name in MAPPINGS):
        raise ValueError("the header is not a mapping of the fields of this format")
    return header


def _local_dataset(file: Any, name: str) -> Any:
    import h5py

    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"'{name}' is missing or is a link out of the file")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError(f"'{name}' is not stored in the file itself")
    return dataset


def _read_array(file: Any, name: str, about: Mapping[str, Any]) -> Array:
    values = stored_values(file, name, MAX_ARRAY_BYTES)
    if list(values.shape) != about["shape"] or values.dtype.str != about["dtype"]:
        raise ValueError(f"array '{name}' has another shape or type than the header says")
    if _digest(values) != about["sha256"]:
        raise ValueError(f"array '{name}' does not match its checksum")
    texts = [about["unit"], about["about"], *about["dims"], *about["names"]]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"the description of array '{name}' is not text")
    return Array(values, tuple(about["dims"]), about["unit"], about["about"], tuple(about["names"]))
