"""Clips to practise on: read back as own videos, with the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.datasets.listing import list_records
from data.video import find_videos
from data.video.decoder import probe
from synthetic import __main__ as command
from synthetic.practice_clips import NEW, OPTIONS, make_practice_clips


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("practice")
    make_practice_clips(made)
    return made


def test_the_clips_are_own_videos_with_scores_and_subjects(folder: Path) -> None:
    listing = list_records("folder", folder / "videos")
    assert listing.problems == ()
    assert len(listing.records) == 8
    scores = [record.labels.score for record in listing.records if record.labels is not None]
    assert all(score is not None and 0 <= score <= 10 for score in scores)
    assert len(set(scores)) > 3
    assert sorted({record.groups["subject"] for record in listing.records}) == ["Anna", "Ben", "Cleo", "Dan"]
    path = listing.records[0].path
    assert path is not None
    assert len(probe(path)[1]) == OPTIONS.frames


def test_new_clips_have_no_score_and_no_path_of_a_training_clip(folder: Path) -> None:
    new = [record.name for record in find_videos([folder / "new"]).records]
    assert sorted(new) == sorted(NEW)
    assert not set(new) & {record.name for record in list_records("folder", folder / "videos").records}


def test_the_command_makes_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["synthetic", "clips", str(tmp_path)])
    command.main()
    assert capsys.readouterr().out.splitlines()[0] == f"{tmp_path}/videos: 8 clips of one diver each, and scores.csv"
    for name in ("videos/scores.csv", "videos/monday/ben_1.mp4", "new/wednesday/anna_3.mp4"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
