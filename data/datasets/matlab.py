"""Reads numeric arrays of a MATLAB 5 file (versions 5 to 7), and checks every length.

`scipy.io.loadmat` reads more, but a damaged file can crash the process in its compiled reader: two changed bytes gave
a segmentation fault (scipy 1.17). With one process per file, it reads 4 files a second. This reader takes plain real
arrays only.

Format: "MAT-File Format", The MathWorks, chapter 1: a 128-byte header, then data elements, each a tag (type,
number of bytes) and its data; a matrix element holds flags, dimensions, name and real part as sub-elements.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.datasets.tables import clip, read_bytes
from data.errors import DataError
from data.store.arrays import Floats

HEADER = 128
MATRIX, COMPRESSED = 14, 15
INT8, INT32, UINT32 = 1, 5, 6
MAX_LIST = 16 << 20  # uncompressed bytes of the variables of a list
MAX_ARRAYS = 1 << 30  # likewise of a file of features
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC_CLASSES = range(6, 16)  # double, single and the integers; smaller: cells, structs, objects and text
_COMPLEX = 0x0800


def read_matrix(path: Path, name: str) -> Floats:
    """The (row, column) real matrix `name` of a MATLAB 5 file as float64.

    Raises DataError: the file is unreadable, damaged or not MATLAB 5, or the matrix is missing or empty.
    """
    try:
        arrays = read_matrices(read_bytes(path), MAX_LIST)
        if name not in arrays:
            raise ValueError(f"no real numeric matrix '{name}' (it has {', '.join(list(arrays)[:10]) or 'none'})")
        if arrays[name].ndim != 2 or not arrays[name].size:
            raise ValueError(f"'{name}' is {' x '.join(map(str, arrays[name].shape))}, not a matrix")
        return arrays[name]
    except ValueError as error:
        fix = f"Expected a MATLAB 5 file with the numeric matrix {name}"
        raise DataError(f"unusable list: {clip(str(error), 200)}", where=path, fix=fix) from error


def read_matrices(content: bytes, limit: int = MAX_ARRAYS) -> dict[str, Floats]:
    """The real numeric arrays in the bytes of a MATLAB 5 file by name; at most `limit` bytes uncompressed.

    Raises ValueError: damaged, another format, or larger.
    """
    if len(content) < HEADER or content[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise ValueError("not a MATLAB 5 file (save it with '-v7')")
    order = "<" if content[126:128] == b"IM" else ">"
    arrays: dict[str, Floats] = {}
    for kind, data in _elements(content[HEADER:], order):
        if kind == COMPRESSED:
            plain = _inflate(data, limit)
            limit -= len(plain)
            kind, data = next(_elements(plain, order), (0, b""))
        if kind == MATRIX:
            arrays |= _numeric(data, order)
    return arrays


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The type and content of each data element. Raises ValueError: a length beyond the end."""
    offset = 0
    while len(data) - offset >= 8:
        kind, size = struct.unpack_from(f"{order}II", data, offset)
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, offset + 4
            end = offset + 8
            if size > 4:
                raise ValueError("a small element of more than 4 bytes")
        else:
            start = offset + 8
            end = start + size + (-size % 8 if kind != COMPRESSED else 0)
        if start + size > len(data):
            raise ValueError("an element is longer than the file")
        yield kind, data[start : start + size]
        offset = end
    if offset < len(data) and data[offset:].strip(b"\0"):
        raise ValueError("the file ends inside an element")


def _inflate(data: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, max(limit, 1))
    except zlib.error as error:
        raise ValueError(f"damaged compression ({error})") from error
    if not inflater.eof:
        raise ValueError("compressed data that is cut off or too large")
    return plain


def _numeric(data: bytes, order: str) -> dict[str, Floats]:
    """The array of a matrix element by its name; empty for cells, structs, objects, text and complex numbers.

    Raises ValueError: an unknown type, or a length that contradicts the shape.
    """
    parts = _elements(data, order)
    (flags_kind, flags), (dims_kind, dims), (name_kind, text), (kind, values) = (
        next(parts, (0, b"")) for _ in range(4)
    )
    if (flags_kind, dims_kind, name_kind) != (UINT32, INT32, INT8) or len(flags) != 8 or not 8 <= len(dims) <= 128:
        return {}
    (bits,) = struct.unpack(f"{order}I", flags[:4])
    if bits & 0xFF not in _NUMERIC_CLASSES or bits & _COMPLEX:
        return {}
    name = text.decode("ascii", "backslashreplace")
    shape = struct.unpack(f"{order}{len(dims) // 4}i", dims[: len(dims) // 4 * 4])
    if kind not in _NUMBERS:
        raise ValueError(f"'{name}' holds data of an unknown type")
    dtype = np.dtype(order + _NUMBERS[kind])
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError(f"'{name}' says {' x '.join(map(str, shape))}, but holds {len(values)} bytes")
    flat = np.frombuffer(values, dtype=dtype).astype(np.float64)
    return {name: np.ascontiguousarray(flat.reshape(shape, order="F"))}
