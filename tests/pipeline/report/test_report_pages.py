"""The videos that a page or the figures of a run show; the command `compare`: two videos by file or by id, one page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import DataError, UsageError
from pipeline import api
from pipeline.cache.failure import Failure
from pipeline.evaluate import EvaluationResults, write_results
from pipeline.observer import Observer
from pipeline.report.evaluation_section import section_of_evaluation
from pipeline.report.page_data import ReportData, VideoSection
from pipeline.report.report_pages import _records, folder_page, refuse_failed, refuse_incomparable
from pipeline.score.score import Score, StepScore
from pipeline.score.stored_method import save_settings
from pipeline.settings.config import load_config
from tests.pipeline.report.test_evaluation_section import evaluated  # noqa: F401 -- a fixture
from tests.pipeline.score.test_score import film, labelled, toy_table, trained  # noqa: F401 -- fixtures


@pytest.fixture(autouse=True)
def default_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder `cache` of a test is its own."""
    monkeypatch.chdir(tmp_path)


def page_of(run: Path) -> ReportData:
    """The page of a run's folder."""
    return folder_page(run, (), run / "report.html", 4, load_config(), Observer())


def test_the_data_set_of_a_page_is_named_by_the_user(tmp_path: Path) -> None:
    dives, run = tmp_path / "dives", tmp_path / "run"
    dives.mkdir()
    (dives / "a.mp4").touch()
    (dives / "scores.csv").write_text("video,score\na.mp4,1\n")
    config = load_config(None, {"dataset.root": dives})
    save_settings(config, run)
    with pytest.raises(UsageError, match="no videos to show") as raised:
        _records(run, (), load_config(), Observer())
    assert "Name videos after the model" in str(raised.value)
    assert "--config PRESET --set dataset.root=FOLDER" in str(raised.value)
    assert [record.id for record in _records(run, (), config, Observer())] == ["a.mp4"]


def test_a_folder_of_results_alone_is_a_page_of_its_evaluation(evaluated: EvaluationResults, tmp_path: Path) -> None:  # noqa: F811
    write_results(evaluated, tmp_path / "results.json")
    page = page_of(tmp_path)
    assert page.title == f"Evaluation: {tmp_path.name}"
    assert page.batch is None
    assert page.evaluation is not None
    assert page.evaluation == section_of_evaluation(evaluated)
    assert page.origin["command"] == evaluated.origin.command
    assert page.origin["date"] == evaluated.origin.date
    with pytest.raises(UsageError, match="no results and no model in this folder"):
        page_of(tmp_path / "empty")


def test_two_files_are_one_page_with_their_numbers(trained: tuple[Path, Path], tmp_path: Path) -> None:  # noqa: F811
    run, new = trained
    page = api.compare(str(new / "b.mp4"), str(new / "a.mp4"), model=run, out=tmp_path / "page.html", workers=0)
    assert page == tmp_path / "page.html"
    written = page.read_text("utf-8")
    held = re.findall(r'class="video-data">(.*?)</script>', written)
    scored = {row.id: row for row in api.score(new, model=run, workers=0)}
    for text, name in zip(held, ("b.mp4", "a.mp4"), strict=True):  # A is the first one
        data, row = json.loads(text), scored[name]
        assert data["scored"]["name"] == name
        assert data["scored"]["score"] == row.score
        assert data["scored"]["model"] == row.model != ""
        assert [step["score"] for step in data["steps"]] == [step.score for step in row.steps]
        assert [step["interaction"] for step in data["steps"]] == [step.interaction for step in row.steps]
    assert '<section id="compare" aria-labelledby="compare-title">' in written
    assert written.count("data:video/mp4;base64,") == 2


def test_a_video_is_named_by_its_id(toy_table: None, tmp_path: Path) -> None:  # noqa: F811
    greys = (40, 70, 100, 130, 160, 190)
    for grey in greys:
        film(tmp_path / f"in/{grey}.mp4", grey)
    lines = [f"{grey}.mp4,{grey / 2}" for grey in greys]
    (tmp_path / "in/scores.csv").write_text("video,score\n" + "\n".join(lines) + "\n")
    sets = {"dataset.root": tmp_path / "in", "dataset.kind": "folder", "work.workers": 0, "stages": ["timesteps"]}
    sets |= {"train.epochs": 2, "train.networks": 1, "model.width": 8, "cache": tmp_path / "cache"}
    config = load_config(None, sets)
    api.extract(config=config)
    run, page = tmp_path / "run", tmp_path / "page.html"
    api.train(config=config, out=run, folds=0)
    other = film(tmp_path / "other.mp4", 90)
    api.compare("100.mp4", str(other), model=run, config=config, out=page, workers=0)
    assert "<h1>100.mp4 and other.mp4</h1>" in page.read_text("utf-8")
    with pytest.raises(UsageError, match=r"^10: no such file, and no such id .*such as '1\d0\.mp4'"):
        api.compare("100.mp4", "10", model=run, config=config, out=page)
    with pytest.raises(UsageError, match=r"a folder of 6 videos. Name one video"):
        api.compare("100.mp4", str(tmp_path / "in"), model=run, config=config, out=page)


def test_what_is_no_pair_is_refused_by_name(trained: tuple[Path, Path], tmp_path: Path) -> None:  # noqa: F811
    run, new = trained
    one, page = str(new / "a.mp4"), tmp_path / "page.html"
    with pytest.raises(UsageError, match=r"A and B are both the video 'a\.mp4'"):
        api.compare(one, one, model=run, out=page)
    with pytest.raises(UsageError, match=r"nothing: no such file. Name two video files, or two ids and its data set"):
        api.compare(one, "nothing", model=run, out=page)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(DataError, match=r"broken\.mp4: this video failed: .*not a readable video"):
        api.compare(one, str(broken), model=run, out=page, workers=0)
    assert not page.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "other"}, "scored by different models. Score both with one model"),
        ({"steps": (StepScore(0, 1, 2.0),)}, "have 2 and 1 time steps, which cannot be compared"),
        ({"failure": Failure("video", "", "the file ends early")}, "failed: the file ends early"),
    ],
)
def test_scores_that_do_not_belong_together(change: dict[str, object], message: str) -> None:
    a = Score("a", score=3.0, steps=(StepScore(0, 1, 1.0), StepScore(1, 2, 2.0)), model="one")
    b = replace(a, id="b", **change)  # type: ignore[arg-type]

    def refuse(*pair: Score) -> None:
        refuse_failed(*pair)
        refuse_incomparable(*(VideoSection(row.id, row) for row in pair))

    refuse(a, replace(a, id="b"))
    with pytest.raises(DataError, match=message):
        refuse(a, b)
