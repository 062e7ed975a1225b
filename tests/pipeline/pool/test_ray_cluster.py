"""A real Ray cluster of two nodes whose machines die, and addresses at which there is none."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from functools import partial
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from data.errors import UsageError
from pipeline.pack.pack_file import write_pack
from pipeline.pool import ray_pool
from pipeline.pool.ray_pool import RayPool
from pipeline.pool.run_with_retries import run_items
from pipeline.settings.machine import WorkConfig
from run_pipeline import app
from tests.helpers.checkout import ROOT
from tests.helpers.extracting import assert_equal_outputs, extract_flow, flow_config, moving_films
from tests.helpers.made_features import made_features

ray = pytest.importorskip("ray")

VIDEOS = 6

NODE = {"num_cpus": 1, "include_log_monitor": False}
"""What a node has; nobody reads the logs of these."""


def command(*words):
    """Run one command in this process, so that it uses the Ray of these tests."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def kill(node):
    """SIGKILL to every process of a node."""
    for _, process in node.live_processes():
        os.kill(process.pid, signal.SIGKILL)


def at_work(worker):
    """Whether a process is an actor of ours that works on an item: Ray puts the method into its title."""
    try:
        return "RayWorker.work" in " ".join(worker.cmdline())
    except psutil.Error:
        return False


class Nodes:
    """A cluster of a head and a second node with one core each."""

    def __init__(self, cluster):
        self.cluster, self.second = cluster, cluster.add_node(**NODE)

    def kill_second(self):
        kill(self.second)

    def kill_second_at_work(self):
        """Wait until a worker of the second node is at work, then kill the node."""
        raylets = [psutil.Process(process.pid) for _, process in self.second.live_processes()]
        while not any(at_work(worker) for raylet in raylets for worker in raylet.children(recursive=True)):
            time.sleep(0.02)
        self.kill_second()


@pytest.fixture(scope="module")
def living_head():
    """A cluster of one node with one core; the last test of this module ends it."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False, "no_monitor": True})
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def nodes(living_head):
    """A second node joins the head of this module, and leaves it."""
    made = Nodes(living_head)
    yield made
    ray.shutdown()
    living_head.remove_node(made.second, allow_graceful=False)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return moving_films(tmp_path_factory.mktemp("in"), [str(number) for number in range(VIDEOS)])


def test_a_node_that_dies_costs_no_video(nodes, videos, tmp_path):
    killed = []

    def kill_one(*_):
        if not killed:
            killed.append(time.monotonic())
            nodes.kill_second()

    config = flow_config(tmp_path / "ray", 2, address=nodes.cluster.address)
    summary = extract_flow(videos, config, "ray", on_result=kill_one)
    assert (len(summary.results), summary.failed) == (VIDEOS, [])
    assert time.monotonic() - killed[0] < 180, "a busy machine takes a minute to start a worker"
    assert extract_flow(videos, flow_config(tmp_path / "local")).ok
    assert_equal_outputs(tmp_path / "local", tmp_path / "ray")


def test_a_leaderboard_is_the_same_after_a_node_died(nodes, tmp_path):
    """The node dies while a training runs on it; one that is lost runs once more."""
    write_pack(tmp_path / "made.h5", made_features(24, channels=6, scene=5, trial=3))
    small = ["model.width=8", "train.networks=1", "train.epochs=2", "split.folds=2"]
    words = ["leaderboard", "--pack", str(tmp_path / "made.h5"), "--quick", "--json", "--workers", "2"]
    words += [word for setting in small for word in ("--set", setting)]
    here = command(*words, "--out", str(tmp_path / "here"))
    killer = threading.Thread(target=nodes.kill_second_at_work, daemon=True)
    killer.start()
    there = command(*words, "--out", str(tmp_path / "there"), "--engine", "ray", "--address", nodes.cluster.address)
    killer.join(timeout=0)
    assert not killer.is_alive(), "no training ran on the second node"
    assert {**there, "origin": None} == {**here, "origin": None}


def meeting(folder, stop, tell):
    """Work whose items after the first last until one began on each of two nodes, at most a minute."""

    def run(item):
        (folder / ray.get_runtime_context().get_node_id()).touch()
        until = time.monotonic() + 60
        while item and len([*folder.iterdir()]) < 2 and time.monotonic() < until:
            stop.wait(0.05)
        return item

    return run


def test_a_node_that_comes_late_gets_work(living_head, tmp_path):
    pool, late = RayPool(WorkConfig(workers=2, engine="ray", address=living_head.address)), list[Any]()
    for item, _ in run_items(pool, partial(meeting, tmp_path), deque(range(3)), lambda: False):
        if item == 0:
            late.append(living_head.add_node(**NODE))
    ray.shutdown()
    living_head.remove_node(late[0], allow_graceful=False)
    assert len([*tmp_path.iterdir()]) == 2
    assert (tmp_path / late[0].node_id).exists()


@pytest.fixture
def silent():
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_an_address_without_an_answer_is_named_soon(silent, tmp_path, videos, monkeypatch):
    assert ray_pool.GREET_SECONDS <= 10
    monkeypatch.setattr(ray_pool, "GREET_SECONDS", 2.0)  # the rest of its 15 s is for a busy machine
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    for address in (silent, closed):
        start = time.monotonic()
        with pytest.raises(UsageError, match=f"no Ray cluster at {address}"):
            extract_flow(videos, flow_config(tmp_path / "cache", 2, address=address), "ray")
        assert time.monotonic() - start < 15


def test_a_ray_that_does_not_start_here_is_one_sentence(tmp_path, videos, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "file"))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # Ray would set it for all later processes where ~/.ray has a token
    with pytest.raises(
        UsageError, match=r"^Ray did not start on this machine \(.*Not a directory.*leave out --engine ray"
    ):
        extract_flow(videos, flow_config(tmp_path / "cache", 2), "ray")


def test_the_end_of_the_cluster_is_one_sentence(living_head, tmp_path):
    """Its 400 films take longer than a dead head is waited for, on a fast machine too."""
    folder = moving_films(tmp_path / "in", [str(number) for number in range(40)])
    for film in [*folder.iterdir()]:
        for copy in range(1, 10):
            shutil.copy(film, film.with_stem(f"{film.stem}-{copy}"))
    words = ["extract", folder, "--cache", tmp_path / "cache", "--stages", "camera_flow", "--workers", "1"]
    words += ["--engine", "ray", "--address", living_head.address]
    program = [sys.executable, ROOT / "run_pipeline.py", *words]
    process = subprocess.Popen(program, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    while not list((tmp_path / "cache").rglob("*.h5")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.1)
    kill(living_head.head_node)
    start = time.monotonic()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2, said
    assert "has ended" in said
    assert "to resume" in said
    assert "Traceback" not in said
    assert time.monotonic() - start < 60
