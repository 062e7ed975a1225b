"""The web application: takes videos within limits, runs them one by one, trusts no path and no foreign page."""

import asyncio
import errno
import json
import shutil
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock
from urllib.parse import quote

import numpy as np
import pytest

from data.errors import CacheError, Cancelled, DataError, UsageError
from data.video import Phase
from pipeline.cache.failure import Failure
from pipeline.checks.flag import Flag
from pipeline.observer import Observer
from pipeline.report import ReportData, write_report
from pipeline.score.video_score import Score
from pipeline.serve import app as serve_app
from pipeline.serve import submissions
from pipeline.serve.app import ServerLimits, Service
from pipeline.serve.server import _listen, run_server
from pipeline.serve.submissions import INTERRUPTED, RECORD, REPORT, ChosenPart, Submission, Submissions
from pipeline.settings.config import load_config
from tests.helpers.hostile_pages import HOSTILE

testclient = pytest.importorskip("fastapi.testclient")
httpx = pytest.importorskip("httpx")

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(1000)
TOKEN = "the token of these tests"
OURS = {
    "x-aim-serve": "1",
    "host": "127.0.0.1:8765",
    "origin": "http://127.0.0.1:8765",
    "cookie": f'aim-serve-8765="{TOKEN}"',
}
MODEL = SimpleNamespace(
    calibration=None,
    train_ids=("a.mp4",),
    train_labels=np.array([[7.0, np.nan, np.nan]]),
    times_difficulty=False,
    guesses="",
)
SCORER = SimpleNamespace(
    planner=SimpleNamespace(stages={}),
    reads={"video"},
    config=load_config(),
    folder=Path("runs/x"),
    model=MODEL,
    model_sha256="m",
)


def create_app(folder, work, limits=None, **service):
    """An application that does this work for visitors with `TOKEN`."""
    return serve_app.create_app(folder, Service(work, **service), limits, TOKEN)


@contextmanager
def visited(folder, work, limits=None, **service):
    """A client whose requests look like those of the server's own page."""
    app = create_app(folder, work, limits, **service)
    with testclient.TestClient(app, base_url="http://127.0.0.1:8765", headers=OURS) as client:
        yield client


FLAGS = (Flag("warn", "shaking camera"), Flag("info", "no 95 % interval"))


class FakeWork:
    """Writes a page once its event is set; fails for videos with "bad" or "bug" in their name."""

    def __init__(self):
        self.hold = threading.Event()
        self.hold.set()
        self.seen = []

    def __call__(self, submission, folder, running):
        self.seen.append(submission.id)
        assert submission.pair or (folder / submission.file).read_bytes()[4:8] == b"ftyp"
        running.progress("computing", 0.5)
        while not self.hold.wait(0.01):
            if running.stop.is_set():
                raise Cancelled
        if "bad" in submission.name:
            return Failure("video", "pose", "no frame in the video stream", "Leave this file out")
        if "tools" in submission.name:
            raise DataError("75 columns", where=folder / "kinematics.txt:3", fix="Export 76 columns")
        if "bug" in submission.name:
            raise RuntimeError("secret detail")
        write_report(folder / REPORT, ReportData(submission.name))
        return Score("x", score=71.25, flags=FLAGS)


@pytest.fixture
def work():
    return FakeWork()


@pytest.fixture
def client(tmp_path, work):
    limits = ServerLimits(file_bytes=100_000, waiting=3, spare_bytes=0)
    with visited(tmp_path / "serve", work, limits) as made:
        yield made


def send(client, name="dive.mp4", content=MP4, **headers):
    return client.post("/api/videos", content=content, headers={"x-file-name": quote(name, errors="replace")} | headers)


