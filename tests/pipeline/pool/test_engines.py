"""Child processes and a real Ray on this machine: the same results as in this process; a lost worker costs time."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from data.errors import UsageError
from data.video.video_search import find_videos
from pipeline.pool import process_pool, run_items
from pipeline.pool.process_pool import ProcessPool, kind_of_end
from pipeline.settings.machine import WorkConfig
from tests.helpers.checkout import ROOT
from tests.helpers.extracting import assert_equal_outputs, extract, extract_flow, flow_config, moving_films
from tests.helpers.local_ray import local_ray


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return moving_films(tmp_path_factory.mktemp("engines") / "in", "abc")


@pytest.fixture(scope="module")
def ray():
    """The engine, with a Ray for the tests of this module."""
    pytest.importorskip("ray")
    with local_ray():
        yield "ray"


@pytest.fixture(params=["local", "ray"])
def engine(request):
    """Each test runs with both."""
    name = request.param
    return name if name == "local" else request.getfixturevalue(name)


def workers_of_ray():
    """Process numbers of the actors of this test; Ray puts their class into the title."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found += [process.pid] * ("RayWorker" in " ".join(process.cmdline()))
    return found


def test_workers_give_what_this_process_gives(engine, tmp_path):
    videos = moving_films(tmp_path / "in", "abc")
    (videos / "empty.mp4").touch()
    here = extract_flow(videos, flow_config(tmp_path / "one"))
    spread = extract_flow(videos, flow_config(tmp_path / "two", 2), engine)
    assert {r.record.id: r.failed for r in here.results} == {r.record.id: r.failed for r in spread.results}
    assert [r.record.id for r in spread.failed] == ["empty.mp4"]
    assert_equal_outputs(tmp_path / "one", tmp_path / "two")
    assert extract_flow(videos, flow_config(tmp_path / "two", 2), engine).fresh == 3


def test_a_video_that_takes_too_long_fails_by_name(engine, videos, tmp_path):
    summary = extract_flow(videos / "a.mp4", flow_config(tmp_path / "cache", 1, timeout_s=0.001), engine)
    assert "work.timeout_s" in next(iter(summary.failed[0].failed.values())).cause
    assert extract_flow(videos, flow_config(tmp_path / "cache")).ok, "a limit is not the video's fault"


def test_stop_ends_the_workers(engine, videos, tmp_path):
    stop, config = threading.Event(), flow_config(tmp_path / "cache", 1)
    summary = extract_flow(videos, config, engine, stop=stop, on_result=lambda *_: stop.set())
    assert (summary.cancelled, len(summary.results)) == (True, 1)
    until = time.monotonic() + 60
    while engine == "ray" and workers_of_ray() and time.monotonic() < until:
        time.sleep(0.2)
    assert not (workers_of_ray() if engine == "ray" else multiprocessing.active_children())
    assert extract_flow(videos, config).fresh == 1


SCRIPT = """
import sys
from pipeline.api import extract

print("begun", flush=True)
done = extract(sys.argv[1], cache="cache", overrides=["stages=[camera_flow]"], workers=2)
print(done.ok, len(done.results))
"""


def test_workers_do_not_run_the_users_script_again(videos, tmp_path):
    """The script has no `if __name__ == "__main__"`."""
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "script.py", str(videos)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "begun\nTrue 3\n", "")


def test_by_default_there_is_a_process_for_each_core(monkeypatch):
    free = Mock(return_value=Mock(available=64e9))
    monkeypatch.setattr("pipeline.pool.process_pool.psutil.virtual_memory", free)
    monkeypatch.setattr("pipeline.pool.process_pool.usable_cores", lambda: 6)
    assert ProcessPool(WorkConfig()).split_cores(100) == (6, 1)
    assert ProcessPool(WorkConfig()).split_cores(2) == (2, 3), "two videos"
    assert ProcessPool(WorkConfig()).where(100) == "6 processes with 1 thread each"
    assert ProcessPool(WorkConfig()).where(1) == "1 process with 6 threads"
    assert ProcessPool(WorkConfig(workers=1, threads=2)).split_cores(100) == (1, 2)
    free.return_value.available = 4e9
    assert ProcessPool(WorkConfig()).split_cores(100) == (2, 3), "memory for two"
    free.return_value.available = 1e8
    assert ProcessPool(WorkConfig()).split_cores(100) == (1, 6)


def no_start(*_):
    raise ImportError("no such package")


def test_workers_that_cannot_start_are_an_error(capfd):
    with pytest.raises(UsageError, match="a worker process cannot start: it ended with code 1"):
        list(run_items(ProcessPool(WorkConfig(workers=2)), no_start, deque(range(1, 6)), lambda: False))
    assert "no such package" in capfd.readouterr().err
    assert not multiprocessing.active_children()


def sleep_until_killed(place, stop, tell):
    def run(item):
        place.write_text(str(os.getpid()))
        time.sleep(60)
        return item

    return run


