"""Freed memory goes back to the system: by the call itself, after a stage's last picture, after each wave of stages."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from data.video.records import find_videos
from pipeline.cache import Cache
from pipeline.config import validate
from pipeline.extract import decode_pass, runner
from pipeline.extract.heap import trim_heap
from pipeline.extract.plan import Planner

MIB = 1 << 20


def resident() -> int:
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="the heap is trimmed by the C library of Linux")
def test_a_heap_that_a_thread_leaves_behind_is_given_back() -> None:
    last: list[bytearray] = []

    def fill() -> None:
        some = [bytearray(100_000) for _ in range(2000)]
        last.append(bytearray(100_000))  # at the top of the heap, so that the C library keeps what is below it
        del some

    before = resident()
    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    kept = resident() - before
    trim_heap()
    assert kept > 80 * MIB
    assert resident() - before < kept - 80 * MIB


def test_memory_is_given_back_after_the_last_picture_and_after_each_wave(
    make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"brightness": "tests.helpers.toy_stages:Brightness", "contrast": "tests.helpers.toy_stages:Contrast"}
    monkeypatch.setattr("pipeline.stages.STAGES", table)
    monkeypatch.setattr("pipeline.config.STAGES", table)
    called: list[str] = []
    monkeypatch.setattr(decode_pass, "trim_heap", lambda: called.append("pictures"))
    monkeypatch.setattr(runner, "trim_heap", lambda: called.append("wave"))
    make_video(tmp_path / "in/a.mp4", frames=10)
    config = validate({"stages": ["brightness", "contrast"], "cache": str(tmp_path / "cache")})
    cache = Cache(config.cache)
    plan = Planner(config, cache).plan(find_videos([tmp_path / "in"]).records[0])
    assert not runner.PlanRunner(config, cache).run(plan).failed
    cache.close()
    assert called == ["pictures", "wave", "wave"]  # contrast reads an output, and no picture
