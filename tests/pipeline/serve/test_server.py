"""Scoring an upload gives a submission's values and a page, or an error of one line; scores over time."""

import re
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data.errors import Cancelled, DataError, UsageError
from data.video import Phase, probe
from pipeline.cache.failure import Failure
from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Flag
from pipeline.observer import Observer
from pipeline.report import render_report
from pipeline.report.page_data import VideoSection
from pipeline.score.video_score import Score
from pipeline.serve import server as work
from pipeline.serve.submission_queue import RunningSubmission
from pipeline.serve.submissions import ChosenPart, Submission
from pipeline.settings.config import load_config
from pipeline.settings.stages import STAGES
from tests.helpers import report_samples

SUBMISSION = Submission("0" * 32, "<b>dive</b>.mp4", ".mp4", 10, "ab" * 32)


class FakeScorer:
    """Gives one row for all videos."""

    folder = Path("runs/demo")

    def __init__(self, row, stop=False):
        self.row, self.stop = row, stop
        self.records = []

    def score_records(self, records, observer):
        """One row, after half of the frames."""
        self.records += records
        with observer.progress("videos") as progress:
            progress.plan({records[0].id: 102})
            progress.inside(records[0].id, 51, 102, ("clips", "pose"))
            progress.inside(records[0].id, 0, 0, ("timesteps",))
        if self.stop:
            observer.stop_event().set()
        return [self.row]


class Noted(RunningSubmission):
    """Notes the progress that is reported."""

    def __init__(self):
        super().__init__(SUBMISSION.id)
        self.reported = []

    def progress(self, stage, share=None):
        self.reported.append((stage, share))


def run(scorer, folder, submission=SUBMISSION):
    """The values of the scored submission, and the reported progress."""
    running = Noted()
    return work.score_upload(scorer, Observer(), submission, folder / submission.id, running), running.reported


@pytest.fixture
def pages(monkeypatch):
    """The pages that are written, each with its path."""
    made = []

    def write(path, scored, head):
        made.append((path, head))
        return replace(head, videos=tuple(VideoSection(row.id, row) for row in scored.rows))

    monkeypatch.setattr("pipeline.report.write_scores_page", write)
    return made


def test_every_stage_has_words_for_people_who_upload():
    assert set(work.ACTIVITIES) == set(STAGES)


def test_two_uploads_become_one_page(tmp_path, monkeypatch):
    """Each as it was scored: its part, its person."""
    pages = []
    monkeypatch.setattr("pipeline.report.write_comparison_page", lambda _, scored, __: pages.append(scored))
    first, second = (
        replace(SUBMISSION, id=str(number) * 32, name=f"{number}.mp4", content=f"{number}" * 64) for number in (1, 2)
    )
    scorer = FakeScorer(Score("x", score=1.0))
    of_region = FakeScorer(Score("y", score=2.0))
    scorer.following = lambda region: nullcontext(of_region)

    def compared(one, other):
        given = replace(SUBMISSION, pair=(one, other), name="one beside other", suffix="")
        before = len(scorer.records)
        assert run(scorer, tmp_path, given)[0] is None
        return [record.path for record in scorer.records[before:]]

    videos = [tmp_path / one.id / "video.mp4" for one in (first, second)]
    assert compared(first, second) == videos
    assert list(pages[-1].names.values()) == ["1.mp4", "2.mp4"]
    report_samples.dive_video(videos[0])
    part = replace(first, choice=ChosenPart((0.4, 1.2)))
    assert compared(part, second) == [tmp_path / first.id / "video.trimmed.mp4", videos[1]]
    assert compared(first, replace(second, choice=ChosenPart(region=(0.1, 0.2, 0.5, 0.9)))) == videos[:1]
    assert [row.score for row in pages[-1].rows] == [1.0, 2.0]
    assert pages[-1].following == {of_region.records[0].id: of_region}
    with pytest.raises(DataError, match="the same video"):
        compared(first, first)


