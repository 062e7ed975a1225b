"""A model that multiplies by the announced difficulty: trained, and scoring videos with and without one."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from data.errors import UsageError
from pipeline import api
from pipeline.score import load_scorer
from pipeline.score.score_tables import csv_text, score_rows, scores_as_json
from pipeline.settings.config import load_config
from tests.helpers.world import World, scores_of_films, toy_timesteps

pytestmark = pytest.mark.usefixtures("toy_timesteps")


@pytest.fixture(scope="module")
def model(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
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


def test_a_score_is_the_execution_times_the_difficulty(world: World, model: Path) -> None:
    with load_scorer(model, load_config(None, {"cache": world.cache, "work.workers": 0})) as scorer:
        alone, easy, hard = (scorer.score(world.new / "a.mp4", difficulty=one) for one in (None, 2.0, 3.0))
        calibration, labels = scorer.model.calibration, scorer.model.train_labels[:, 0]
    assert calibration is not None
    assert calibration.accuracy.rho is not None
    assert calibration.accuracy.rho > 0.9
    assert abs((alone.score or 0) - 50) < 15  # brightness 100
    assert (alone.quantity, easy.quantity, hard.quantity) == ("execution alone", "score", "score")
    assert (alone.difficulty, easy.difficulty, hard.difficulty) == (None, 2.0, 3.0)
    for scored, difficulty in ((easy, 2.0), (hard, 3.0)):
        for name in ("score", "raw_score", "spread", "interval80"):
            assert np.allclose(getattr(scored, name), np.multiply(getattr(alone, name), difficulty)), name
        assert scored.percentile == 100 * (labels < scored.score).mean()
        assert scored.accuracy == calibration.accuracy
        shares = [step.score for step in scored.steps]
        assert np.allclose(shares, difficulty * np.array([step.score for step in alone.steps]), equal_nan=True)
    executions = calibration.execution_alone
    assert alone.percentile == 100 * (executions.truth < alone.score).mean()
    assert alone.accuracy == executions.accuracy
    assert executions.accuracy.mae < calibration.accuracy.mae
    assert set(executions.truth) == set(scores_of_films().values())


def test_the_execution_alone_is_called_so_everywhere(world: World, model: Path, tmp_path: Path) -> None:
    videos = shutil.copytree(world.new, tmp_path / "videos")
    (videos / "labels.csv").write_text("video,difficulty,score\na.mp4,2.5,9\nc.mp4,,9\n")
    rows = api.score(videos, model=model, cache=world.cache, workers=0)
    assert [(row.id, row.quantity, row.difficulty) for row in rows] == [
        ("a.mp4", "score", 2.5),
        ("b.mp4", "execution alone", None),
        ("c.mp4", "execution alone", None),
    ]
    table = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert [one["difficulty"] for one in table] == ["2.500000", "", ""]
    assert [(bool(one["score"]), bool(one["execution_alone"])) for one in table] == [
        (True, False),
        *[(False, True)] * 2,
    ]
    named = scores_as_json(rows)
    assert [(one["score"] is None, one["execution_alone"] is None) for one in named] == [
        (False, True),
        *[(True, False)] * 2,
    ]
    columns, cells = score_rows(rows)
    assert columns[:3] == ("video", "score", "execution alone")
    assert [cell[1] is None for cell in cells] == [False, True, True]
    assert all("info: execution alone" in cell[-1] for cell in cells[1:])
    page = api.report(model, videos / "b.mp4", out=tmp_path / "page.html", cache=world.cache, workers=0).read_text()
    assert '<span class="label">execution alone</span>' in page
    assert "--difficulty" in page
    page = api.report(
        model, videos / "b.mp4", out=tmp_path / "page.html", difficulty=3.1, cache=world.cache, workers=0
    ).read_text()
    assert '<span class="label">score</span>' in page
    assert "Announced difficulty" in page
    card = (model / "card.md").read_text()
    assert "times the announced difficulty" in card


@pytest.mark.parametrize(
    ("given", "message", "fix"),
    [
        ({"difficulty": 0.0}, "the difficulty is 0", "such as 3.2"),
        ({"difficulty": float("nan")}, "the difficulty is nan", "such as 3.2"),
        ({"difficulty": 3.2, "inputs": "new"}, "one difficulty is given for 3 videos", "labels.csv"),
        ({"difficulty": 3.2, "model": "plain"}, "this model multiplies by no difficulty", "Leave out --difficulty"),
    ],
)
def test_a_wrong_difficulty_is_refused(
    world: World, model: Path, given: dict[str, object], message: str, fix: str
) -> None:
    inputs = world.new if given.get("inputs") else world.new / "a.mp4"
    folder = world.model if given.get("model") else model
    with pytest.raises(UsageError, match=message) as caught:
        api.score(inputs, model=folder, difficulty=given["difficulty"], cache=world.cache, workers=0)  # type: ignore[arg-type]
    assert fix in caught.value.fix
