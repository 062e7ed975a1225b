"""Ctrl-C in commands that train: once ends them cleanly and the same call resumes, twice ends them at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.pack import write_pack
from tests.helpers.made_features import made_features

ROOT = Path(__file__).resolve().parent.parent
LONG = ("--set", "train.epochs=1000000", "--set", "train.checkpoint_every=1", "--set", "train.runs=1")
SHORT = ("--set", "train.epochs=1", "--set", "train.checkpoint_every=1", "--set", "train.runs=1")


def started(command: str, pack: Path, out: Path, *settings: str) -> subprocess.Popen[str]:
    words = [command, "--pack", str(pack), "--out", str(out), "--set", "model.system=aim", *settings]
    words += ["--quick"] if command == "evaluate" else ["--folds", "0"]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_pipeline.py"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=out.parent,
    )  # fmt: skip


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_an_interrupt_leaves_nothing_half_done(command: str, times: int, tmp_path: Path) -> None:
    pack, out = tmp_path / "pack.h5", tmp_path / "run"
    write_pack(pack, made_features(24, channels=4, scene=4))
    process = started(command, pack, out, *LONG)
    end = time.monotonic() + 120
    while not (checkpoints := [*out.rglob("*.safetensors")]) and time.monotonic() < end:
        time.sleep(0.1)
    assert checkpoints, process.communicate()[0] if process.poll() is not None else "no checkpoint yet"
    for _ in range(times):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.05)
    said = process.communicate(timeout=60)[0]
    assert process.returncode in (130, -signal.SIGINT), said  # a shell shows 130 for both
    assert "Traceback" not in said
    assert not [*out.glob("results.json"), *out.glob("model.json")], "nothing that looks finished"
    again = started(command, pack, out, *SHORT)
    said = again.communicate(timeout=240)[0]
    assert again.returncode == 0, said
    assert [*out.glob("results.json"), *out.glob("model.json")]
