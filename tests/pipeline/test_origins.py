"""What results, models, cards and pages say about how they were made, and what they leave out."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import api
from pipeline.evaluate import read_results
from pipeline.score.model_files import model_sha256
from pipeline.settings import provenance
from pipeline.settings.environment import CHECKOUT
from pipeline.settings.provenance import UNKNOWN, command_line, commit, recorded
from pipeline.train.feature_set import data_digest
from tests.helpers.made_features import made_features

SMALL = {"train.networks": 1, "train.epochs": 3, "train.switch_epochs": [1, 2, 3], "combined": False}


@pytest.mark.usefixtures("toy_timesteps")
def test_results_a_model_its_card_and_its_page_have_one_record_without_folders(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = Path("patients/Meier")
    shutil.copytree(world.films, home / "videos")
    given = world.settings(**{"dataset.root": str(home / "videos"), "cache": str(home / "cache"), **SMALL})
    api.evaluate(out=home / "evaluation", quick=True, overrides=given)
    model = api.train(out=home / "model", folds=0, overrides=given).origin
    api.report(home / "model", home / "videos/00.mp4", out=home / "page.html", cache=home / "cache", workers=0)
    shared = [*home.glob("evaluation/*.*"), *home.glob("model/*.json"), home / "model/card.md", home / "page.html"]
    texts = {file.name: file.read_text() for file in shared}
    assert texts.keys() >= {"results.json", "report.html", "model.json"}
    assert [name for name, text in texts.items() if "Meier" in text] == []

    results = read_results(home / "evaluation/results.json")
    assert json.loads(texts["model.json"])["origin"] == {**vars(model), "devices": ["cpu"]}
    for made, name in ((results.origin, "evaluate"), (model, "train")):
        assert made.command.startswith(f"{name}(out=")
        assert (made.commit, made.data) == (commit(), model.data)
        assert {"aqa", "python", "scikit-learn", "torch"} <= made.versions.keys()
    assert f"- date: {model.date}" in texts["card.md"]
    assert "<dt>aqa</dt>" in texts["page.html"]
    assert "identity" in results.method["features"]["timesteps"]

    monkeypatch.setattr(sys, "argv", ["aqa", "train", "again"])
    assert api.train(out=home / "again", folds=0, overrides=given).origin.command == "aqa train again"
    assert model_sha256(home / "again") == model_sha256(home / "model"), "the record is in no hash"


def test_one_hash_names_the_performances():
    """By id, content and label, in any order; of a pack the features count."""
    features = made_features(6)
    contents = {name: {"video": name * 3} for name in features.ids}
    digest = data_digest(features, contents)
    assert data_digest(features.take([5, 4, 3, 2, 1, 0]), contents) == digest
    first, *others = features.records
    relabelled = replace(first, labels=replace(first.labels, score=-1.0))
    changed = [
        (replace(features, records=(relabelled, *others)), contents),
        (features, {**contents, first.id: {"video": "x"}}),
        (features, None),
    ]
    assert len({digest, *(data_digest(*one) for one in changed)}) == 4


def test_a_call_from_python_names_itself(monkeypatch, tmp_path):
    """Not the kernel of a notebook."""
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "/run/kernel.json"])
    monkeypatch.chdir(tmp_path)
    Path("patients").mkdir()
    inner = recorded(command_line)

    @recorded
    def outer(*_, **__):
        return inner()

    given = {"out": Path("patients/Meier/x"), "overrides": {"dataset.root": "/data/Meier/y", "train.epochs": 3}}
    said = outer("patients/Meier/videos", observer=object(), grids=("a=1", None), **given)
    assert said == ("outer('videos', grids=['a=1', None], out='x', overrides={'dataset.root': 'y', 'train.epochs': 3})")


@pytest.mark.skipif(commit() == UNKNOWN, reason="no checkout")
def test_a_wheel_knows_its_commit(monkeypatch, tmp_path):
    build = ["build", "--build-base", tmp_path, "build_py", "--build-lib", tmp_path]
    subprocess.run([sys.executable, "setup.py", "-q", *build], cwd=CHECKOUT, check=True, capture_output=True)
    made = tmp_path / "pipeline/settings/commit.txt"
    assert made.read_text() == commit()
    monkeypatch.setattr(provenance, "CHECKOUT", tmp_path)
    monkeypatch.setattr(provenance, "BUILT", made)
    assert commit.__wrapped__() == commit()
    made.unlink()
    assert commit.__wrapped__() == UNKNOWN
