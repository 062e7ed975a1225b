"""The addresses of the page: admitted visitors, refused answers, written answers."""

import json
import threading

import pytest

from data.datasets.rater_answers import all_answers
from data.video import embed_video
from pipeline.label import find_session, video_copies
from pipeline.label.label_app import create_label_app, kept_token

testclient = pytest.importorskip("fastapi.testclient")

SEND = {"x-aim-serve": "1"}


@pytest.fixture
def folder(make_video, tmp_path):
    """Three videos that browsers do not play, and a file that is not a video."""
    for number in range(3):
        make_video(tmp_path / f"{number}.avi", frames=3 + number)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    return tmp_path


def client(folder, rubric="", **options):
    session, _ = find_session(folder, **options)
    app = create_label_app(session, rubric, token="t")
    return testclient.TestClient(app, base_url="http://127.0.0.1", cookies={"aim-serve-80": "t"})


def ask(page, **more):
    """The next question of Anna."""
    return page.get("/api/question", params={"rater": "anna", **more}).json()


def answer(page, given, **more):
    contents = [one["content"] for one in given["question"]]
    body = {"rater": "anna", "contents": contents, "answer": "scored", "scores": {"score": 5.0}, **more}
    return page.post("/api/answers", json=body, headers=SEND)


def test_the_page_needs_its_token_and_escapes_the_rubric(folder):
    page = client(folder, "# <script>alert(1)</script>")
    shown = page.get("/")
    assert "<script>alert" not in shown.text
    assert "script-src 'sha256-" in shown.headers["content-security-policy"]
    assert shown.headers["x-frame-options"] == "DENY"
    page.cookies.clear()
    answers = [page.get(path, follow_redirects=False) for path in ("/", "/api/question?rater=anna", "/?token=t")]
    assert [one.status_code for one in answers] == [403, 403, 303]


def test_a_rater_with_a_link_cannot_read_or_answer_as_another(folder):
    app = create_label_app(find_session(folder)[0], token="t", host="lab.example", raters=("Anna", "ben", "anna "))
    assert [*app.state.tokens] == ["anna", "ben"]
    page = testclient.TestClient(app, base_url="http://lab.example:1")
    assert page.get("/?token=t").status_code == 403, "the link without a rater admits nobody"
    page.get("/", params={"token": app.state.tokens["anna"]})
    given = ask(page)
    for refused in (page.get("/api/question", params={"rater": "ben"}), answer(page, given, rater="Ben")):
        assert (refused.status_code, "the link of anna" in refused.json()["detail"]) == (403, True)
    assert answer(page, given, rater="ANNA").status_code == 200
    assert [path.name for path in (folder / "ratings").iterdir()] == ["anna.csv"]


def test_every_video_is_asked_once_and_one_that_cannot_be_shown_is_left_out(folder, monkeypatch):
    scratch = folder / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with client(folder) as page:
        page.get("/")
        assert list(scratch.glob("aim-label-*")) == [], "a server that is killed before a copy leaves no folder"
        given = ask(page)
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
        assert ask(page, back=1)["of"] == 3
        assert page.get(f"/videos/{'0' * 64}").status_code == 404
        assert len(list(scratch.glob("aim-label-*/*.mp4"))) == 3
    assert list(scratch.iterdir()) == []


def test_copies_are_made_ahead_each_once(folder, monkeypatch):
    go_on, two, copied = threading.Event(), threading.Barrier(3, timeout=60), list[str]()

    def slowly(path, limit):
        copied.append(path.name)
        if not go_on.is_set():
            two.wait()
            assert go_on.wait(60)
        return embed_video(path, limit)

    monkeypatch.setattr(video_copies, "embed_video", slowly)
    with client(folder) as page:
        given = ask(page)
        assert [one["copying"] for one in given["question"]] == [True]
        two.wait()  # for the copy of the next question too, before it is asked
        go_on.set()
        assert page.get(f"/videos/{given['question'][0]['content']}").status_code == 200
        given = answer(page, given).json()
        (following,) = given["question"]
        assert page.get(f"/videos/{following['content']}").status_code == 200
        again = ask(page)
        assert again["question"] == [following | {"copying": False}]
    assert len(copied) == len(set(copied)) == 3


