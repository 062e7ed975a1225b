"""Memory stays bounded however long a video is: pictures alive at one time are counted, and large arrays go back."""

import subprocess
import sys
import threading
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data.store.arrays import StageOutput
from data.video import Frame, Record, VideoInfo
from data.video import decoder as video_module
from pipeline.run import decode_pass
from pipeline.run.decode_pass import QUEUE_FRAMES, DecodePass

LENGTH = 400
SIZE = (96, 128)


class Alive:
    """Counts pictures that somebody still holds, and the most there were at one time."""

    def __init__(self):
        self.now = self.most = 0
        self._lock = threading.Lock()

    def watch(self, image):
        """Count `image` until nobody holds it, nor a view of it."""
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        weakref.finalize(image, self._gone)
        return image

    def _gone(self):
        with self._lock:
            self.now -= 1

    def frames(self, wanted):
        """Noise whose pictures are counted."""
        rng = np.random.default_rng(0)
        still = rng.integers(0, 255, (*SIZE, 3), np.uint8)
        for index in wanted:
            yield Frame(index, index / 25, self.watch(np.roll(still, index, axis=1)))


def test_one_pass_holds_few_frames(monkeypatch):
    alive = Alive()
    monkeypatch.setattr(decode_pass, "probe", lambda path: (VideoInfo(*SIZE[::-1]), np.arange(LENGTH) / 25))
    monkeypatch.setattr(decode_pass, "decode", lambda path, wanted: alive.frames(wanted))

    def fast(frames):
        for _ in frames:
            pass

    def slow(frames):
        next(frames)
        threading.Event().wait(0.3)  # the decoder runs as far ahead as it may
        fast(frames)

    def gives_up(frames):
        next(frames)
        frames.close()  # type: ignore[attr-defined]

    stages = (fast, slow, gives_up)

    def work(number, source):
        stages[number](source.frames(range(0, LENGTH, number + 1)))
        return StageOutput({})

    shared = DecodePass(Record("made", Path("made.mp4")), threading.Event(), lambda *_: None)
    made = dict(shared.outputs({str(number): (partial(work, number), {}) for number in range(3)}))
    assert all(isinstance(output, StageOutput) for output in made.values())
    assert QUEUE_FRAMES <= 16  # a 1080p picture takes 6 MB
    in_hand = 2  # the picture that a stage works on, and the one that it takes
    assert alive.most <= 3 * (QUEUE_FRAMES + in_hand) + 2
    assert alive.most > QUEUE_FRAMES  # the slow stage's queue did fill: the bound was put to the test


def test_decoder_holds_few_frames(make_video, tmp_path, monkeypatch):
    alive, picture = Alive(), video_module._picture
    monkeypatch.setattr(video_module, "_picture", lambda *given: alive.watch(picture(*given)))
    assert sum(1 for _ in video_module.decode(make_video(tmp_path / "v.mp4", LENGTH))) == LENGTH
    assert 1 <= alive.most <= 3


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
def test_a_picture_has_memory_of_its_own():
    for arguments, inside in (([], "True\n"), (["mapped"], "False\n")):
        command = [sys.executable, "-c", LARGEST_MAPPED, *arguments]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == inside