def test_workers_end_with_a_killed_parent(tmp_path):
    program = (
        "import pathlib\nfrom collections import deque\nfrom functools import partial\n"
        "from pipeline.settings.machine import WorkConfig\n"
        "from pipeline.pool import ProcessPool, run_items\n"
        "from tests.pipeline.pool.test_engines import sleep_until_killed\n"
        f"start = partial(sleep_until_killed, pathlib.Path({str(tmp_path / 'pid')!r}))\n"
        "list(run_items(ProcessPool(WorkConfig(workers=1)), start, deque([1]), lambda: False))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    until = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    while time.monotonic() < until and psutil.pid_exists(int((tmp_path / "pid").read_text())):
        time.sleep(0.1)
    assert time.monotonic() < until, "the worker outlived its parent"


class Killer:
    """A hook that kills the worker when it reports frames of `video`, at most `kills` times.

    By default `video` is the first one that reports frames; "any" is every one.
    """

    def __init__(self, signal_number, kills=1000, video=""):
        self.signal_number, self.left, self.video = signal_number, kills, video

    def __call__(self, video, done, total, stages):
        self.video = self.video or video
        if self.left and self.video in ("any", video):
            self.left -= 1
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, self.signal_number)


def test_one_lost_worker_costs_no_video(videos, tmp_path):
    summary = extract_flow(videos, flow_config(tmp_path / "cache", 1), on_frames=Killer(signal.SIGKILL, 1))
    assert (len(summary.results), summary.failed) == (3, [])


@pytest.mark.parametrize(("number", "kept"), [(signal.SIGSEGV, True), (signal.SIGKILL, False)])
def test_two_lost_workers_cost_their_video(videos, tmp_path, number, kept):
    config, killer = flow_config(tmp_path / "cache", 1), Killer(number, 2)
    summary = extract_flow(videos, config, on_frames=killer)
    assert [result.record.id for result in summary.failed] == [killer.video]
    assert number.name in next(iter(summary.failed[0].failed.values())).cause
    assert len(summary.results) == 3
    again = extract_flow(videos, config)
    assert len(again.failed) == kept, "a crash is the video's, a kill from outside is the moment's"
    assert extract(find_videos([videos]).records, config, retry_failed=True).ok


def test_a_batch_that_loses_every_worker_raises(tmp_path):
    config, videos = flow_config(tmp_path / "cache", 1), moving_films(tmp_path / "in", "ab")
    with pytest.raises(UsageError, match=r"every worker was lost.*killed by SIGKILL"):
        extract_flow(videos, config, on_frames=Killer(signal.SIGKILL, video="any"))
    some = extract_flow(videos, config, on_frames=Killer(signal.SIGKILL, video="b.mp4"))
    assert [result.record.id for result in some.failed] == ["b.mp4"]
    alone = extract_flow(videos / "b.mp4", config, on_frames=Killer(signal.SIGKILL))
    assert "killed by SIGKILL" in next(iter(alone.failed[0].failed.values())).cause, "one video fails by name"


def test_only_a_crash_is_the_videos(monkeypatch):
    monkeypatch.setattr(process_pool, "_memory_is_limited", lambda: False)
    assert kind_of_end("SIGSEGV") == "crashed"
    assert [kind_of_end(name) for name in ("SIGKILL", "SIGTERM", "")] == ["killed"] * 3
    monkeypatch.setattr(process_pool, "_memory_is_limited", lambda: True)
    assert kind_of_end("SIGABRT") == "killed", "`ulimit -v` makes libraries end so"


def test_a_cluster_that_was_killed_on_this_machine_is_not_joined(videos, tmp_path):
    """Ray keeps the address of the last cluster in a file, which a killed one leaves."""
    pytest.importorskip("ray")
    home = Path(tempfile.mkdtemp(prefix="ray"))  # names of its sockets are short
    try:
        (home / "ray").mkdir()
        (home / "ray/ray_current_cluster").write_text("127.0.0.1:9")
        words = ["extract", videos / "a.mp4", "--engine", "ray", "--workers", "1", "--stages", "camera_flow"]
        command = [sys.executable, ROOT / "run_pipeline.py", *words, "--cache", tmp_path / "cache"]
        done = subprocess.run(command, env={**os.environ, "RAY_TMPDIR": str(home)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_a_cluster_that_is_too_small_is_named(ray, videos, tmp_path):
    with pytest.raises(UsageError, match="too few for one worker"):
        extract_flow(videos, flow_config(tmp_path / "cache", 2, ray_cpus=64), ray)
    with pytest.raises(UsageError, match="0 GPUs"):
        extract_flow(videos, flow_config(tmp_path / "cache", 2, ray_gpus=1), ray)


def test_a_machine_that_cannot_start_a_worker_costs_no_video(ray, videos, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.pool.ray_pool.os.getcwd", lambda: str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match=r"cannot start \(FileNotFoundError.*elsewhere.*every machine") as caught:
        extract_flow(videos, flow_config(tmp_path / "cache", 2), ray)
    assert "\x1b" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.failed.json"))
