"""Pickles of annotations: plain values come back equal, and everything else is refused by name."""

import contextlib
import fractions
import os
import pickle
import time
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from data.errors import DataError
from data.store.restricted_pickle import load_plain
from tests.helpers.pickled_calls import Calls

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
NUMBERED = st.integers(-(2**31) + 1, 2**31 - 1)
KEYS = st.text() | NUMBERED | st.tuples(st.text(), NUMBERED)
VALUES = st.recursive(ATOMS, lambda v: st.lists(v) | st.dictionaries(KEYS, v) | st.tuples(v, v), max_leaves=20)


@settings(max_examples=60, deadline=None)
@given(value=VALUES, protocol=st.integers(0, 5))
def test_plain_values_come_back_equal(value, protocol):
    assert load_plain(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_numpy_numbers_come_back_equal(protocol):
    arrays = [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">i2"),
        np.array([], np.float32),
        np.array([True, False]),
    ]
    made = load_plain(pickle.dumps({"a": arrays, "n": [np.float64(1.5), np.int64(-2)]}, protocol))
    assert made["n"] == [1.5, -2]
    for one, other in zip(made["a"], arrays, strict=True):
        assert_array_equal(one, other)
        assert one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")
        assert type(one) is np.ndarray
    assert load_plain(pickle.dumps(OrderedDict(a=1), protocol)) == {"a": 1}
    rows = {("r1", number): {"labels": [0] * 100, "event": "3m springboard"} for number in range(1000)}
    assert load_plain(pickle.dumps(rows, protocol)) == rows, "equal texts are one object"


def test_pickled_tensors_are_arrays():
    torch = pytest.importorskip("torch", reason="reads tensors")
    rows = torch.arange(12.0).reshape(3, 4)
    made = load_plain(pickle.dumps([rows, rows[:, ::2].T, rows.bfloat16(), torch.arange(3)]))
    for one, other in zip(made, [rows, rows[:, ::2].T, rows, torch.arange(3)], strict=True):
        assert_array_equal(one, other)
    content = pickle.dumps(rows)
    for old, new in ((b"K\x03K\x04", b"K\x7fK\x7f"), (b"K\x00K\x03", b"K\x09K\x03")):
        assert content.count(old) == 1
        with pytest.raises(DataError):
            load_plain(content.replace(old, new))
    with pytest.raises(DataError, match="tensor of another form"):
        load_plain(content.replace(b"\x80\x02\x8a", b"PK\x8a"))


def test_the_length_of_a_buffer_reserves_no_memory():
    content = b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b"ab."
    with pytest.raises(DataError, match="not a usable pickle"):
        load_plain(content)
    assert load_plain(pickle.dumps(bytearray(b"ab"), 5)) == b"ab"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Calls(os.system, "touch hacked"), "posix.system"),
        (Calls(eval, "open('hacked', 'w')"), "builtins.eval"),
        (Calls(getattr, "", "join"), "getattr"),
        (fractions.Fraction(1, 2), "fractions.Fraction"),
        ({1, 2}, "instruction"),
        (bytearray(b"12"), "builtins.bytearray"),
        (np.array([object], object), "'builtins.object'"),
        (np.array([1, 2], object), "a numpy array of objects"),
        (np.zeros(2, [("a", "i4")]), "numpy array of type V4"),
    ],
    ids=str,
)
def test_other_objects_are_refused_by_name(tmp_path, monkeypatch, value, named):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load_plain(pickle.dumps(value, protocol=4))
    assert named in str(caught.value)
    assert not (tmp_path / "hacked").exists()


DTYPE = b"cnumpy\ndtype\n(S'f8'\nI00\nI01\ntR"
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        b"cos\nsystem\n(S'x'\ntR.",
        b"(S'x'\nios\nsystem\n.",  # INST
        b"\x82\x01.",  # EXT1
        b"Pname\n.",  # PERSID
        b"\x96\xff\xff\xff\xff\xff\xff\xff\x0f.",  # BYTEARRAY8 of 2^60 bytes
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x0f.",  # BINBYTES8, the same
        b"Nr\xff\xff\xff\xff.",  # LONG_BINPUT into a place far away, then STOP
        b"N" + b"\x85" * 300_000 + b"}\x8c\x01aNs0h\x00.",  # tuples in tuples
        b"}N" + b"\x85" * 300_000 + b"Ns.",  # such a tuple as a key: hashing it would end the process
        b"cnumpy\ndtype\n(S'O'\nI00\nI01\ntR.",
        DTYPE + b"(I3\nS'|'\nNNNI-1\nI-1\nI63\ntb(NtR.",
        DTYPE + b"}S'x'\nI1\nsb.",  # new attributes
        EMPTY + b"(I1\n(I1000000000\nI1000000000\nt" + DTYPE + b"I00\nS'abc'\ntb.",
        EMPTY + b"(I1\n(I-1\nt" + DTYPE + b"I00\nS'abcdefgh'\ntb.",
        EMPTY + b"}S'x'\nI1\nsb.",
        b"cnumpy\nndarray\n(I4\ntR.",
        b"cnumpy\ndtype\n(cnumpy\ndtype\nI00\ntR.",
        b"I" + b"9" * 100_000 + b"\n.",
    ],
)
def test_hostile_pickles_end_in_one_error_or_a_plain_value(content):
    with contextlib.suppress(DataError):
        assert load_plain(content) is None


def shared_lists():
    """Lists of two of the list before, 60 deep: 418 bytes that are 2^60 values."""
    value = []
    for _ in range(60):
        value = [value, value]
    return pickle.dumps(value, 2)


MEBIBYTE = b"X" + (1 << 20).to_bytes(4, "little") + b"a" * (1 << 20) + b"q\x01"
ARRAYS = EMPTY + b"(I1\n(I1048576\nt" + b"cnumpy\ndtype\n(S'u1'\nI00\nI01\ntRI00\nh\x01tb"


@pytest.mark.parametrize(
    "content",
    [
        shared_lists(),
        b"]q\x00h\x00a.",  # a list that holds itself
        MEBIBYTE + b"(" + ARRAYS * 3000 + b"l.",
        MEBIBYTE + b"c_codecs\nencode\nq\x02" + b"0" + b"h\x02h\x01X\x06\x00\x00\x00latin1\x86R0" * 3000 + b"N.",
        MEBIBYTE + b"](" + b"h\x01" * 3000 + b"e.",  # as an array of texts, 12 GB
        MEBIBYTE + ARRAYS + b"q\x03(" + b"h\x03" * 3000 + b"l.",
        b"}" * 300_000 + b".",
        b"}(" + b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(30_000)) + b"u.",
        b"cnumpy\nndarray\n.",
        b"]cnumpy\nndarray\na.",
        b"cnumpy\ndtype\n(S'u1'\nI00\nI01\ntR.",
        b"]" * 65 + b"a" * 64 + b".",
    ],
    ids=["shared", "itself", "arrays", "encode", "texts", "array", "dicts", "keys", "name", "inner", "type", "depth"],
)
def test_a_small_pickle_takes_little_memory(content):
    began = time.process_time()  # that of other programs does not count
    tracemalloc.start()
    with pytest.raises(DataError):
        load_plain(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * len(content) + (16 << 20)
    assert time.process_time() - began < 30


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_changed_bytes_end_in_a_value_or_an_error(data):
    content = bytearray(pickle.dumps({("a", 1): [1.5, np.arange(4), {"b": (1, b"c")}]}, data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        load_plain(bytes(content))
