"""SIGKILL at random points: only whole files remain, and the finished cache equals that of an undisturbed run."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data.store import hdf5 as store
from data.video.writer import write_video

ROOT = Path(__file__).resolve().parents[3]
KILLS = 8


def command(videos: Path, cache: Path) -> list[str]:
    program = [sys.executable, str(ROOT / "run_pipeline.py"), "extract", str(videos), "--cache", str(cache)]
    return [*program, "--set", "stages=[camera_flow]", "--workers", "1"]


@pytest.mark.slow
def test_kills_then_the_same_cache(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
    for number in range(12):
        pictures = (np.roll(picture, (number + 1) * i, axis=1) for i in range(20))
        write_video(tmp_path / f"in/{number % 3}/{number:02}.mp4", pictures, 25)
    subprocess.run(command(tmp_path / "in", tmp_path / "whole"), check=True, capture_output=True)
    times = random.Random(1)
    unfinished = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command(tmp_path / "in", tmp_path / "killed"), stderr=subprocess.DEVNULL)
        time.sleep(times.uniform(0.3, 2.0))
        unfinished += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in (tmp_path / "killed").rglob("*.h5"):
            if not path.name.startswith("."):
                store.read(path)  # raises where a file is not whole
    assert unfinished > 0, "no run was killed before its end"
    done = subprocess.run(command(tmp_path / "in", tmp_path / "killed"), check=True, capture_output=True, text=True)
    assert "failed" not in done.stderr.replace("0 failed", "")
    whole = sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*.h5"))
    assert len(whole) == 12
    assert whole == sorted(p.relative_to(tmp_path / "killed") for p in (tmp_path / "killed").rglob("*.h5"))
    for name in whole:
        first, second = store.read(tmp_path / "whole" / name), store.read(tmp_path / "killed" / name)
        assert first.header == second.header
        for key, array in first.output.arrays.items():
            np.testing.assert_array_equal(array.values, second.output.arrays[key].values)