def test_the_chosen_part_person_and_phases_are_scored(tmp_path, pages):
    report_samples.dive_video(tmp_path / SUBMISSION.id / "video.mp4")
    scorer = FakeScorer(Score("x", score=1.0))
    regions = []
    scorer.following = lambda region: regions.append(region) or nullcontext(scorer)
    phases = (Phase("run", 0.0, 0.4), Phase("entry", 0.4, 0.8))
    run(scorer, tmp_path, replace(SUBMISSION, choice=ChosenPart((0.4, 1.2), (0.1, 0.2, 0.5, 0.9), phases)))
    assert regions == [(0.1, 0.2, 0.5, 0.9)]
    (record,) = scorer.records
    assert record.phases == phases
    assert record.id != f"uploads/{SUBMISSION.content[:16]}.mp4"
    info, times = probe(record.path)
    assert (info.width, info.height) == report_samples.SIZE
    assert len(times) == 21
    assert times[-1] == pytest.approx(0.8, abs=0.01)


def test_a_score_and_its_page(tmp_path, pages):
    """With and without kinematics, and a video; the record's id is made of the content, never of the client's name."""
    flags = (Flag("warn", "shaking camera"), Flag("info", "no 95 % interval"))
    scorer = FakeScorer(Score("x", model="sha", score=70.5, interval80=(60.0, 80.0), flags=flags))
    outcome, progress = run(scorer, tmp_path)
    assert outcome == scorer.row
    assert replace(SUBMISSION, result=outcome).remark == "shaking camera"
    assert progress[1:3] == [
        ("watching the whole scene, finding the athlete: 50 %, about 0 s left", 0.5),
        ("cutting the video into steps", None),
    ]
    ((path, head),) = pages
    assert path == tmp_path / SUBMISSION.id / "report.html"
    assert (head.title, head.home) == (SUBMISSION.name, "/")
    (folder := tmp_path / SUBMISSION.id).mkdir()
    (folder / "kinematics.txt").write_text("1 2 3")
    scorer.row = Score("x", score=45.4, flags=(Flag("bad", "unlike the training performances"),))
    for suffix in (".mp4", ""):
        outcome, _ = run(scorer, tmp_path, replace(SUBMISSION, suffix=suffix))
    assert replace(SUBMISSION, result=outcome).remark == "no score: unlike the training performances"
    assert [
        (record.id.partition(".")[0], record.path, list(record.sidecars.values())) for record in scorer.records
    ] == [
        ("uploads/abababababababab", path, sidecars)
        for path, sidecars in (
            (folder / "video.mp4", []),
            (folder / "video.mp4", [folder / "kinematics.txt"]),
            (None, [folder / "kinematics.txt"]),
        )
    ]


def test_a_model_that_the_page_cannot_feed_is_refused():
    planner = SimpleNamespace(stages={"pose": SimpleNamespace(backend="import")})
    scorer = SimpleNamespace(folder=Path("runs/x"), planner=planner)
    with pytest.raises(UsageError, match="keypoints or features of another program"):
        work.refuse_keypoint_models(scorer)
    planner.stages["pose"].backend = "movenet"
    work.refuse_keypoint_models(scorer)
    planner.stages["features"] = SimpleNamespace()
    with pytest.raises(UsageError, match="keypoints or features of another program"):
        work.refuse_keypoint_models(scorer)


def test_failures_and_stops(tmp_path):
    failure = Failure("video", "pose", "no frame in the video stream", "Leave this file out")
    assert run(FakeScorer(Score("x", failure=failure)), tmp_path)[0] == failure
    film = "uploads/cdcdcdcdcdcdcdcd.mp4"
    pair = (replace(SUBMISSION, id="1" * 32), replace(SUBMISSION, id="2" * 32, name="after.mp4", content="cd" * 32))
    compared = FakeScorer(Score(film, failure=failure))
    assert run(compared, tmp_path, replace(SUBMISSION, pair=pair, suffix=""))[0] == replace(
        failure, cause=f"after.mp4: {failure.cause}"
    ), "which of both"
    with pytest.raises(Cancelled):
        run(FakeScorer(Score("x", score=1.0), stop=True), tmp_path)
    assert not list(tmp_path.iterdir())


