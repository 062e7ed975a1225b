"""A model of feature files without a rate: trained, scored and shown without a video, and without seconds."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import UsageError
from pipeline.api import extract, report, score, train
from pipeline.checks.flag_checks import TRAINED_ON
from pipeline.score.score import Score
from pipeline.score.score_tables import scores_as_json


def write_features(folder: Path, names: list[str], seed: int) -> None:
    """(6, 4) features by name, whose first column carries the number at the end of the name."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for name in names:
        rows = rng.normal(size=(6, 4)).astype(np.float32)
        rows[:, 0] += int(name[1:])
        np.save(folder / f"{name}.npy", rows)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Score], str]:
    """The scores of one training performance and one new one, and the text of their page."""
    folder = tmp_path_factory.mktemp("features")
    names = [f"v{number}" for number in range(12)]
    write_features(folder / "features", names, 0)
    (folder / "labels.csv").write_text("video,score\n" + "".join(f"{name},{name[1:]}\n" for name in names))
    write_features(folder / "new", ["n5"], 1)
    (folder / "new/v5.npy").write_bytes((folder / "features/v5.npy").read_bytes())
    cache = {"cache": folder / "cache"}
    settings: dict[str, Any] = {"dataset.labels": folder / "labels.csv", "work.workers": 0, "model.width": 4}
    settings |= {"train": {"recipe": "fast", "networks": 1, "epochs": 3, "switch_epochs": [1, 2, 3]}}
    given: dict[str, Any] = {"config": "folder", "overrides": settings, "features": [str(folder / "features")], **cache}
    assert extract(**given).ok
    train(**given, out=folder / "run", folds=2)
    new = [str(folder / "new")]
    rows = score(model=folder / "run", features=new, workers=0, **cache)
    page = report(folder / "run", features=new, workers=0, out=folder / "page.html", **cache)
    hidden_or_tag = r"<(script|style|template)\b.*?</\1>|<[^>]+>"
    return rows, unescape(re.sub(hidden_or_tag, "\n", page.read_text(encoding="utf-8"), flags=re.DOTALL))


def test_training_performances_are_found_by_their_features(scored: tuple[list[Score], str]) -> None:
    rows, _ = scored
    titles = {row.id: [flag.title for flag in row.flags] for row in rows}
    assert sorted(titles) == ["n5", "v5"]
    assert TRAINED_ON in titles["v5"]
    assert TRAINED_ON not in titles["n5"]


def test_unknown_times_are_not_shown(scored: tuple[list[Score], str]) -> None:
    rows, text = scored
    assert not any(row.timed for row in rows)
    written = json.loads(json.dumps(scores_as_json(rows)))
    assert {step["start"] for one in written for step in one["steps"]} <= {None}
    assert not any("duration_s" in row.quality["timesteps"] for row in rows)
    assert "Duration" not in text
    assert "seconds, score" not in text


def test_a_folder_of_features_as_an_input_names_the_option(tmp_path: Path) -> None:
    write_features(tmp_path / "features", ["v1"], 0)
    with pytest.raises(UsageError) as caught:
        extract([tmp_path / "features"], overrides={"cache": tmp_path / "cache", "work.workers": 0})
    assert "--features FOLDER" in str(caught.value.fix)
