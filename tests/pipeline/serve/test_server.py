"""Scoring an upload: the scorer's rows become an outcome and a page, its failures one line."""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from data.errors import Cancelled, DataError, UsageError, VideoError
from data.video import probe
from data.video.records import Record
from pipeline.observer import Observer
from pipeline.report import ReportData
from pipeline.report.page_data import VideoReport
from pipeline.results import Flag, Score
from pipeline.serve import server as work
from pipeline.serve.history import ScoringJob
from pipeline.stages import STAGES
from tests.helpers import report_samples

JOB = ScoringJob("0" * 32, "<b>dive</b>.mp4", ".mp4", 10, "ab" * 32)


class FakeScorer:
    """Scores the videos given."""

    folder = Path("runs/demo")

    def __init__(self, row: Score, stop: bool = False) -> None:
        self.row, self.stop = row, stop
        self.records: list[Record] = []

    def score_records(self, records: list[Record], observer: Observer) -> list[Score]:
        """One row, after half of the frames."""
        self.records += records
        with observer.progress("videos") as progress:
            progress.plan({records[0].id: 102})
            progress.frames(records[0].id, 51, 102, ("clips", "pose"))
            progress.frames(records[0].id, 0, 0, ("timesteps",))
        if self.stop:
            observer.stop_event().set()
        return [self.row]


def run(scorer: Any, tmp_path: Path) -> tuple[Any, list[tuple[str, float | None]]]:
    """The outcome and the progress reported on the way."""
    progress: list[tuple[str, float | None]] = []
    video = tmp_path / "video.mp4"
    page, stop = tmp_path / "report.html", threading.Event()
    made = work.score_upload(scorer, Observer(), JOB, video, page, lambda *reported: progress.append(reported), stop)
    return made, progress


def shown(pages: list[tuple[Any, ...]], *parts: Any, **named: Any) -> ReportData:
    """The page of a scored upload, noted in `pages`."""
    pages.append((parts, named))
    return ReportData(named["title"], videos=tuple(VideoReport(row.id, row) for row in parts[2]))


def test_a_score_that_is_not_valid_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.report.report_scores", partial(shown, []))
    outcome, _ = run(
        FakeScorer(Score("x", score=45.4, flags=(Flag("bad", "unlike the training performances"),))), tmp_path
    )
    assert (outcome["level"], outcome["stage"]) == (
        "bad",
        "this score is not valid: unlike the training performances",
    )


def test_every_stage_has_words_of_whoever_uploads() -> None:
    assert set(work.ACTIVITIES) == set(STAGES)


def test_two_uploads_become_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[tuple[Any, ...]] = []
    monkeypatch.setattr("pipeline.report.report_comparison", lambda *parts, **named: pages.append((parts, named)))
    pair = [
        replace(JOB, id="1" * 32, name="before.mp4"),
        replace(JOB, id="2" * 32, name="after.mp4", content="cd" * 32),
    ]
    job = replace(JOB, pair=json.dumps([asdict(one) for one in pair]), name="before beside after", suffix="")
    scorer: Any = FakeScorer(Score("x", score=1.0))
    report = tmp_path / job.id / "report.html"
    assert work.score_upload(scorer, Observer(), job, report.with_name("video"), report, lambda *_: None, Event()) == {}
    ((_, named),) = pages
    assert list(named["names"].values()) == ["before.mp4", "after.mp4"]
    assert [record.path for record in scorer.records] == [tmp_path / one.id / "video.mp4" for one in pair]
    same = replace(job, pair=json.dumps([asdict(pair[0]), asdict(pair[0])]))
    with pytest.raises(DataError, match="the same video"):
        work.score_upload(scorer, Observer(), same, report, report, lambda *_: None, Event())


def test_the_chosen_part_and_person_are_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.report.report_scores", partial(shown, []))
    video = report_samples.dive_video(tmp_path / "video.mp4")
    scorer: Any = FakeScorer(Score("x", score=1.0))
    regions: list[Any] = []
    scorer.session = nullcontext()
    scorer.following = lambda region: regions.append(region) or scorer
    job = replace(JOB, choice=json.dumps({"start": 0.4, "end": 1.2, "region": [0.1, 0.2, 0.5, 0.9]}))
    work.score_upload(scorer, Observer(), job, video, tmp_path / "report.html", lambda *_: None, Event())
    assert regions == [[0.1, 0.2, 0.5, 0.9]]
    (record,) = scorer.records
    assert record.id != f"uploads/{JOB.content[:16]}.mp4"
    info, times = probe(record.path)
    assert (info.width, info.height) == report_samples.SIZE
    assert len(times) == 21
    assert times[-1] == pytest.approx(0.8, abs=0.01)


def test_a_score_and_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[tuple[Any, ...]] = []
    monkeypatch.setattr("pipeline.report.report_scores", partial(shown, pages))
    scorer = FakeScorer(
        Score(
            "x",
            model="sha",
            score=70.5,
            interval80=(60.0, 80.0),
            flags=(Flag("warn", "shaking camera"), Flag("info", "no 95 % interval")),
        )
    )
    outcome, progress = run(scorer, tmp_path)
    assert outcome == {
        "score": 70.5, "low": 60.0, "high": 80.0, "flags": 2, "level": "warn", "stage": "shaking camera",
        "decimals": 2, "model": "sha",
    }  # fmt: skip
    assert progress[1:3] == [
        ("watching the whole scene, finding the athlete: 50 %, about 0 s left", 0.5),
        ("cutting the video into steps", None),
    ]
    ((parts, named),) = pages
    assert parts[0] == tmp_path / "report.html"
    assert (named["title"], named["home"]) == (JOB.name, "/")
    (record,) = scorer.records
    assert record.id == "uploads/abababababababab.mp4"  # of the content, never of the client's name


def test_the_files_of_a_trial_become_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.report.report_scores", partial(shown, []))
    (tmp_path / "kinematics.txt").write_text("1 2 3")
    scorer: Any = FakeScorer(Score("x", score=1.0))
    for suffix, path in ((".mp4", tmp_path / "video.mp4"), ("", None)):
        video = tmp_path / f"video{suffix}"
        job = replace(JOB, suffix=suffix)
        work.score_upload(scorer, Observer(), job, video, tmp_path / "report.html", lambda *_: None, threading.Event())
        assert scorer.records[-1].path == path
        assert scorer.records[-1].sidecars == {"kinematics": tmp_path / "kinematics.txt"}


def test_a_model_that_the_page_cannot_feed_is_refused() -> None:
    planner = SimpleNamespace(stages=("pose",), configs={"pose": SimpleNamespace(backend="import")})
    scorer: Any = SimpleNamespace(folder=Path("runs/x"), planner=planner)
    with pytest.raises(UsageError, match="keypoint files of another program"):
        work.refuse_keypoint_models(scorer)
    planner.configs["pose"].backend = "movenet"
    work.refuse_keypoint_models(scorer)


def test_failures_and_stops(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no frame in the video stream"):
        run(FakeScorer(Score("x", error="no frame in the video stream")), tmp_path)
    with pytest.raises(Cancelled):
        run(FakeScorer(Score("x", score=1.0), stop=True), tmp_path)
    assert not (tmp_path / "report.html").exists()