ERROR = Accuracy(40, 0.8, 5.0, 9.0, 14.6, True)


def submission(name, score, content="", **options):
    """A scored upload of this name."""
    given = {"model": "now", "accuracy": ERROR} | options
    choice = given.pop("choice", ChosenPart())
    result = Score("x", score=score, interval80=(1.0, 90.0), **given)
    key = f"{name}{choice}"
    return Submission(key, name, ".mp4", 1, content or name, "done", result=result, choice=choice)


def said(*submissions):
    """The sentences of the page on progress."""
    page = work.progress_page(submissions, "now")
    text = unescape(render_report(page)) if page else ""
    return [re.sub(r"\s+", " ", line) for line in re.findall(r"<li>(\w+: [^<]*)</li>", text)]


def test_a_video_counts_as_it_was_scored_last():
    part = submission("anna_2026-05-31.MP4", 75.0, "same", choice=ChosenPart((1.0, 3.0)))
    submissions = (part, submission("anna_2026-05-31.MP4", 70.0, "same"), submission("anna_2026-03-01.mp4", 62.0))
    assert said(*submissions) == [
        "anna: 62 on 2026-03-01, 75 on 2026-05-31 (+13; 2 videos). This is smaller than the model's usual error of "
        "±14.6: no sign of progress."
    ]


def test_scores_that_cannot_be_compared_are_left_out():
    for options in ({"model": "another"}, {"score": None}, {"flags": (Flag("bad", "too short"),)}):
        later = {"score": 71.0, **options}
        assert said(submission("anna_2026-05-31.mp4", **later), submission("anna_2026-03-01.mp4", 62.0)) == []


def test_the_server_has_the_page_once_there_is_progress(tmp_path):
    testclient = pytest.importorskip("fastapi.testclient")
    from pipeline.serve.app import Service, create_app
    from pipeline.serve.request_guard import cookie_name

    over_time = partial(work.progress_page, model="now")
    app = create_app(tmp_path, Service(lambda *_: None, over_time=over_time), token="t")
    headers = {"cookie": f"{cookie_name('127.0.0.1:1')}=t"}
    with testclient.TestClient(app, base_url="http://127.0.0.1:1", headers=headers) as client:
        kept = app.state.queue.submissions
        kept.add(submission("anna_2026-05-31.mp4", 71.0, accuracy=None))
        assert client.get("/api/submissions").json()["progress"] is False
        assert client.get("/progress.html").status_code == 404
        assert "anna_2026-05-31.mp4" in client.get("/progress.html").json()["detail"]
        kept.add(submission("anna_2026-03-01.mp4", 62.0, accuracy=None))
        assert client.get("/api/submissions").json()["progress"] is True
        page = client.get("/progress.html").text
        assert "anna: 62.00 on 2026-03-01, 71.00 on 2026-05-31" in page
        assert 'href="/">← All videos' in page or 'href="./">← All videos' in page


def test_the_page_names_data_set_scale_and_number():
    labels = np.array([[62.0, np.nan, np.nan], [71.5, np.nan, np.nan], [np.nan] * 3])
    model = SimpleNamespace(train_ids=("a.mp4", "b.mp4", "c.mp4"), train_labels=labels, guesses="")
    scorer = SimpleNamespace(model=model, config=load_config(overrides={"name": "diving"}), folder=Path("runs/dives"))
    assert work.judged(scorer) == "Scores videos like its 3 training videos (diving), on a scale of 62.00 to 71.50."
    scorer.config = load_config()
    model.guesses = "no better"
    guesses = "It is not certainly better than guessing: pages show movement, and no score."
    said = "Scores videos like its 3 training videos (dives), on a scale of 62.00 to 71.50."
    assert work.judged(scorer) == f"{said} {guesses}"
