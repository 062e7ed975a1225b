"""Reads a numeric matrix of a MATLAB 5 file (versions 5 to 7), and checks every length.

`scipy.io.loadmat` reads more, but a damaged file can end the whole process inside its compiled reader: two changed
bytes gave a segmentation fault (scipy 1.17). This reader takes plain real matrices only.

Format: "MAT-File Format", The MathWorks, chapter 1: a 128-byte header, then data elements, each a tag (type,
number of bytes) and its data; a matrix element holds flags, dimensions, name and real part as sub-elements.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.datasets.tables import clip, read_bytes
from data.errors import DataError

HEADER = 128
MATRIX, COMPRESSED = 14, 15
INT8, INT32, UINT32 = 1, 5, 6
MAX_INFLATED = 16 << 20  # bytes that one compressed variable may grow to
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


def _named(content: bytes, name: str) -> NDArray[np.float64]:
    if len(content) < HEADER or content[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise ValueError("not a MATLAB 5 file (save it with '-v7')")
    order = "<" if content[126:128] == b"IM" else ">"
    names = []
    for kind, data in _elements(content[HEADER:], order):
        if kind == COMPRESSED:
            kind, data = _inflate(data, order)
        if kind != MATRIX:
            continue
        label, matrix = _matrix(data, order, name)
        if matrix is not None:
            return matrix
        names.append(label)
    raise ValueError(f"no variable '{name}' (it has {', '.join(names[:10]) or 'none'})")


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


def _inflate(data: bytes, order: str) -> tuple[int, bytes]:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, MAX_INFLATED)
    except zlib.error as error:
        raise ValueError(f"damaged compression ({error})") from error
    if not inflater.eof:
        raise ValueError("compressed data that is cut off or too large")
    return next(_elements(plain, order), (0, b""))


def _matrix(data: bytes, order: str, wanted: str) -> tuple[str, NDArray[np.float64] | None]:
    """Name of a matrix element, and its values if it is the wanted one."""
    parts = _elements(data, order)
    head = [next(parts, (0, b"")) for _ in range(3)]
    (flags_kind, flags), (dims_kind, dims), (name_kind, name) = head
    if (flags_kind, dims_kind, name_kind) != (UINT32, INT32, INT8) or len(flags) != 8:
        return "an object", None
    label = name.decode("ascii", "backslashreplace")
    if label != wanted:
        return label, None
    (bits,) = struct.unpack(f"{order}I", flags[:4])
    if bits & 0xFF not in _NUMERIC_CLASSES or bits & _COMPLEX:
        raise ValueError(f"'{wanted}' is not a real numeric matrix")
    if len(dims) != 8:
        raise ValueError(f"'{wanted}' has {len(dims) // 4} dimensions instead of 2")
    rows, columns = struct.unpack(f"{order}ii", dims)
    kind, values = next(parts, (0, b""))
    if kind not in _NUMBERS:
        raise ValueError(f"'{wanted}' holds data of an unknown type")
    dtype = np.dtype(order + _NUMBERS[kind])
    if rows < 1 or columns < 1 or rows * columns * dtype.itemsize != len(values):
        raise ValueError(f"'{wanted}' says {rows} x {columns}, but holds {len(values)} bytes")
    matrix = np.frombuffer(values, dtype=dtype).astype(np.float64)
    return label, matrix.reshape(columns, rows).T.copy()
