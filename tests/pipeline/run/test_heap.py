"""Large arrays get memory of their own, also after the first of them was freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

LARGEST_MAPPED = """
import ctypes, sys
from pipeline.run.decode_pass import map_pictures

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
if len(sys.argv) > 1:
    map_pictures()
libc.free(libc.malloc(8 << 20))  # from here on the library would take 8 MiB from its heap
first, last = (int(libc.malloc(4 << 20)) for _ in range(2))
heap = next(line.split()[0].split("-") for line in open("/proc/self/maps") if "[heap]" in line)
print(any(int(heap[0], 16) <= place < int(heap[1], 16) for place in (first, last)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of the C library of Linux")
@pytest.mark.parametrize(("arguments", "inside"), [([], "True"), (["mapped"], "False")])
def test_a_picture_has_memory_of_its_own(arguments: list[str], inside: str) -> None:
    command = [sys.executable, "-c", LARGEST_MAPPED, *arguments]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == inside
