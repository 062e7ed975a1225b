"""The addresses of the page: admitted visitors, refused answers, written answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.datasets.rater_answers import all_answers
from data.video import embed_video
from pipeline.label import find_session, video_copies
from pipeline.label.label_app import create_label_app, kept_token

testclient = pytest.importorskip("fastapi.testclient")

SEND = {"x-aim-serve": "1"}


@pytest.fixture
def folder(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Three videos that browsers do not play, and a file that is no video."""
    for number in range(3):
        make_video(tmp_path / f"{number}.avi", frames=3 + number)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    return tmp_path


def client(folder: Path, **options: Any) -> Any:
    session, _ = find_session(folder, **options)
    app = create_label_app(session, token="t")
    return testclient.TestClient(app, base_url="http://127.0.0.1", cookies={"aim-serve-80": "t"})


def answer(page: Any, given: dict[str, Any], **more: Any) -> Any:
    contents = [one["content"] for one in given["question"]]
    body = {"rater": "anna", "contents": contents, "answer": "scored", "scores": {"score": 5.0}, **more}
    return page.post("/api/answers", json=body, headers=SEND)


def test_without_the_token_nothing_is_shown(folder: Path) -> None:
    page = client(folder)
    page.cookies.clear()
    assert page.get("/").status_code == 403
    assert page.get("/api/question?rater=anna").status_code == 403
    assert page.get("/?token=t", follow_redirects=False).status_code == 303


def test_every_video_is_asked_once_and_one_that_cannot_be_shown_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = folder / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with client(folder) as page:
        page.get("/")
        assert list(scratch.iterdir()) == [], "a server that is killed before a copy leaves no folder"
        given = page.get("/api/question", params={"rater": "anna"}).json()
        seen = []
        while given["question"]:
            content = given["question"][0]["content"]
            seen.append(content)
            copy = page.get(f"/videos/{content}")
            assert (copy.status_code, copy.headers["content-type"]) == (200, "video/mp4")
            part = page.get(f"/videos/{content}", headers={"range": "bytes=0-3"})
            assert part.status_code == 206, "browsers seek by it"
            given = answer(page, given).json()
        assert len(set(seen)) == len(seen) == 3
        assert page.get(f"/videos/{'0' * 64}").status_code == 404
        assert len(list(scratch.glob("aim-label-*/*.mp4"))) == 3
    assert list(scratch.iterdir()) == []


def test_copies_are_made_ahead_each_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, two, copied = threading.Event(), threading.Barrier(3, timeout=60), list[str]()

    def slowly(path: Path, limit: int) -> Any:
        copied.append(path.name)
        if not go_on.is_set():
            two.wait()
            assert go_on.wait(60)
        return embed_video(path, limit)

    monkeypatch.setattr(video_copies, "embed_video", slowly)
    with client(folder) as page:
        given = page.get("/api/question", params={"rater": "anna"}).json()
        assert [one["copying"] for one in given["question"]] == [True]
        two.wait()  # for the copy of the next question too, before it is asked
        go_on.set()
        assert page.get(f"/videos/{given['question'][0]['content']}").status_code == 200
        given = answer(page, given).json()
        (following,) = given["question"]
        assert page.get(f"/videos/{following['content']}").status_code == 200
        again = page.get("/api/question", params={"rater": "anna"}).json()
        assert again["question"] == [following | {"copying": False}]
    assert len(copied) == len(set(copied)) == 3


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"answer": "better"}, 400),
        ({"scores": {}}, 400),
        ({"scores": {"score": 1e300}}, 400),
        ({"scores": {"score": 5, "execution": 5}}, 400),
        ({"contents": []}, 400),
        ({"contents": ["0" * 64]}, 409),
        ({"rater": "../anna"}, 400),
        ({"rater": "a" * 300}, 422),
        ({"path": "x"}, 422),
    ],
)
def test_answers_that_do_not_fit_are_refused_and_nothing_is_written(
    folder: Path, more: dict[str, Any], status: int
) -> None:
    page = client(folder)
    given = page.get("/api/question", params={"rater": "anna"}).json()
    assert answer(page, given, **more).status_code == status
    assert all_answers(folder) == ({}, [])


@pytest.mark.parametrize(("number", "fix"), [(28, "Free space on the disk"), (30, "a file to write in")])
def test_an_answer_that_is_not_written_is_not_confirmed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, fix: str
) -> None:
    page = client(folder)
    given = page.get("/api/question", params={"rater": "anna"}).json()

    def refused_by_disk(*_: Any) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("pipeline.label.label_app.append_answers", refused_by_disk)
    refused = answer(page, given)
    assert refused.status_code == 507
    assert "not saved" in refused.json()["detail"]
    assert fix in refused.json()["detail"]


def test_a_failure_after_the_answer_was_saved_does_not_say_that_it_was_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client(folder)
    given = page.get("/api/question", params={"rater": "anna"}).json()

    def unreadable(path: Path, marked: bool) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("pipeline.label.questions.read_answers", unreadable)
    refused = answer(page, given)
    assert refused.json()["detail"] == "anna.csv cannot be read (Input/output error); no answer is lost"
    assert len(all_answers(folder)[0]["anna"]) == 1


def test_two_servers_save_the_answers_of_one_rater(folder: Path) -> None:
    pages = [client(folder), client(folder)]
    given = pages[0].get("/api/question", params={"rater": "anna"}).json()
    for page in pages:
        assert answer(page, given).status_code == 200
    assert len(all_answers(folder)[0]["anna"]) == 1


