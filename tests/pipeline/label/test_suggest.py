"""Suggested videos are uncertain or unlike the training part, and no two of them are alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from data.errors import UsageError
from pipeline.label import find_session
from pipeline.label.suggest import choose, suggest_videos
from pipeline.observer import Observer
from pipeline.score import load_scorer
from tests.helpers.rated import rate_scores
from tests.pipeline.score.test_score import film, labelled, toy_table, trained  # noqa: F401 -- fixtures

BLOCK = "the trial descriptors"


def test_uncertain_and_far_ones_come_first_and_twins_are_not_both_chosen() -> None:
    rng = np.random.default_rng(0)
    known = {BLOCK: rng.normal(size=(30, 2))}
    new = {BLOCK: np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 0.1], [0.0, 9.0], [0.0, -9.0]])}
    spread = np.array([1.0, 1.0, 1.0, 1.0, 0.1])
    chosen = choose(spread, known, new, 3, {})
    assert chosen[0] in (1, 2, 3)
    assert 3 in chosen[:2]
    assert len({1, 2} & set(chosen[:2])) == 1, "one of the twins"
    assert len(choose(spread, known, new, 9, {})) == 5


def test_unlabelled_videos_with_reasons(trained: tuple[Path, Path], tmp_path: Path) -> None:  # noqa: F811
    run, new = trained
    folder = Path(shutil.copytree(new, tmp_path / "videos"))
    shutil.copy(run.parent / "train/00.mp4", folder / "known.mp4")
    film(folder / "white.mp4", 255)
    rate_scores(folder, "anna", {"b.mp4": {"score": 1.0}})
    session, _ = find_session(folder)
    scorer = load_scorer(run, tmp_path / "cache")
    made = suggest_videos(session, scorer, 2, Observer())
    assert len(made) == 2
    assert made[0].video == "white.mp4"
    assert "unlike the training part" in made[0].reason
    every = {one.video for one in suggest_videos(session, scorer, 9, Observer())}
    assert every == {"a.mp4", "c.mp4", "white.mp4"}, "not the judged one, nor the one that was trained on"
    assert all(one.reason for one in made)
    for name in every:
        rate_scores(folder, "anna", {name: {"score": 1.0}})
    with pytest.raises(UsageError, match="every video is labelled"):
        suggest_videos(session, scorer, 1, Observer())
