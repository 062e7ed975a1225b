"""Pickles without running what they ask for: plain values and numpy arrays of numbers, nothing else.

A pickle is a program. This reader knows only the instructions that build dicts, lists, tuples, texts, numbers and
bytes, and a short table of names for numpy arrays and scalars, which it builds itself. Every other name or
instruction is an error that says what was refused. Memory stays within a few times the size of the file.
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
"""What a pickle may do, by the names of `pickletools`."""

_CODES = {opcode.name: ord(opcode.code) for opcode in pickletools.opcodes}
_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


def load_plain(content: bytes, where: Path | None = None) -> Any:
    """The dicts, lists, tuples, texts, numbers, bytes and numpy arrays of a pickle, of the file `where`.

    Raises DataError: not a pickle, or one that asks for anything else; says what was refused.
    """
    try:
        return _Reader(io.BytesIO(content), encoding="latin1").load()
    except _RefusedError as error:
        what = f"this pickle asks for {str(error)[:120]}, which is refused"
    except (RecursionError, MemoryError):
        what = "this pickle is nested too deeply or too large"
    except Exception as error:  # noqa: BLE001 -- a damaged pickle fails in many ways: EOFError, KeyError, TypeError, ...
        what = f"is no usable pickle ({type(error).__name__}: {str(error)[:120]})"
    raise DataError(what, where=where, fix="Get the file again from its publisher")


class _RefusedError(Exception):
    """Something that plain values and arrays have no use for."""


class _Name:
    """A name of the table on the reader's stack; not callable, so that only `REDUCE` below uses it."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Type:
    """A numeric dtype in the making."""

    def __init__(self, code: Any) -> None:
        if not isinstance(code, str) or not _NUMBERS.fullmatch(code):
            raise _RefusedError(f"a numpy array of type {code if isinstance(code, str) else type(code).__name__}")
        self.dtype = np.dtype(code)

    def restore(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _RefusedError("a numpy array of fields")
        self.dtype = self.dtype.newbyteorder(state[1])

    def values(self, shape: Any, raw: Any, *, fortran: bool = False) -> NDArray[Any]:
        if not isinstance(raw, bytes | str) or not isinstance(shape, tuple):
            raise _RefusedError("a numpy array of objects")
        content = raw.encode("latin1") if isinstance(raw, str) else raw
        if any(type(side) is not int or side < 0 for side in shape) or len(shape) > 32:
            raise _RefusedError("a numpy array of an impossible shape")
        if math.prod(shape) * self.dtype.itemsize != len(content):
            raise ValueError("an array that is not as long as its shape")
        return np.frombuffer(content, self.dtype).reshape(shape, order="F" if fortran else "C")


class _Array(np.ndarray[Any, Any]):
    """An array whose content comes with a later instruction."""

    def restore(self, state: Any) -> None:
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, _Type):
            raise _RefusedError("a numpy array without a type")
        values = kind.values(shape, raw, fortran=bool(fortran))
        state = (1, values.shape, values.dtype, False, values.tobytes())
        self.__setstate__(state)


def _scalar(kind: Any, raw: Any = b"") -> Any:
    if not isinstance(kind, _Type):
        raise _RefusedError("a numpy number without a type")
    return kind.values((), raw).item()


def _bytes(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise _RefusedError("an encoding of text")
    return text.encode("latin1")


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    """An array as protocol 5 has it."""
    if not isinstance(kind, _Type):
        raise _RefusedError("a numpy array without a type")
    return kind.values(shape, raw, fortran=order == "F")


_TABLE = {
    "numpy dtype": lambda code, *_: _Type(code),
    "numpy ndarray": None,
    **{f"numpy.{core}.multiarray _reconstruct": lambda *_: _Array((0,), np.uint8) for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": _from_buffer for core in ("core", "_core")},
    "_codecs encode": _bytes,
    "__builtin__ bytes": lambda: b"",
}


_Python: Any = pickle._Unpickler
"""The reader in Python: its instructions can be chosen, and no length in a file makes it reserve memory."""


class _Reader(_Python):
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
        self.stack.append(function(*arguments))

    def build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, _Type | _Array) or not isinstance(state, tuple):
            raise _RefusedError("a change of an object")
        made.restore(state)

    def keyed(self, name: str) -> None:
        """Check keys before they are hashed: a tuple in a tuple in a tuple ... would end the process."""
        for key in self.stack[-2:-1] if name == "SETITEM" else self.stack[::2]:
            parts = key if isinstance(key, tuple) else (key,)
            if any(not isinstance(part, str | int | float | bytes | None) for part in parts):
                raise _RefusedError("a dict with keys that are no names or numbers")
        _Python.dispatch[_CODES[name]](self)

    dispatch = {  # noqa: RUF012 -- the name is pickle's
        **dict.fromkeys(range(256), refuse),
        **{_CODES[name]: _Python.dispatch[_CODES[name]] for name in INSTRUCTIONS},
        # As bytes: the library's own instruction reserves as much memory as the file says.
        _CODES["BYTEARRAY8"]: _Python.dispatch[_CODES["BINBYTES8"]],
        _CODES["REDUCE"]: call,
        _CODES["BUILD"]: build,
        _CODES["SETITEM"]: lambda reader: reader.keyed("SETITEM"),
        _CODES["SETITEMS"]: lambda reader: reader.keyed("SETITEMS"),
        _CODES["DICT"]: lambda reader: reader.keyed("DICT"),
    }
