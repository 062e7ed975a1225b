"""A server that is killed with SIGKILL at random moments loses no answer and writes none twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from data.datasets.rater_answers import RATINGS, read_answers
from pipeline.label import find_session

pytest.importorskip("uvicorn")

ROOT = Path(__file__).parents[3]
KILLS = 50
TOKEN = "t"


PROGRAM = f"""
import os, socket, sys
from pathlib import Path
import av
from pipeline.label import find_session
from pipeline.label.label_app import create_label_app
from pipeline.serve.connections import make_server
how = dict(phases=("run", "entry")) if len(sys.argv) > 2 else dict(pairs=True)
session, _ = find_session(Path(sys.argv[1]), **how)
create_label_app(session)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
print(listener.getsockname()[1], flush=True)
while True:
    child = os.fork()
    if not child:
        make_server(create_label_app(session, token={TOKEN!r})).run(sockets=[listener])
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
"""
"""Prints its port and the process id of each server, and starts another server when one was killed.

It imports what an application needs, `av` too, once for all servers.
"""


def ask(port: int, path: str, body: Any = None) -> Any:
    """The answer of the server, asked again until it gives one."""
    headers = {"cookie": f"aim-serve-{port}={TOKEN}", "x-aim-serve": "1", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    while True:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return json.load(response)
        except urllib.error.HTTPError:
            raise
        except (OSError, HTTPException, ValueError):  # the server was killed
            time.sleep(0.005)


def kill_servers(
    parent: subprocess.Popen[str],
    kills: int,
    client: Callable[[], None],
    stop: threading.Event,
    state: Callable[[], Any],
) -> None:
    """Run a client, and kill each server that the parent starts shortly after it confirmed something new."""
    assert parent.stdout is not None
    rng, thread = random.Random(0), threading.Thread(target=client, daemon=True)
    thread.start()
    for _ in range(kills):
        server, before = int(parent.stdout.readline()), state()
        end = time.monotonic() + 60
        while state() == before and thread.is_alive() and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(server, signal.SIGKILL)
    stop.set()
    thread.join(60)
    last = int(parent.stdout.readline())  # before its parent, which prints it, is killed
    parent.kill()
    os.kill(last, signal.SIGKILL)
    parent.wait()


@pytest.mark.slow
def test_kills_while_phases_are_marked_lose_no_confirmed_video(make_video: Callable[..., Path], tmp_path: Path) -> None:
    for number in range(3):
        make_video(tmp_path / f"videos/{number}.mp4", frames=20 + number, size=(32, 32))
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "videos"), "phases"]
    parent = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    port, stop = int(parent.stdout.readline()), threading.Event()
    confirmed: dict[str, float] = {}  # the begin of the last phase by video, as it was confirmed last
    sent: dict[str, float] = {}

    def mark() -> None:
        content, edge = ask(port, "/api/question?rater=anna"), 0.0
        while not stop.is_set():
            video, edge = content["question"][0]["content"], round(edge + 0.0001, 4)
            ends = zip(("run", "entry"), (0.0, 0.1 + edge), (0.1 + edge, 0.6), strict=True)
            phases = [{"name": name, "start": start, "end": end} for name, start, end in ends]
            sent[video] = phases[1]["start"]
            content = ask(
                port,
                "/api/answers",
                {"rater": "anna", "contents": [video], "answer": "marked", "phases": json.dumps(phases)},
            )
            confirmed[video] = sent[video]

    kill_servers(parent, KILLS // 10, mark, stop, lambda: dict(confirmed))
    session, _ = find_session(tmp_path / "videos", phases=("run", "entry"))
    marked = session.answers_of("anna")
    assert len(confirmed) == 3
    for content, edge in confirmed.items():
        assert marked[frozenset((content,))].phases[1].start == pytest.approx(edge, abs=1e-6)


@pytest.mark.slow
def test_fifty_kills_lose_no_answer_and_write_none_twice(make_video: Callable[..., Path], tmp_path: Path) -> None:
    for number in range(40):
        make_video(tmp_path / f"videos/{number}.mp4", frames=3 + number, size=(32, 32))
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "videos")]
    parent = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    confirmed: list[frozenset[str]] = []
    stop = threading.Event()

    def rate() -> None:
        content = ask(port, "/api/question?rater=anna")
        while content["question"] and not stop.is_set():
            contents = [one["content"] for one in content["question"]]
            given = {"rater": "anna", "contents": contents, "answer": "better"}
            content = ask(port, "/api/answers", given)
            confirmed.append(frozenset(contents))

    kill_servers(parent, KILLS, rate, stop, lambda: len(confirmed))
    answers, unread = read_answers(tmp_path / "videos" / RATINGS / "anna.csv")
    lines = (tmp_path / "videos" / RATINGS / "anna.csv").read_text().splitlines()
    assert len(confirmed) >= KILLS
    assert set(confirmed) == set(answers), "every confirmed answer is there, and no other"
    assert len(confirmed) == len(set(confirmed)), "no question was asked again after its answer was confirmed"
    assert len(lines) - 1 - unread - len(answers) <= KILLS, "an answer whose confirmation was lost is sent once more"
