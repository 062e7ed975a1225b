"""A server that is killed with SIGKILL at random moments loses no answer and writes none twice."""

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
from http.client import HTTPException
from pathlib import Path

import pytest

from data.datasets.rater_answers import RATINGS, read_answers

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
session, _ = find_session(Path(sys.argv[1]), pairs=True)
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


def ask(port, path, body=None):
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


@pytest.mark.slow
def test_fifty_kills_lose_no_answer_and_write_none_twice(make_video, tmp_path):
    """Answers on phases are lines of the same file."""
    for number in range(40):
        make_video(tmp_path / f"videos/{number}.mp4", frames=3 + number, size=(32, 32))
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "videos")]
    parent = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    confirmed = []
    stop = threading.Event()

    def rate():
        content = ask(port, "/api/question?rater=anna")
        while content["question"] and not stop.is_set():
            contents = [one["content"] for one in content["question"]]
            given = {"rater": "anna", "contents": contents, "answer": "better"}
            content = ask(port, "/api/answers", given)
            confirmed.append(frozenset(contents))

    rng, thread = random.Random(0), threading.Thread(target=rate, daemon=True)
    thread.start()
    for _ in range(KILLS):
        server, before = int(parent.stdout.readline()), len(confirmed)
        end = time.monotonic() + 60
        while len(confirmed) == before and thread.is_alive() and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(server, signal.SIGKILL)
    stop.set()
    thread.join(60)
    last = int(parent.stdout.readline())  # before its parent, which prints it, is killed
    parent.kill()
    os.kill(last, signal.SIGKILL)
    parent.wait()
    answers, unread = read_answers(tmp_path / "videos" / RATINGS / "anna.csv")
    lines = (tmp_path / "videos" / RATINGS / "anna.csv").read_text().splitlines()
    assert len(confirmed) >= KILLS
    assert set(confirmed) == set(answers), "every confirmed answer is there, and no other"
    assert len(confirmed) == len(set(confirmed)), "no question was asked again after its answer was confirmed"
    assert len(lines) - 1 - unread - len(answers) <= KILLS, "an answer whose confirmation was lost is sent once more"
