"""A real Ray on this machine: the same arrays as here, one video lost twice fails by name, a lost worker costs time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from data.errors import UsageError
from tests.conftest import ROOT
from tests.helpers.extracting import assert_equal_outputs, extract_flow, flow_config, moving_films
from tests.helpers.local_ray import local_ray

ray = pytest.importorskip("ray")

VIDEOS = 5


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = moving_films(tmp_path_factory.mktemp("in"), [str(number) for number in range(VIDEOS)])
    (folder / "empty.mp4").touch()
    return folder


extract = partial(extract_flow, engine="ray")


def workers_of_ray() -> list[int]:
    """Process numbers of the actors of this test."""
    from ray.util.state import list_actors  # the dashboard is off: ask /proc instead where this fails

    try:
        return [actor.pid for actor in list_actors(filters=[("state", "=", "ALIVE")]) if actor.pid]
    except Exception:
        return [int(p.name) for p in Path("/proc").glob("[0-9]*") if b"RayWorker" in _title(p)]


def _title(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_cluster_that_was_killed_on_this_machine_is_not_joined(videos: Path, tmp_path: Path) -> None:
    """Ray keeps the address of the last cluster in a file, which a killed one leaves."""
    home = Path(tempfile.mkdtemp(prefix="ray"))  # names of its sockets are short
    try:
        (home / "ray").mkdir()
        (home / "ray/ray_current_cluster").write_text("127.0.0.1:9")
        words = ["extract", videos / "0.mp4", "--engine", "ray", "--workers", "1", "--stages", "camera_flow"]
        command = [sys.executable, ROOT / "run_pipeline.py", *words, "--cache", tmp_path / "cache"]
        done = subprocess.run(command, env={**os.environ, "RAY_TMPDIR": str(home)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_the_same_arrays_as_in_this_process(cluster: None, videos: Path, tmp_path: Path) -> None:
    local = extract_flow(videos, flow_config(tmp_path / "local"))
    spread = extract(videos, flow_config(tmp_path / "ray", 2))
    assert {r.record.id: r.failed for r in local.results} == {r.record.id: r.failed for r in spread.results}
    assert [r.record.id for r in spread.failed] == ["empty.mp4"]
    assert_equal_outputs(tmp_path / "local", tmp_path / "ray")
    assert extract(videos, flow_config(tmp_path / "ray", 2)).fresh == VIDEOS


def test_a_killed_worker_costs_its_video_once(cluster: None, videos: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(*_: object) -> None:
        if not killed:
            killed.extend(workers_of_ray()[:1])
            os.kill(killed[0], signal.SIGKILL)

    summary = extract(videos, flow_config(tmp_path / "cache", 2), on_result=kill_one)
    assert killed
    assert [r.record.id for r in summary.failed] == ["empty.mp4"]
    assert len(list((tmp_path / "cache/camera_flow").glob("*.h5"))) == VIDEOS


def test_a_video_that_takes_too_long_fails_by_name(cluster: None, videos: Path, tmp_path: Path) -> None:
    one = videos / "0.mp4"
    summary = extract(one, flow_config(tmp_path / "cache", 1, timeout_s=0.001))
    assert "work.timeout_s" in next(iter(summary.failed[0].failed.values())).cause


def test_stop_ends_the_actors(cluster: None, videos: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    summary = extract(videos, flow_config(tmp_path / "cache", 1), stop=stop, on_result=lambda *_: stop.set())
    assert summary.cancelled
    assert len(summary.results) == 1
    until = time.monotonic() + 60
    while workers_of_ray() and time.monotonic() < until:
        time.sleep(0.2)
    assert not workers_of_ray()


def test_a_cluster_that_is_too_small_is_named(cluster: None, videos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few for one worker"):
        extract(videos, flow_config(tmp_path / "cache", 2, ray_cpus=64))
    with pytest.raises(UsageError, match="0 GPUs"):
        extract(videos, flow_config(tmp_path / "cache", 2, ray_gpus=1))


def test_a_machine_that_cannot_start_a_worker_costs_no_video(
    cluster: None, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.pool.ray_pool.os.getcwd", lambda: str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match=r"cannot start \(FileNotFoundError.*elsewhere.*every machine") as caught:
        extract(videos, flow_config(tmp_path / "cache", 2))
    assert "\x1b" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.failed.json"))
