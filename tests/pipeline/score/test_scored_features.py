"""A model of feature files without a rate: trained, scored and shown without a video, and without seconds."""

import numpy as np
import pytest

from data.errors import UsageError
from pipeline.api import extract, report, score, train
from pipeline.checks.flag_checks import TRAINED_ON
from pipeline.score.score_tables import scores_as_json
from tests.helpers.approved import page_text


def write_features(folder, names, seed):
    """(6, 4) features by name, whose first column carries the number at the end of the name."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for name in names:
        rows = rng.normal(size=(6, 4)).astype(np.float32)
        rows[:, 0] += int(name[1:])
        np.save(folder / f"{name}.npy", rows)


def test_features_without_a_rate_are_trained_scored_and_shown(tmp_path, make_video):
    """One training performance and one new one; unknown times are not shown."""
    names = [f"v{number}" for number in range(12)]
    write_features(tmp_path / "features", names, 0)
    (tmp_path / "labels.csv").write_text("video,score\n" + "".join(f"{name},{name[1:]}\n" for name in names))
    write_features(tmp_path / "new", ["n5"], 1)
    (tmp_path / "new/v5.npy").write_bytes((tmp_path / "features/v5.npy").read_bytes())
    cache = {"cache": tmp_path / "cache"}
    settings = {"dataset.labels": tmp_path / "labels.csv", "work.workers": 0, "model.width": 4}
    settings |= {"train": {"recipe": "fast", "networks": 1, "epochs": 3, "switch_epochs": [1, 2, 3]}}
    given = {"config": "folder", "overrides": settings, "features": [str(tmp_path / "features")], **cache}
    assert extract(**given).ok
    train(**given, out=tmp_path / "run", folds=2)
    new = {"features": [str(tmp_path / "new")], "workers": 0, **cache}
    rows = score(model=tmp_path / "run", **new)
    flagged = {row.id: TRAINED_ON in [flag.title for flag in row.flags] for row in rows}
    assert not any(row.failure for row in rows)
    (lost,) = score(make_video(tmp_path / "film.mp4"), model=tmp_path / "run", **{**new, "features": []})
    assert "no features. Name the files of features: --features FOLDER" in str(lost.failure)
    assert flagged == {"n5": False, "v5": True}, "found by their features"
    assert not any(row.timed or "duration_s" in row.quality["timesteps"] for row in rows)
    assert {step["start"] for written in scores_as_json(rows) for step in written["steps"]} <= {None}
    page = page_text(report(tmp_path / "run", out=tmp_path / "page.html", **new).read_text("utf-8"))
    shown = "\n".join(line for line in page.splitlines() if not line.startswith("data:"))
    assert "Duration" not in shown
    assert "seconds, score" not in shown


def test_a_folder_of_features_as_an_input_names_the_option(tmp_path):
    write_features(tmp_path / "features", ["v1"], 0)
    with pytest.raises(UsageError) as caught:
        extract([tmp_path / "features"], overrides={"cache": tmp_path / "cache", "work.workers": 0})
    assert "--features FOLDER" in str(caught.value.fix)