def test_an_answer_keeps_its_seconds(folder: Path) -> None:
    page = client(folder)
    given = page.get("/api/question", params={"rater": "anna"}).json()
    assert answer(page, given, seconds=-1).status_code == 422
    assert answer(page, given, seconds=7.26).status_code == 200
    assert [one.seconds for one in all_answers(folder)[0]["anna"].values()] == [7.3]


def test_one_video_of_a_pair_may_be_no_performance(folder: Path) -> None:
    page = client(folder, pairs=True)
    given = page.get("/api/question", params={"rater": "anna"}).json()
    left = given["question"][0]["content"]
    after = answer(page, given, answer="no performance", scores={}, contents=[left]).json()
    assert left not in [one["content"] for one in after["question"]]
    assert (after["done"], after["of"]) == (0, 1), "of two videos; the file that is no video does not count"
    both = [one["content"] for one in given["question"]]
    assert answer(page, given, answer="no performance", scores={}, contents=both).status_code == 400


RUN = {"name": "run", "start": 0.0, "end": 0.2}
ENTRY = {"name": "entry", "start": 0.2, "end": 0.5}


def mark(page: Any, given: dict[str, Any], phases: list[Any]) -> Any:
    return answer(page, given, answer="marked", scores={}, phases=json.dumps(phases), seconds=7.31)


def test_two_servers_lose_no_phases_of_one_rater(folder: Path) -> None:
    """Both mark at the same time; of the one video that both mark, the last answer counts."""
    pages = [client(folder, phases=("run", "entry")) for _ in range(2)]
    questions = [page.get("/api/question", params={"rater": "anna"}).json() for page in pages]
    questions[1] = (
        pages[1].get("/api/question", params={"rater": "anna", "after": questions[0]["question"][0]["content"]}).json()
    )

    def several(page: Any, given: dict[str, Any], begin: float) -> None:
        for _ in range(2):
            given = mark(page, given, [{**RUN, "end": begin}, {**ENTRY, "start": begin}]).json()

    writers = [
        threading.Thread(target=several, args=(page, given, 0.1 + number / 10))
        for number, (page, given) in enumerate(zip(pages, questions, strict=True))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert len(all_answers(folder, marked=True)[0]["anna"]) == 3
    assert len((folder / "ratings/anna.csv").read_text().splitlines()) == 1 + 4


def test_phases_are_saved_shown_again_and_mended(folder: Path) -> None:
    page = client(folder, phases=("run", "flight", "entry"))
    seen, given = [], page.get("/api/question", params={"rater": "anna"}).json()
    for done in range(3):
        (first,) = given["question"]
        assert (given["done"], first["phases"]) == (done, [])
        seen.append(first["content"])
        given = mark(page, given, [RUN, ENTRY]).json()
    assert len(set(seen)) == 3
    assert (given["done"], given["of"]) == (3, 3), "the file that is no video does not count"
    assert given["question"][0]["content"] == seen[0], "to mend"
    assert given["question"][0]["phases"] == [RUN, ENTRY]
    after = page.get("/api/question", params={"rater": "anna", "after": seen[0]}).json()
    assert after["question"][0]["content"] == seen[1]
    mark(page, given, [{**ENTRY, "end": 0.4}])
    marked = all_answers(folder, marked=True)[0]["anna"]
    assert sorted(len(one.phases) for one in marked.values()) == [1, 2, 2]
    assert {one.seconds for one in marked.values()} == {7.3}, "an answer keeps its seconds"
    assert all_answers(folder)[0] == {"anna": {}}, "phases are no scores"
    assert page.get("/api/agreement").json()["lines"][0].startswith("The agreement is unknown")


@pytest.mark.parametrize(
    "phases",
    [
        [],
        [ENTRY, RUN],
        [RUN, RUN],
        [{**RUN, "name": "fall"}],
        [{**RUN, "end": 0.1}, ENTRY],
        [{**RUN, "start": -1}],
        [{**RUN, "end": 0.0}],
    ],
)
def test_phases_that_do_not_fit_are_refused_and_nothing_is_written(folder: Path, phases: list[Any]) -> None:
    page = client(folder, phases=("run", "flight", "entry"))
    given = page.get("/api/question", params={"rater": "anna"}).json()
    assert mark(page, given, phases).status_code in (400, 422)
    assert answer(page, given).status_code == 400, "a score"
    assert not (folder / "ratings").exists()
    (folder / "ratings").mkdir()
    (folder / "ratings/anna.csv").symlink_to(folder / "0.avi")
    assert mark(page, given, [RUN]).status_code == 507


def test_the_token_is_kept_in_a_private_file_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    token = kept_token(tmp_path)
    (kept,) = (tmp_path / "user/aim/links").iterdir()
    assert kept_token(tmp_path) == token
    assert kept_token(tmp_path / "user") != token, "every folder has its own"
    assert kept.stat().st_mode & 0o077 == 0
    for spoil in (lambda: kept.chmod(0o644), lambda: kept.write_text("short")):
        before = kept_token(tmp_path)
        spoil()
        assert kept_token(tmp_path) != before
        assert kept.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert kept_token(tmp_path) != kept_token(tmp_path), "no place for it: the page starts all the same"


def test_the_page_escapes_the_rubric(folder: Path) -> None:
    session, _ = find_session(folder)
    app = create_label_app(session, "# <script>alert(1)</script>", token="t")
    page = testclient.TestClient(app, base_url="http://127.0.0.1", cookies={"aim-serve-80": "t"}).get("/")
    assert "<script>alert" not in page.text
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
