"""Reads pickles without running them: only plain values, and numpy arrays or tensors of numbers.

A pickle is a program. This reader executes only the instructions that build dicts, lists, tuples, texts, numbers and
bytes. It builds arrays, tensors and scalars itself, from a short table of names. Every other name or instruction is an
error that names it.

A small pickle can request much memory: one text for thousands of arrays, or lists that hold a list twice. So the reader
counts the bytes of every part before building it, and those of the finished value, with shared parts counted each
time. Either count may reach `COST_PER_BYTE` times the size of the pickle, plus `FREE_COST`.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError

# fmt: off
INSTRUCTIONS = (
    "MARK", "STOP", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2",
    "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "EMPTY_LIST", "LIST", "APPEND",
    "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS",
    "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "PROTO", "FRAME", "GLOBAL",
    "STACK_GLOBAL", "REDUCE", "BUILD", "BYTEARRAY8",
)
# fmt: on
"""The operations that a pickle may use, by the names of `pickletools`."""

COST_PER_BYTE, FREE_COST = 32, 1 << 20
"""Largest count of bytes: per byte of the pickle, and in addition."""

CONTAINER_COST, ITEM_COST = 48, 8
"""Bytes of an empty tuple, list or dict, and of one place in it."""

MOST_DEPTH = 64
"""Deepest nesting of dicts, lists and tuples."""

KEY_LIMIT = 1 << 31
"""Larger integers are refused as keys of a dict: an attacker can choose them with equal hashes."""

TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9"
"""First bytes of the older form of `torch.save`, which pickled tensors hold."""

CONTAINERS = ("EMPTY_LIST", "LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT")
_CODES = {opcode.name: ord(opcode.code) for opcode in pickletools.opcodes}
_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
_OBJECT = re.compile(r"\|?O8?")


def load_plain(content: bytes, where: Path | None = None) -> Any:
    """The value of a pickle: dicts, lists, tuples, texts, numbers, bytes and numpy arrays.

    Raises DataError, which names the file `where`: not a pickle, or anything else in it, which is named too.
    """
    try:
        reader, limit = _Reader(io.BytesIO(content), encoding="latin1"), COST_PER_BYTE * len(content) + FREE_COST
        reader.left = limit
        value = reader.load()
        _check_plain(value, limit)
        return value
    except _RefusedError as error:
        what = f"this pickle asks for {str(error)[:120]}, which is refused"
    except (RecursionError, MemoryError):
        what = "this pickle is nested too deeply or too large"
    except Exception as error:  # noqa: BLE001 -- a damaged pickle fails in many ways: EOFError, KeyError, TypeError, ...
        what = f"is not a usable pickle ({type(error).__name__}: {str(error)[:120]})"
    raise DataError(what, where=where, fix="Get the file again from its publisher")


class _RefusedError(Exception):
    """The pickle requests something that plain values and arrays do not need."""


def _check_plain(value: Any, left: int) -> None:
    """Raise _RefusedError for an internal object, too deep nesting, or more than `left` bytes of content."""
    pending = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if isinstance(part, dict | list | tuple):
            left -= CONTAINER_COST + ITEM_COST * len(part)
            if depth == MOST_DEPTH:
                raise _RefusedError("a value that is nested too deeply")
            if left >= 0:
                inner = (*part.keys(), *part.values()) if isinstance(part, dict) else part
                pending.extend((item, depth + 1) for item in inner)
        elif isinstance(part, str | bytes):
            left -= len(part)
        elif isinstance(part, np.ndarray):
            left -= part.nbytes
        elif not isinstance(part, int | float | None):
            raise _RefusedError("a value that is not plain")
        if left < 0:
            raise _RefusedError("more values than a file of this size holds")


class _Name:
    """A name of the table on the reader's stack; not callable, so that only `REDUCE` below uses it."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Type:
    """A numeric dtype under construction."""

    def __init__(self, code: Any) -> None:
        self.holds_value = isinstance(code, str) and bool(_OBJECT.fullmatch(code))
        if not self.holds_value and not (isinstance(code, str) and _NUMBERS.fullmatch(code)):
            raise _RefusedError(f"a numpy array of type {code if isinstance(code, str) else type(code).__name__}")
        self.dtype = np.dtype(code)

    def restore(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _RefusedError("a numpy array of fields")
        self.dtype = self.dtype.newbyteorder(state[1])

    def values(self, shape: Any, raw: Any, *, fortran: bool = False) -> NDArray[Any]:
        """The array of a shape from its bytes, without a copy. Raises ValueError: a wrong number of bytes."""
        if self.holds_value or not isinstance(raw, bytes | str) or not isinstance(shape, tuple):
            raise _RefusedError("a numpy array of objects")
        content = raw.encode("latin1") if isinstance(raw, str) else raw
        if any(type(side) is not int or side < 0 for side in shape) or len(shape) > 32:
            raise _RefusedError("a numpy array of an impossible shape")
        if math.prod(shape) * self.dtype.itemsize != len(content):
            raise ValueError("an array that is not as long as its shape")
        return np.frombuffer(content, self.dtype).reshape(shape, order="F" if fortran else "C")


def _fill(array: NDArray[Any], state: Any) -> None:
    """Set shape, type and content of an array from `_reconstruct`."""
    _, shape, kind, fortran, raw = state
    if not isinstance(kind, _Type):
        raise _RefusedError("a numpy array without a type")
    values = kind.values(shape, raw, fortran=bool(fortran))
    content: Any = (1, values.shape, values.dtype, False, values.tobytes())
    array.__setstate__(content)


def _one_value(state: Any) -> Any:
    """The plain value that `numpy.save` wrapped into an array of one object, such as a dictionary of arrays."""
    _, shape, _, _, values = state
    if shape != () or not isinstance(values, list) or len(values) != 1:
        raise _RefusedError("a numpy array of objects")
    return values[0]


def _scalar(kind: Any, raw: Any = b"") -> Any:
    if not isinstance(kind, _Type):
        raise _RefusedError("a numpy number without a type")
    return kind.values((), raw).item()


def _bytes(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise _RefusedError("an encoding of text")
    return text.encode("latin1")


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    """An array from pickle protocol 5."""
    if not isinstance(kind, _Type):
        raise _RefusedError("a numpy array without a type")
    return kind.values(shape, raw, fortran=order == "F")


def _storage(content: Any) -> Any:
    """The flat values of a tensor's storage, as `torch.save` writes them."""
    if not content.startswith(TORCH_MAGIC):  # the later form may be compressed
        raise _RefusedError("a tensor of another form")
    import torch

    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    values = torch.tensor([], dtype=stored.dtype).set_(stored)
    return values.float() if stored.dtype == torch.bfloat16 else values  # numpy has no bfloat16


def _tensor(stored: Any, offset: Any, size: Any, stride: Any, *_: Any) -> NDArray[Any]:
    import torch

    if math.prod(size) > len(stored):
        raise _RefusedError("a tensor of more values than it holds")
    return torch.as_strided(stored, size, stride, offset).numpy()  # refuses places outside the values


_TABLE: dict[str, Any] = {
    "numpy dtype": lambda code, *_: _Type(code),
    "numpy ndarray": None,
    **{f"numpy.{core}.multiarray _reconstruct": lambda *_: np.empty(0, np.uint8) for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": _from_buffer for core in ("core", "_core")},
    "_codecs encode": _bytes,
    "__builtin__ bytes": lambda: b"",
    "collections OrderedDict": lambda: {},
    "torch.storage _load_from_bytes": _storage,
    "torch._utils _rebuild_tensor_v2": _tensor,
}


def _content(arguments: tuple[Any, ...]) -> int:
    """Bytes of the texts among a call's arguments, as the call copies them."""
    return sum(len(argument) for argument in arguments if isinstance(argument, str | bytes))


_Python: Any = pickle._Unpickler
"""The unpickler in Python: its instructions can be replaced, and no length in a file makes it reserve memory."""


def _maker(name: str) -> Any:
    """The instruction `name`, which makes a container, after counting its cost."""

    def make(reader: Any) -> None:
        reader.spend(CONTAINER_COST)
        _Python.dispatch[_CODES[name]](reader)

    return make


class _Reader(_Python):
    left: int
    """Bytes that the pickle may still ask for."""

    def spend(self, cost: int) -> None:
        """Count `cost` bytes. Raises _RefusedError: too many for a pickle of this size."""
        self.left -= cost
        if self.left < 0:
            raise _RefusedError("more values than a file of this size holds")

    def refuse(self) -> None:
        raise _RefusedError("an instruction that makes objects")

    def find_class(self, module: str, name: str) -> Any:
        if f"{module} {name}" not in _TABLE:
            raise _RefusedError(f"'{module}.{name}'")
        return _Name(f"{module} {name}")

    def call(self) -> None:
        arguments, made = self.stack.pop(), self.stack.pop()
        function = _TABLE[made.name] if isinstance(made, _Name) else None
        if function is None or not isinstance(arguments, tuple):
            raise _RefusedError("a call")
        self.spend(CONTAINER_COST + _content(arguments))
        self.stack.append(function(*arguments))

    def build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, _Type | np.ndarray) or not isinstance(state, tuple):
            raise _RefusedError("a change of an object")
        self.spend(2 * _content(state))
        if isinstance(made, _Type):
            made.restore(state)
        elif isinstance(state[2], _Type) and state[2].holds_value:
            self.stack[-1] = _one_value(state)
        else:
            _fill(made, state)

    def keyed(self, name: str) -> None:
        """Check keys before hashing: deeply nested tuples would crash the process."""
        if name == "DICT":
            self.spend(CONTAINER_COST)
        for key in self.stack[-2:-1] if name == "SETITEM" else self.stack[::2]:
            parts = key if isinstance(key, tuple) else (key,)
            if any(not isinstance(part, str | int | float | bytes | None) for part in parts):
                raise _RefusedError("a dict with keys that are not names or numbers")
            if any(isinstance(part, int) and abs(part) >= KEY_LIMIT for part in parts):
                raise _RefusedError("a dict with keys of large numbers")
        _Python.dispatch[_CODES[name]](self)

    dispatch = {  # noqa: RUF012 -- the name is pickle's
        **dict.fromkeys(range(256), refuse),
        **{_CODES[name]: _Python.dispatch[_CODES[name]] for name in INSTRUCTIONS},
        **{_CODES[name]: _maker(name) for name in CONTAINERS},
        # The library's instruction would reserve any memory that the file claims, so it is read as bytes.
        _CODES["BYTEARRAY8"]: _Python.dispatch[_CODES["BINBYTES8"]],
        _CODES["REDUCE"]: call,
        _CODES["BUILD"]: build,
        _CODES["SETITEM"]: lambda reader: reader.keyed("SETITEM"),
        _CODES["SETITEMS"]: lambda reader: reader.keyed("SETITEMS"),
        _CODES["DICT"]: lambda reader: reader.keyed("DICT"),
    }
