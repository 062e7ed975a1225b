"""A model that multiplies by the announced difficulty: trained, and scoring videos with and without one."""

import csv
import io
import shutil

import numpy as np
import pytest

from data.errors import UsageError
from pipeline import api
from pipeline.score import load_scorer
from pipeline.score.score_tables import Scores, csv_text, scores_as_json
from pipeline.settings.config import load_config
from tests.helpers.world import scores_of_films, toy_timesteps

pytestmark = pytest.mark.usefixtures("toy_timesteps")


@pytest.fixture(scope="module")
def model(world, tmp_path_factory):
    """Of films whose score is half of their brightness times the difficulty."""
    folder = tmp_path_factory.mktemp("dives")
    rows = [f"{name},{score * (2 + i % 3)},{2 + i % 3}" for i, (name, score) in enumerate(scores_of_films().items())]
    (folder / "scores.csv").write_text("\n".join(["video,score,difficulty", *rows]))
    given = world.settings(**{"dataset.labels": folder / "scores.csv", "times_difficulty": True})
    with pytest.MonkeyPatch.context() as patch:
        toy_timesteps(patch)
        api.extract(config="folder", overrides=world.settings())
        api.train(config="folder", overrides=given, out=folder / "model", folds=4)
    return folder / "model"


def test_a_score_is_the_execution_times_the_difficulty(world, model):
    with load_scorer(model, load_config(None, {"cache": world.cache, "work.workers": 0})) as scorer:
        alone, hard = (scorer.score(world.new / "a.mp4", difficulty=one) for one in (None, 3.0))
        calibration, labels = scorer.model.calibration, scorer.model.train_labels[:, 0]
    assert (alone.quantity, alone.difficulty, hard.quantity, hard.difficulty) == (
        "score ÷ difficulty",
        None,
        "score",
        3.0,
    )
    assert alone.score == pytest.approx(50, abs=15)  # half of the brightness
    assert calibration is not None
    assert calibration.ranked.rho > 0.9
    executions = calibration.execution_alone
    assert set(executions.truth) == set(scores_of_films().values())
    assert (alone.accuracy, hard.accuracy) == (executions.accuracy, calibration.accuracy)
    assert alone.percentile == 100 * (executions.truth < alone.score).mean()
    assert hard.percentile == 100 * (labels < hard.score).mean()
    for name in ("score", "raw_score", "spread", "interval80"):
        assert np.allclose(getattr(hard, name), np.multiply(getattr(alone, name), 3)), name


def test_score_by_difficulty_is_called_so_everywhere(world, model, tmp_path):
    videos = shutil.copytree(world.new, tmp_path / "videos")
    (videos / "labels.csv").write_text("video,difficulty\na.mp4,2.5\n")
    given = {"cache": world.cache, "workers": 0}
    rows = api.score(videos, model=model, **given)
    assert [row.difficulty for row in rows] == [2.5, None, None]
    table = list(csv.DictReader(io.StringIO(csv_text(rows))))
    for form in (table, scores_as_json(rows)):
        assert [bool(one["score"]) for one in form] == [True, False, False]
        assert [bool(one["score_per_difficulty"]) for one in form] == [False, True, True]
    columns, cells = Scores(rows).table()
    assert columns[1:3] == ("score", "score ÷ difficulty")
    assert ["info: score ÷ difficulty" in cell[-1] for cell in cells] == [False, True, True]
    for difficulty, label in ((None, "score ÷ difficulty"), (3.1, "score")):
        page = api.report(model, videos / "b.mp4", out=tmp_path / "p.html", difficulty=difficulty, **given).read_text()
        assert f"</b> <small>{label}</small></span>" in page
        assert ("Announced difficulty" in page) == (label == "score")
    assert "times the announced difficulty" in (model / "card.md").read_text()


def test_one_difficulty_is_not_of_three_videos(world, model):
    with pytest.raises(UsageError, match=r"for 3 videos\..*labels\.csv"):
        api.score(world.new, model=model, difficulty=3.2, cache=world.cache, workers=0)
