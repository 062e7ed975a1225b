"""The videos that a page or the figures of a run show; the command `compare`: two videos by file or by id, one page."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError, UsageError
from data.video import find_videos
from pipeline import api
from pipeline.cache.failure import Failure
from pipeline.observer import Observer
from pipeline.report.page_data import ReportData, VideoSection
from pipeline.report.report_pages import _records, folder_page, refuse_failed, refuse_incomparable
from pipeline.score import load_scorer
from pipeline.score.score import Score, StepScore
from pipeline.score.stored_method import save_settings
from pipeline.settings.config import load_config
from tests.helpers.cached_outputs import damage
from tests.helpers.extracting import cached_in
from tests.helpers.watching import Watching
from tests.helpers.world import FILMS, World, film

pytestmark = pytest.mark.usefixtures("toy_timesteps")


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


def test_a_folder_of_results_alone_is_a_page_of_its_evaluation(world: World, tmp_path: Path) -> None:
    page = page_of(world.evaluation)
    assert page.title == "Evaluation: evaluation"
    assert page.batch is None
    assert page.evaluation is not None
    assert len(page.evaluation.predictions) == FILMS
    with pytest.raises(UsageError, match="no results and no model in this folder"):
        page_of(tmp_path / "empty")


def test_two_videos_are_one_page_with_their_numbers(world: World, tmp_path: Path) -> None:
    """By file, and one by its id in the data set of the configuration; A is the first one."""
    config = world.config(**{"dataset.root": world.new, "cache": tmp_path / "cache"})
    page = api.compare("b.mp4", str(world.new / "a.mp4"), model=world.model, config=config, out=tmp_path / "page.html")
    written = page.read_text("utf-8")
    held = [json.loads(text) for text in re.findall(r'class="video-data">(.*?)</script>', written)]
    scored = {row.id: row for row in world.scores}
    for data, name in zip(held, ("b.mp4", "a.mp4"), strict=True):
        row = scored[name]
        assert data["scored"]["name"] == name
        assert data["scored"]["score"] == row.score
        assert data["scored"]["model"] == row.model != ""
        for part in ("score", "interaction"):
            assert [step[part] for step in data["steps"]] == [getattr(step, part) for step in row.steps]
    assert written.count("data:video/mp4;base64,") == 2


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("a.mp4", "a.mp4", r"A and B are both the video 'a\.mp4'"),
        ("a.mp4", "nothing", r"nothing: no such file, and no such id"),
        ("a.mp4", "c", r"^c: no such file, and no such id .*such as '.\.mp4'"),
        ("a.mp4", ".", r"a folder of 3 videos. Name one video"),
        ("a.mp4", "broken.mp4", r"broken\.mp4: this video failed: .*not a readable video"),
    ],
)
def test_a_pair_that_cannot_be_compared_is_refused_by_name(
    world: World, tmp_path: Path, a: str, b: str, said: str
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    config = world.config(**{"dataset.root": world.new, "cache": tmp_path / "cache"})
    other = str(tmp_path / b if b == "broken.mp4" else world.new) if b in (".", "broken.mp4") else b
    with pytest.raises((UsageError, DataError), match=said):
        api.compare(a, other, model=world.model, config=config, out=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("calibrated", [True, False])
def test_training_videos_are_shown_by_their_held_out_predictions(
    world: World, tmp_path: Path, calibrated: bool
) -> None:
    """Or the page says that it is no test; a new video of the same name is not taken for a training video."""
    run = world.copy_of_model(tmp_path, **({} if calibrated else {"calibration": None}))
    data = folder_page(run, (), tmp_path / "page.html", 2, world.config(), Observer())
    assert (
        data.title == ("Training videos, held-out predictions" if calibrated else "Training videos: no test") + " (run)"
    )
    assert data.batch is not None
    rows = {row.name: row for row in data.batch.rows}
    assert len(rows) == FILMS
    calibration = world.bundle.calibration
    assert calibration is not None
    held_out = dict(zip(world.bundle.train_ids, calibration.predicted.tolist(), strict=True))
    for name, row in rows.items():
        assert row.held_out_score == (held_out[name] if calibrated else None) != row.result.score
    if calibrated:
        assert data.evaluation is not None
        assert {point.id: point.predicted.value for point in data.evaluation.predictions} == held_out
    film(tmp_path / "new/00.mp4", 100)
    new = folder_page(
        run, (), tmp_path / "page.html", 2, world.config(**{"dataset.root": tmp_path / "new"}), Observer()
    )
    assert (new.title, new.evaluation) == ("run", None)
    assert new.batch is not None
    assert [row.held_out_score for row in new.batch.rows] == [None]


def test_every_command_gives_the_same_notes(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notes are about inputs that are left out, and about outputs that are extracted again."""
    notes: dict[str, list[str]] = {}
    shutil.copytree(world.new, tmp_path / "in")
    (tmp_path / "in/gone.mp4").symlink_to("nowhere")
    os.mkfifo(tmp_path / "in/pipe.mp4")
    videos, model = tmp_path / "in", world.model
    calls: dict[str, Callable[[Path, Observer], Any]] = {
        "score": lambda cache, observer: api.score(videos, model=model, cache=cache, workers=0, observer=observer),
        "report": lambda cache, observer: api.report(model, videos, cache=cache, workers=0, observer=observer),
        "plot": lambda cache, observer: api.plot(model, videos, cache=cache, workers=0, observer=observer),
    }
    for command, call in calls.items():
        cache = tmp_path / command
        with load_scorer(model, cached_in(cache)) as scorer:
            scorer.score_records(find_videos([videos]).records)
        damage(cache, "timesteps", "a.mp4")
        call(cache, watching := Watching())
        notes[command] = [line.replace(str(cache), "") for line in watching.lines]
    assert notes["score"] == notes["report"] == notes["plot"]
    for text, line in zip(("leads nowhere", "not a regular file", "extracted again"), notes["score"], strict=True):
        assert text in line


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
