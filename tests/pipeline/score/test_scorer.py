"""Inputs that a scorer refuses before anything is extracted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import api
from pipeline.run import dataset_records
from pipeline.score import load_scorer
from pipeline.settings import stages
from pipeline.settings.config import load_config
from synthetic.tiny_published import make_finediving


def test_a_model_of_phases_refuses_videos_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_video: Callable[..., Path]
) -> None:
    monkeypatch.setattr(stages, "STAGES", {**stages.STAGES, "timesteps": "tests.helpers.toy_timesteps:ToyTimesteps"})
    sets = {"dataset.root": make_finediving(tmp_path / "set", count=8, frames=8), "stages": ["timesteps"]}
    sets |= {
        "timesteps.bounds": ["take-off", "flight", "entry"],
        "timesteps.steps": 6,
        "cache": tmp_path / "cache",
        "work.workers": 0,
    }
    sets |= {"train.epochs": 1, "train.networks": 1, "model.width": 4, "combined": False}
    assert api.extract(config="finediving", overrides=sets).ok
    api.train(config="finediving", overrides=sets, out=tmp_path / "run", folds=0)
    (row,) = api.score(make_video(tmp_path / "new.mp4"), model=tmp_path / "run", workers=0)
    assert row.score is None
    assert row.failure is not None
    assert "no phases" in row.failure.cause
    assert "dataset.phases" in row.failure.fix
    (tmp_path / "phases.csv").write_text("video,phase,start_s,end_s\nnew.mp4,flight,0,0.1\nnew.mp4,entry,0.3,0.4\n")
    (row,) = api.score(tmp_path / "new.mp4", model=tmp_path / "run", workers=0)
    assert row.failure is not None
    assert row.failure.cause == "its phases are not used: 'flight' and 'entry' leave a gap of 0.20 s"
    assert row.failure.fix == "Correct them"
    assert load_scorer(tmp_path / "run").config.machine.work.workers == 0, (
        "a script needs no guard for worker processes"
    )
    user = load_config("finediving", {**sets, "work.workers": 3})
    assert load_scorer(tmp_path / "run", user).config.machine.work.workers == 3, "report, compare and label pass a user"
    scorer = load_scorer(tmp_path / "run", load_config(user, {"work.workers": 0}))
    own_rows = scorer.score_records(dataset_records(scorer.config).records)
    assert len(own_rows) == 8
    assert all(one.raw_score is not None for one in own_rows)