def wait(client, submission, *states):
    """The submission once it is in one of `states`."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        (shown,) = (one for one in client.get("/api/submissions").json()["submissions"] if one["id"] == submission)
        if shown["state"] in states:
            return shown
        time.sleep(0.01)
    raise AssertionError(f"still {shown}")


def scored(client, name="dive.mp4", state="done", content=MP4):
    """An upload once it is scored, or has failed."""
    return wait(client, send(client, name, content).json()["id"], state)


def statuses(client, *requests):
    """The status of each request, "METHOD path"."""
    return [client.request(*one.split(" ", 1), follow_redirects=False).status_code for one in requests]


def files(folder):
    """Files below the submission folders, beside the records."""
    submissions = folder / "serve" / "submissions"
    return {str(p.relative_to(submissions)) for p in submissions.rglob("*") if p.is_file() and p.name != RECORD}


def test_a_video_becomes_a_report(client, tmp_path):
    """Only the files of a submission are served, each answer with the security headers; paths are never opened."""
    done = scored(client, "=dive.mp4")
    submission = done["id"]
    assert (done["score"], done["flags"], done["name"]) == (71.25, 1, "=dive.mp4")
    head, row = client.get("/scores.csv").text.splitlines()
    assert head == "video,uploaded,score,low80,high80,difficulty,score_per_difficulty,valid,notes"
    assert row.startswith("'=dive.mp4,20")
    assert ",71.25,,,,,true," in row
    page = f"/submissions/{submission}"
    (tmp_path / "serve/submissions" / submission / "other.txt").write_text("x")
    bodies = {"report.html": "<title>=dive.mp4</title>", "video.mp4": MP4.decode("latin1")}
    hidden = ("other.txt", "video.avi", RECORD, "..%2fserver.lock", "report.html%00")
    elsewhere = ("/submissions/%2e%2e/server.lock", "/submissions/x/report.html", "/api/submissions/..%2f..")
    expected = dict.fromkeys(["/", "/api/submissions", *(f"{page}/{name}" for name in bodies)], 200)
    expected |= dict.fromkeys([*(f"{page}/{name}" for name in hidden), *elsewhere], 404)
    for path, status in expected.items():
        answer = client.get(path)
        assert answer.status_code == status, path
        assert (answer.headers["x-content-type-options"], answer.headers["x-frame-options"]) == ("nosniff", "DENY")
    assert all(body in client.get(f"{page}/{name}").content.decode("latin1") for name, body in bodies.items())
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]
    (tmp_path / "serve/submissions" / submission / "report.html").unlink()
    answer = client.get(f"{page}/report.html")
    assert (answer.status_code, answer.json()["detail"][:23]) == (404, "this report was deleted")
    address = f"/api/submissions/{submission}"
    assert statuses(client, f"DELETE {address}", f"DELETE {address}") == [204, 404]
    assert files(tmp_path) == set()


def test_two_scored_videos_are_compared_and_one_is_scored_again(client, tmp_path, monkeypatch):
    first, second = (scored(client, name)["id"] for name in ("a.mp4", "b.mp4"))
    made = client.post(f"/api/comparisons/{first}/{second}")
    assert (made.status_code, made.json()["name"], made.json()["pair"]) == (201, "a.mp4 beside b.mp4", True)
    pair = wait(client, made.json()["id"], "done")["id"]
    refused = [f"POST /api/comparisons/{first}/{other}" for other in (first, pair, "0" * 32)]
    refused.append(f"POST /api/submissions/{pair}/again?start=0&end=1")
    assert statuses(client, f"GET /submissions/{pair}/report.html", *refused) == [200, 409, 409, 404, 409]
    again = client.post(f"/api/submissions/{first}/again").json()
    assert (again["name"], again["id"]) == ("a.mp4", first), "the new score replaces the old one"
    assert wait(client, first, "done")["score"] == 71.25
    kept = files(tmp_path)
    with monkeypatch.context() as full_disk:
        full_disk.setattr(shutil, "copystat", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
        assert statuses(client, f"POST /api/submissions/{first}/again?start=0&end=1") == [503]
    assert files(tmp_path) == kept
    part = client.post(f"/api/submissions/{first}/again?start=0&end=1").json()["id"]
    assert statuses(client, f"DELETE /api/submissions/{first}", f"GET /submissions/{part}/video.mp4") == [204, 200]


def test_a_part_and_a_person_are_chosen_for_another_score(client):
    """Seconds of a choice are those of the page, which shows a part."""
    kept, first = client.app.state.queue.submissions, scored(client, "a.mp4")["id"]

    def again(upload, query):
        made = client.post(f"/api/submissions/{upload}/again?{query}").json()
        return wait(client, made["id"], "done")["id"], made["name"], kept.get(made["id"]).choice

    chosen, name, choice = again(first, "start=1.2&end=3.4&region=0.1,0.2,0.5,0.9")
    assert name == "a.mp4 (1.20 to 3.40 s, chosen person)"
    assert choice == again(chosen, "")[2] == ChosenPart((1.2, 3.4), (0.1, 0.2, 0.5, 0.9))
    assert again(chosen, "start=0&end=1")[1] == "a.mp4 (1.20 to 2.20 s)"
    for wrong in ("start=3&end=1", "start=nan&end=1", "start=1", "region=0,0,1", "region=.5,0,.2,1", "region=0,0,2,1"):
        assert statuses(client, f"POST /api/submissions/{first}/again?{wrong}") == [422]


def test_the_difficulty_of_an_upload_is_that_of_its_next_score_unless_another_one_is_given(client):
    first = wait(client, send(client, **{"x-difficulty": "3.2"}).json()["id"], "done")["id"]
    for query, expected in (("", 3.2), ("?difficulty=2", 2.0)):
        client.post(f"/api/submissions/{first}/again{query}")
        wait(client, first, "done")
        assert client.app.state.queue.submissions.get(first).difficulty == expected
    assert {send(client, **{"x-difficulty": wrong}).status_code for wrong in ("0", "nan", "hard")} == {400}


def test_phases_set_on_the_page_are_those_of_the_next_score_and_of_the_video_under_another_name(client):
    first = scored(client, "a.mp4")["id"]
    marked = (Phase("run (1)", 0.0, 0.44), Phase("entry", 0.44, 2.04))
    made = client.post(f"/api/submissions/{first}/again", params={"phases": json.dumps([*map(asdict, marked)])}).json()
    made = wait(client, made["id"], "done")
    assert (made["name"], made["activity"]) == ("a.mp4", "shaking camera; by the phases of the page")
    part = client.post(f"/api/submissions/{made['id']}/again?start=1&end=2").json()
    renamed, other = scored(client, "b.mp4"), scored(client, "c.mp4", content=MP4 + b"other")
    kept = client.app.state.queue.submissions
    choices = [kept.get(one["id"]).choice for one in (made, renamed, other, part)]
    of_part = ChosenPart((1.0, 2.0))  # it has a clock of its own
    assert choices == [ChosenPart(phases=marked), ChosenPart(phases=marked), ChosenPart(), of_part]
    for wrong in ("[]", "x", '[{"name": "a", "start": 1, "end": 0}]', '[{"name": "a", "start": 1, "end": Infinity}]'):
        answer = client.post(f"/api/submissions/{first}/again", params={"phases": wrong})
        assert answer.status_code == 422


@pytest.mark.parametrize(
    ("reads", "names", "status", "said"),
    [
        (("video", "kinematics"), ("a.mp4", "b.txt"), 201, "a.mp4 + b.txt"),
        (("kinematics",), (None, "T_B001.txt"), 201, "T_B001.txt"),
        (("video", "kinematics"), ("a.mp4", None), 400, "drop the kinematics file (.txt) of this trial too"),
        (("video",), ("a.mp4", "b.txt"), 415, "does not read kinematics"),
        (("video", "kinematics"), ("T_B001_capture1.mp4", "T_C002.txt"), 400, "the kinematics of T_C002"),
        (("video", "kinematics"), ("a.mp4", "empty.txt"), 400, "empty or incomplete"),
    ],
)
def test_a_model_gets_the_files_that_it_reads(tmp_path, reads, names, status, said):
    given = []

    def score(submission, folder, _):
        given.append({path.name: path.read_bytes() for path in folder.iterdir() if path.name != RECORD})
        write_report(folder / REPORT, ReportData(submission.name))
        return Score("x", score=1.0)

    text = b"" if names[1] in (None, "empty.txt") else b"1 2 3\n" * 20_000
    headers = {"x-file-name": names[0], "x-kinematics-name": names[1], "x-kinematics-bytes": str(len(text))}
    film = MP4 if names[0] else b""
    with visited(tmp_path / "serve", score, reads=reads) as client:
        kept = {name: value for name, value in headers.items() if value is not None}
        answer = client.post("/api/videos", content=text + film, headers=kept)
        assert (answer.status_code, said in answer.text) == (status, True), answer.text
        if status == 201:
            wait(client, answer.json()["id"], "done")
            expected = {"kinematics.txt": text} | ({"video.mp4": film} if film else {})
            assert given == [expected]
    assert status == 201 or files(tmp_path) == set()


def test_failures_say_why_and_errors_of_the_program_reveal_nothing(client):
    bad = scored(client, "bad.mp4", "failed")
    assert bad["error"] == "no frame in the video stream. Leave this file out"
    tools = scored(client, "tools.mp4", "failed")
    assert tools["error"] == "kinematics.txt:3: 75 columns. Export 76 columns", "another file than the video is named"
    bug = scored(client, "bug.mp4", "failed")
    assert "secret" not in bug["error"]
    assert client.get(f"/submissions/{bad['id']}/report.html").status_code == 404


def test_submissions_run_one_after_the_other_and_can_be_cancelled(client, work):
    work.hold.clear()
    first, second, third = (send(client, f"{i}.mp4").json()["id"] for i in range(3))
    while (shown := wait(client, first, "running"))["share"] is None:
        pass
    assert (shown["activity"], shown["share"]) == ("computing", 0.5)
    assert send(client).status_code == 429
    wait(client, second, "queued")
    running = f"/api/submissions/{first}"
    assert statuses(client, f"DELETE {running}", f"POST {running}/again") == [409, 409]
    assert client.post(f"/api/submissions/{second}/cancel").json()["state"] == "cancelled"
    assert statuses(client, f"POST {running}/cancel") == [200]
    wait(client, first, "cancelled")
    work.hold.set()
    wait(client, third, "done")
    assert work.seen == [first, third]
    assert client.post(f"/api/submissions/{third}/cancel").status_code == 409


def test_refused_uploads_leave_nothing(client, tmp_path):
    def endless():
        for _ in range(1000):
            yield MP4

    refused = {"notes.txt": MP4, "no suffix": MP4, "empty.mp4": b""}
    statuses = [(name, content, 415) for name, content in refused.items()]
    statuses += [("large.mp4", MP4 * 100, 413), ("endless.mp4", endless(), 413)]  # type: ignore[list-item]
    for name, content, status in statuses:
        answer = send(client, name, content)
        assert (answer.status_code, bool(answer.json()["detail"])) == (status, True), name
    assert files(tmp_path) == set()
    assert client.get("/api/submissions").json() == {"submissions": [], "progress": False}


def test_no_name_of_a_client_reaches_the_disk(client, tmp_path):
    names = dict.fromkeys((f"{name}.mp4" for name in HOSTILE), "")
    names |= {"C:\\windows\\x.MP4": "x.MP4", "a" * 5000 + ".MP4": "a" * 196 + ".MP4"}
    for name, shown in names.items():
        given = scored(client, name)
        assert files(tmp_path) == {f"{given['id']}/video.mp4", f"{given['id']}/report.html"}
        assert given["name"].isprintable()
        assert "/" not in given["name"]
        assert shown in (given["name"], "")
        assert client.delete(f"/api/submissions/{given['id']}").status_code == 204


def test_foreign_pages_and_hosts_are_refused(client):
    hosts = {"evil.example": 421, "127.0.0.1.evil.example:8765": 421, "[::1]:8765": 200}
    assert {host: client.get("/", headers={"host": host}).status_code for host in hosts} == hosts
    foreign = ({"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:9999"}, {"x-aim-serve": ""})
    assert [send(client, **headers).status_code for headers in foreign] == [403] * 3
    assert client.delete("/api/submissions/x", headers={"origin": "null"}).status_code == 403
    assert statuses(client, "OPTIONS /api/videos") == [405]
    assert "access-control-allow-origin" not in client.get("/").headers


def test_in_a_network_the_server_answers_at_the_named_address_only(tmp_path, work):
    app = serve_app.create_app(tmp_path / "serve", Service(work), token=TOKEN, host="Lab.example")
    hosts = {"lab.example:8765": 200, "127.0.0.1:8765": 421, "localhost": 421, "evil.example:8765": 421}
    with testclient.TestClient(app, headers=OURS) as client:
        assert {host: client.get("/", headers={"host": host}).status_code for host in hosts} == hosts
        foreign = send(client, host="lab.example:8765", origin="http://127.0.0.1:8765")
        assert (foreign.status_code, files(tmp_path)) == (403, set())
        assert send(client, host="lab.example:8765", origin="http://lab.example:8765").status_code == 201
    for host, said in {
        "0": "every address.*one address of this machine",
        "203.0.113.9": "--host 203.0.113.9 is not an address of this machine",
    }.items():
        with pytest.raises(UsageError, match=said):
            _listen(0, host=host)


def test_only_visitors_with_the_link_are_admitted(tmp_path, work):
    app = serve_app.create_app(tmp_path / "serve", Service(work))
    token, ours = app.state.token, {name: value for name, value in OURS.items() if name != "cookie"}
    assert len(token) >= 40
    with testclient.TestClient(app, base_url="http://127.0.0.1:8765", headers=ours) as client:
        for path in ("/", "/?token=", "/?token=%ff", "/api/submissions", f"/submissions/{'0' * 32}/report.html"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["x-frame-options"]) == (403, "DENY")
            assert "Ask the person who started the page" in answer.text
        assert send(client).status_code == 403
        assert files(tmp_path) == set()
        for cookie in ("x", "aim-serve-8765=", "aim-serve-8765=x", f"aim-serve-1={token}", "a=b; ;;="):
            assert client.get("/api/submissions", headers={"cookie": cookie}).status_code == 403
        welcome = client.get(f"/?token={token}", follow_redirects=False)
        assert (welcome.status_code, welcome.headers["location"]) == (303, "/")
        assert "HttpOnly" in welcome.headers["set-cookie"]
        assert token not in client.get("/").text  # the client keeps the cookie
        assert send(client).status_code == 201


@pytest.fixture
def full_disk(monkeypatch):
    """Lets every record of a submission fail to be written, or not."""

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    write = submissions.write_bytes
    return lambda full: monkeypatch.setattr(submissions, "write_bytes", fail if full else write)


def test_a_full_disk_costs_no_result_and_one_that_cannot_be_kept_fails(tmp_path, full_disk, caplog):
    def work(submission, *_):
        full_disk("first" in submission.name)
        given = object() if "odd" in submission.name else 71.25
        return Score("x", score=given)

    with visited(tmp_path, work) as client:
        scored(client, "first.mp4")
        assert "a submission cannot be written ([Errno 28] No space left on device)" in caplog.text
        full_disk(False)
        scored(client, "odd.mp4", "failed")
        scored(client, "second.mp4")
    with closing(Submissions(tmp_path)) as kept:
        results = {one.name: (one.state, one.result and one.result.score) for one in kept.latest()}
    assert results == {"second.mp4": ("done", 71.25), "odd.mp4": ("failed", None), "first.mp4": ("done", 71.25)}


async def dripping(content=MP4, *, step=100, pause=0.01):
    """An upload in parts, with a pause before each but the first."""
    for offset in range(0, len(content), step):
        await asyncio.sleep(pause if offset else 0)
        yield content[offset : offset + step]


def send_together(app, *bodies):
    """The statuses of uploads that arrive at the same time."""

    async def run():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765", headers=OURS) as client:
            posts = (client.post("/api/videos", content=b, headers={"x-file-name": "x.mp4"}) for b in bodies)
            return sorted(answer.status_code for answer in await asyncio.gather(*posts))

    return asyncio.run(run())


@pytest.fixture
def limited(tmp_path, work):
    """Makes applications in folders of their own, with these limits."""
    apps = []

    def make(**limits):
        apps.append(create_app(tmp_path / str(len(apps)) / "serve", work, ServerLimits(**{"spare_bytes": 0, **limits})))
        return apps[-1]

    yield make
    for app in apps:
        app.state.queue.submissions.close()


def test_uploads_under_way_count_as_waiting(limited, tmp_path):
    app = limited(waiting=3)
    refused = send_together(app, *(dripping(b"") for _ in range(3)))
    assert refused == [415] * 3  # refused uploads do not count below
    assert send_together(app, *(dripping() for _ in range(20))) == [201] * 3 + [429] * 17
    assert len(files(tmp_path / "0")) == 3


def test_stalled_and_slow_uploads_are_dropped(limited, tmp_path):
    def stalled():
        return dripping(MP4 * 2, step=len(MP4), pause=60)

    start = time.monotonic()
    app = limited(stall_s=0.1, upload_s=0.5)
    assert send_together(app, stalled(), dripping(MP4 * 9, step=10, pause=0.02)) == [408, 408]
    assert time.monotonic() - start < 50, "the sender would go on for a minute"
    assert list((tmp_path / "0/serve/submissions").iterdir()) == []
    assert send_together(limited(spare_bytes=1 << 60, stall_s=0.1), stalled()) == [507]


def test_the_limit_is_checked_again_when_the_file_is_complete(limited, tmp_path):
    app = limited(waiting=1)

    async def overtaken():
        yield MP4
        app.state.queue.submit(Submission("a" * 32, "x.mp4", ".mp4", 1, "c"))

    assert send_together(app, overtaken()) == [429]
    assert files(tmp_path / "0") == set()


def test_an_upload_that_cannot_be_queued_leaves_nothing(client, tmp_path, full_disk):
    full_disk(True)
    answer = send(client)
    assert answer.status_code == 503
    assert "the submission cannot be kept (No space left on device)" in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert list((tmp_path / "serve" / "submissions").iterdir()) == []
    assert client.get("/api/submissions").json()["submissions"] == []
    full_disk(False)
    assert send(client).status_code == 201


KILLED = """
import sys, time
from pathlib import Path
from pipeline.score.video_score import Score
from pipeline.serve.submissions import Submission, Submissions
kept = Submissions(Path(sys.argv[1]))
for number, state in enumerate(("queued", "running", "done")):
    submission = Submission(f"{number:032x}", f"{state}.mp4", ".mp4", 1, "c")
    (kept.place / submission.id).mkdir()
    (kept.place / submission.id / "video.mp4").write_bytes(b"x")
    kept.add(submission)
    kept.update(submission.id, state=state, result=Score("x", score=1.0) if state == "done" else None)
