"""Reads numeric arrays of a MATLAB 5 file (versions 5 to 7), and checks every length.

`scipy.io.loadmat` reads more, but a damaged file can end the whole process inside its compiled reader: two changed
bytes gave a segmentation fault (scipy 1.17). This reader takes plain real arrays only.

Format: "MAT-File Format", The MathWorks, chapter 1: a 128-byte header, then data elements, each a tag (type,
number of bytes) and its data; a matrix element holds flags, dimensions, name and real part as sub-elements.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.datasets.tables import clip, read_bytes
from data.errors import DataError

HEADER = 128
MATRIX, COMPRESSED = 14, 15
INT8, INT32, UINT32 = 1, 5, 6
MAX_INFLATED = 16 << 20  # bytes that one compressed variable of a list may grow to
MAX_ARRAY = 1 << 30  # likewise of an array of features
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC_CLASSES = range(6, 16)  # double, single and the integers; cells, structs, objects and text are below
_COMPLEX = 0x0800


def read_matrix(path: Path, name: str) -> NDArray[np.float64]:
    """The (row, column) real matrix `name` of a MATLAB 5 file as float64.

    Raises DataError: the file cannot be read, is damaged or of another format, or has no such matrix, or an empty one.
    """
    try:
        return _named(read_bytes(path), name)
    except ValueError as error:
        fix = f"Expected a MATLAB 5 file with the numeric matrix {name}"
        raise DataError(f"unusable list: {clip(str(error), 200)}", where=path, fix=fix) from error


def read_matrices(content: bytes) -> dict[str, NDArray[np.float64]]:
    """The real numeric arrays in the bytes of a MATLAB 5 file by name. Raises ValueError: damaged, another format."""
    pairs = ((_variable(data, order), order) for data, order in _variables(content, MAX_ARRAY))
    return {one.name: one.values(order) for one, order in pairs if one.numeric}


def _named(content: bytes, name: str) -> NDArray[np.float64]:
    names = []
    for data, order in _variables(content, MAX_INFLATED):
        one = _variable(data, order)
        if one.name != name:
            names.append(one.name)
            continue
        if not one.numeric:
            raise ValueError(f"'{name}' is not a real numeric matrix")
        if len(one.shape) != 2:
            raise ValueError(f"'{name}' has {len(one.shape)} dimensions instead of 2")
        return one.values(order)
    raise ValueError(f"no variable '{name}' (it has {', '.join(names[:10]) or 'none'})")


def _variables(content: bytes, limit: int) -> Iterator[tuple[bytes, str]]:
    """The matrix elements of a file, each with its byte order; a compressed one may grow to `limit` bytes."""
    if len(content) < HEADER or content[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise ValueError("not a MATLAB 5 file (save it with '-v7')")
    order = "<" if content[126:128] == b"IM" else ">"
    for kind, data in _elements(content[HEADER:], order):
        if kind == COMPRESSED:
            kind, data = _inflate(data, order, limit)
        if kind == MATRIX:
            yield data, order


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The type and content of each data element. Raises ValueError: a length beyond the end."""
    place = 0
    while len(data) - place >= 8:
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
            end = place + 8
            if size > 4:
                raise ValueError("a small element of more than 4 bytes")
        else:
            start = place + 8
            end = start + size + (-size % 8 if kind != COMPRESSED else 0)
        if start + size > len(data):
            raise ValueError("an element is longer than the file")
        yield kind, data[start : start + size]
        place = end
    if place < len(data) and data[place:].strip(b"\0"):
        raise ValueError("the file ends inside an element")


def _inflate(data: bytes, order: str, limit: int) -> tuple[int, bytes]:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, limit)
    except zlib.error as error:
        raise ValueError(f"damaged compression ({error})") from error
    if not inflater.eof:
        raise ValueError("compressed data that is cut off or too large")
    return next(_elements(plain, order), (0, b""))


@dataclass(frozen=True)
class _Variable:
    """A matrix element that is not read further than its name."""

    name: str
    numeric: bool  # whether it is a real array of numbers
    shape: tuple[int, ...]
    parts: Iterator[tuple[int, bytes]]  # its values come next

    def values(self, order: str) -> NDArray[np.float64]:
        """The array. Raises ValueError: data of an unknown type, or of another length than its shape says."""
        kind, values = next(self.parts, (0, b""))
        if kind not in _NUMBERS:
            raise ValueError(f"'{self.name}' holds data of an unknown type")
        dtype = np.dtype(order + _NUMBERS[kind])
        if min(self.shape) < 1 or math.prod(self.shape) * dtype.itemsize != len(values):
            shape = " x ".join(map(str, self.shape))
            raise ValueError(f"'{self.name}' says {shape}, but holds {len(values)} bytes")
        flat = np.frombuffer(values, dtype=dtype).astype(np.float64)
        return np.ascontiguousarray(flat.reshape(self.shape, order="F"))


def _variable(data: bytes, order: str) -> _Variable:
    parts = _elements(data, order)
    head = [next(parts, (0, b"")) for _ in range(3)]
    (flags_kind, flags), (dims_kind, dims), (name_kind, name) = head
    if (flags_kind, dims_kind, name_kind) != (UINT32, INT32, INT8) or len(flags) != 8 or not 8 <= len(dims) <= 128:
        return _Variable("an object", False, (), parts)
    (bits,) = struct.unpack(f"{order}I", flags[:4])
    numeric = bits & 0xFF in _NUMERIC_CLASSES and not bits & _COMPLEX
    shape = struct.unpack(f"{order}{len(dims) // 4}i", dims[: len(dims) // 4 * 4])
    return _Variable(name.decode("ascii", "backslashreplace"), numeric, shape, parts)