REFUSED = {
    400: [
        {"answer": "better"},
        {"scores": {}},
        {"scores": {"score": 1e300}},
        {"scores": {"score": 5, "execution": 5}},
        {"contents": []},
        {"rater": "../anna"},
    ],
    409: [{"contents": ["0" * 64]}],
    422: [{"rater": "a" * 300}, {"path": "x"}, {"seconds": -1}],
}


def test_answers_that_do_not_fit_are_refused(folder):
    page = client(folder)
    given = ask(page)
    for status, answers in REFUSED.items():
        assert [answer(page, given, **more).status_code for more in answers] == [status] * len(answers)
    sent = [page.post("/api/answers", content=body, headers=SEND) for body in (b'{"rater": "\\ud800"}', bytes(2 << 20))]
    assert [refused.status_code for refused in sent] == [422, 413]
    assert all_answers(folder) == ({}, [])


def test_a_failure_after_the_answer_was_saved_does_not_say_that_it_was_not(folder, monkeypatch):
    page = client(folder)
    given = ask(page)

    def unreadable(path, marked):
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("pipeline.label.questions.read_answers", unreadable)
    refused = answer(page, given)
    assert refused.json()["detail"] == "anna.csv cannot be read (Input/output error); no answer is lost"
    assert len(all_answers(folder)[0]["anna"]) == 1


def test_one_video_of_a_pair_may_be_no_performance(folder):
    page = client(folder, pairs=True)
    given = ask(page)
    left = given["question"][0]["content"]
    after = answer(page, given, answer="no performance", scores={}, contents=[left]).json()
    assert left not in [one["content"] for one in after["question"]]
    assert (after["done"], after["of"]) == (0, 1), "of two videos; the file that is not a video does not count"
    both = [one["content"] for one in given["question"]]
    back = ask(page, back=1)
    assert [one["content"] for one in back["question"]] == both, "the pair as it was asked, after a reload too"
    assert (back["given"]["answer"], back["given"]["contents"], back["earlier"]) == ("no performance", [left], 0)
    assert answer(page, given, answer="no performance", scores={}, contents=both).status_code == 400


def test_scores_outside_the_range_are_refused(folder):
    page = client(folder, score_range=("0", "10"))
    given = ask(page)
    refused = [answer(page, given, scores={"score": score}).json()["detail"] for score in (10.5, -4)]
    assert refused == ["a score is outside the range. Type one from 0 to 10"] * 2
    assert answer(page, given, scores={"score": 10}).status_code == 200


RUN = {"name": "run", "start": 0.0, "end": 0.2}
ENTRY = {"name": "entry", "start": 0.2, "end": 0.5}


def mark(page, given, phases):
    return answer(page, given, answer="marked", scores={}, phases=json.dumps(phases), seconds=7.31)


def test_phases_that_do_not_fit_are_refused_and_nothing_is_written(folder):
    page = client(folder, phases=("run", "flight", "entry"))
    given = ask(page)
    for phases in (
        *([], [ENTRY, RUN], [RUN, RUN], [{**RUN, "name": "fall"}], [{**RUN, "end": 0.1}, ENTRY]),
        *([{**RUN, "start": -1}], [{**RUN, "end": 0.0}]),
    ):
        assert mark(page, given, phases).status_code in (400, 422)
    assert answer(page, given).status_code == 400, "a score"
    assert not (folder / "ratings").exists()
    (folder / "ratings").mkdir()
    (folder / "ratings/anna.csv").symlink_to(folder / "0.avi")
    refused = mark(page, given, [RUN])
    assert (refused.status_code, "Free space on the disk" in refused.json()["detail"]) == (507, True)


def test_the_token_is_kept_in_a_private_file_of_the_user(tmp_path, monkeypatch):
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