half = kept.place / ("f" * 32)
half.mkdir()
(half / "video.mp4").write_bytes(b"x")
(kept.place / f"{2:032x}" / ".writing-a-1-ab").write_bytes(b"half a record")
print("held", flush=True)
time.sleep(600)
"""


def test_a_killed_server_leaves_whole_submissions_and_no_lock(tmp_path):
    """One server uses a folder. What ran when it was killed has failed; an upload without a record is deleted."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=r"another server uses this folder.*--folder"):
            run_server(tmp_path, SCORER, 0, Observer())
    finally:
        process.kill()
        process.wait()
        process.communicate()
    for name in ("a" * 32 + "/report.html", "d" * 32 + "/thesis.txt", "notes/video.mp4", "e" * 32 + f"/{RECORD}"):
        (tmp_path / "submissions" / name).parent.mkdir()
        (tmp_path / "submissions" / name).write_bytes(b"not a record")
    with closing(Submissions(tmp_path)) as kept:
        shown = {one.name: (one.state, one.failure, one.result and one.result.score) for one in kept.latest()}
        assert shown == {
            "queued.mp4": ("queued", None, None),
            "running.mp4": ("failed", INTERRUPTED, None),
            "done.mp4": ("done", None, 1.0),
        }
        assert (kept.next_queued() or kept.latest()[0]).name == "queued.mp4"
        left = {place.name.lstrip("0") for place in kept.place.iterdir()}
        assert left == {"", "1", "2", "d" * 32, "e" * 32, "notes"}, "other files are not the server's to delete"
        with pytest.raises(UsageError, match="another server"):
            Submissions(tmp_path)


def test_a_folder_that_cannot_be_used_is_refused(tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/history.sqlite").write_bytes(b"SQLite format 3")
    (tmp_path / "file").write_bytes(b"")
    for name, said in (("old", "of an earlier version"), ("file", "cannot be used")):
        with pytest.raises(CacheError, match=said):
            Submissions(tmp_path / name)
    monkeypatch.setattr("fcntl.flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    with pytest.raises(CacheError, match=r"cannot be used.*No locks available.*can be written and locked"):
        Submissions(tmp_path / "new")


def test_a_port_that_is_taken_is_refused(tmp_path, work):
    with closing(_listen(0)) as taken:
        assert taken.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UsageError, match="cannot be used"):
            run_server(tmp_path, SCORER, taken.getsockname()[1], Observer())
    create_app(tmp_path, work).state.queue.submissions.close()  # a failed start does not lock the folder
