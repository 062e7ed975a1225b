"""The videos that a page or the figures of a run show; the command `compare`: two videos by file or by id, one page."""

import json
import re
from dataclasses import replace

import pytest

from data.errors import DataError
from pipeline import api
from pipeline.cache.failure import Failure
from pipeline.observer import Observer
from pipeline.report.page_data import VideoSection
from pipeline.report.report_pages import folder_page, refuse_failed, refuse_incomparable
from pipeline.score.video_score import Score, StepScore
from pipeline.settings.config import load_config
from tests.helpers.world import FILMS, film

pytestmark = pytest.mark.usefixtures("toy_timesteps")


@pytest.fixture(autouse=True)
def default_cache(tmp_path, monkeypatch):
    """The folder `cache` of a test is its own."""
    monkeypatch.chdir(tmp_path)


def page_of(run, config=None):
    """The page of a run's folder."""
    return folder_page(run, (), run / "report.html", 2, config or load_config(), Observer())


def test_a_folder_of_results_alone_is_a_page_of_its_evaluation(world):
    page = page_of(world.evaluation)
    assert page.title == "Evaluation: evaluation"
    assert page.batch is None
    assert len(page.evaluation.predictions) == FILMS


def test_two_videos_are_one_page_with_their_numbers(world, tmp_path):
    """By file, and one by its id in the data set of the configuration; A is the first one."""
    config = world.config(**{"dataset.root": world.new, "cache": tmp_path / "cache"})
    page = api.compare("b.mp4", str(world.new / "a.mp4"), model=world.model, config=config, out=tmp_path / "page.html")
    written = page.read_text("utf-8")
    held = [json.loads(text) for text in re.findall(r'class="video-data">(.*?)</script>', written)]
    for data, row in zip(held, (world.scores[1], world.scores[0]), strict=True):
        assert [data["scored"][part] for part in ("name", "score", "model")] == [row.id, row.score, row.model]
        for part in ("score", "interaction"):
            assert [step[part] for step in data["steps"]] == [getattr(step, part) for step in row.steps]
    assert written.count("data:video/mp4;base64,") == 2


@pytest.mark.parametrize("calibrated", [True, False])
def test_training_videos_are_shown_by_their_held_out_predictions(world, tmp_path, calibrated):
    """Or the page says that it is not a test; a new video of the same name is not taken for a training video."""
    run = world.copy_of_model(tmp_path, **({} if calibrated else {"calibration": None}))
    data = page_of(run, world.config())
    said = ", predicted by networks that did not see them" if calibrated else ": their scores prove nothing"
    assert data.title == f"Training videos{said} (run)"
    rows = {row.name: row for row in data.batch.rows}
    held_out = dict(zip(world.bundle.train_ids, world.bundle.calibration.predicted.tolist(), strict=True))
    assert len(rows) == FILMS
    for name, row in rows.items():
        assert row.held_out_score == (held_out[name] if calibrated else None) != row.result.score
    if calibrated:
        assert {point.id: point.predicted.value for point in data.evaluation.predictions} == held_out
    film(tmp_path / "new/00.mp4", 100)
    new = page_of(run, world.config(**{"dataset.root": tmp_path / "new"}))
    assert (new.title, new.evaluation) == ("run", None)
    assert [row.held_out_score for row in new.batch.rows] == [None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "other"}, "scored by different models. Score both with one model"),
        ({"steps": (StepScore(0, 1, 2.0),)}, "have 2 and 1 time steps, which cannot be compared"),
        ({"failure": Failure("video", "", "the file ends early")}, "failed: the file ends early"),
    ],
)
def test_scores_that_do_not_belong_together(change, message):
    a = Score("a", score=3.0, steps=(StepScore(0, 1, 1.0), StepScore(1, 2, 2.0)), model="one")
    b = replace(a, id="b", **change)  # type: ignore[arg-type]

    def refuse():
        refuse_failed(a, b)
        refuse_incomparable(VideoSection("a", a), VideoSection("b", b))

    with pytest.raises(DataError, match=message):
        refuse()
