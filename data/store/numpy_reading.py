"""Reads `.npy` and `.npz` without pickles; what a damaged file claims reserves no memory."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.files import open_regular, read_regular

MAX_ARRAY_BYTES = 1 << 30
"""Larger arrays are refused: a small damaged file may claim any size."""

Arrays = Mapping[str, Callable[[], NDArray[Any]]]
"""Arrays by name, each read when it is called."""


def numpy_arrays(path: Path) -> Arrays:
    """The members of a `.npz`, or the array of a `.npy`, whose name is empty; numbers or texts.

    Raises OSError, and for a damaged file nearly any other exception, here or when an array is read.
    """
    if path.suffix.lower() == ".npy":
        return {"": lambda: _values(read_regular(path, MAX_ARRAY_BYTES))}
    open_regular(path).close()
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
    return {name.removesuffix(".npy"): partial(_member, path, name) for name in names}


def numpy_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of a `.npy`; its values begin where the stream then is."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"a .npy file of version {version}")
    return readers[version](stream)


def _values(content: bytes) -> NDArray[Any]:
    """The array in the bytes of a `.npy`. Raises ValueError: other values, or not as long as it says."""
    stream = io.BytesIO(content)
    shape, fortran, dtype = numpy_header(stream)
    if dtype.kind not in "fiubU" or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"not as long as its shape {shape} and type {dtype} say")
    flat = np.frombuffer(content, dtype, offset=stream.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def _member(path: Path, name: str) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(name).file_size > MAX_ARRAY_BYTES:
            raise ValueError(f"'{name}' is too large")
        return _values(archive.read(name))
