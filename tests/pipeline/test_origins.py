"""What results, models, cards and pages say about how they were made, and what they leave out."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import __version__, api
from pipeline.evaluate import read_results
from pipeline.pack.pack_file import read_pack, write_pack
from pipeline.score.model_files import model_sha256
from pipeline.score.trained_model import TrainedModel
from pipeline.settings import provenance
from pipeline.settings.environment import CHECKOUT, installed_version
from pipeline.settings.provenance import command_line, commit, recorded
from pipeline.train.feature_set import data_digest
from tests.helpers.made_features import made_features
from tests.helpers.world import film

SMALL = {"train.networks": 1, "train.epochs": 3, "train.switch_epochs": [1, 2, 3], "combined": False}


@pytest.fixture
def at_meiers(world, tmp_path, monkeypatch):
    """Films in a folder that is named after a patient, below the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(world.films, "patients/Meier/videos")
    film(Path("patients/Meier/new/a.mp4"), 90)
    places = {"dataset.root": "patients/Meier/videos", "cache": "patients/Meier/cache"}
    return {"config": "folder", "overrides": world.settings(**places, **SMALL)}


def texts(*files):
    return {file.name: file.read_text() for file in files}


@pytest.mark.usefixtures("toy_timesteps")
def test_results_a_model_its_card_and_its_page_have_one_record_without_folders(at_meiers, monkeypatch):
    home = Path("patients/Meier")
    results = api.evaluate(out=home / "evaluation", quick=True, **at_meiers).results
    model = api.train(out=home / "model", folds=0, **at_meiers)
    page = home / "page.html"
    api.report(home / "model", home / "new", out=page, cache=home / "cache", workers=0)
    shared = texts(*home.glob("evaluation/*.*"), *home.glob("model/*.json"), home / "model/card.md", page)
    assert {"results.json", "report.html", "model.json", "card.md", "page.html"} <= shared.keys()
    assert [name for name, text in shared.items() if "Meier" in text] == []

    assert read_results(home / "evaluation/results.json").origin == results.origin
    stored = json.loads(shared["model.json"])["origin"]
    assert TrainedModel.load(home / "model").origin == model.origin
    assert stored.keys() == vars(results.origin).keys()
    for made, name in ((results.origin, "evaluate"), (model.origin, "train")):
        assert made.command.startswith(f"{name}(out=")
        assert made.date.endswith("+00:00")
        assert (made.devices, made.data, made.commit) == (("cpu",), results.origin.data, commit())
        scikit = installed_version("scikit-learn")
        versions = {"aqa": __version__, "python": platform.python_version(), "scikit-learn": scikit}
        assert versions.items() <= made.versions.items()
    for name, value in model.origin.facts().items():
        assert f"- {name}: {value}"[:30] in shared["card.md"].replace("\\", "")
    assert "report(" in shared["page.html"]
    assert f"<dd>{__version__}</dd>" in shared["page.html"]
    assert f"<dt>model made by</dt><dd>command {model.origin.command[:9]}" in shared["page.html"]
    features = results.method["features"]["timesteps"]
    assert {"version", "settings", "identity"} == features.keys()
    monkeypatch.setattr(sys, "argv", ["aqa", "train", "again"])
    again = api.train(out=home / "again", folds=0, **at_meiers)
    assert again.origin.command == "aqa train again"
    assert model_sha256(home / "again") == model_sha256(home / "model"), "the record is in no hash"


def test_one_hash_names_the_performances(tmp_path):
    """By id, content and label; their order, and where they are, say nothing."""
    features = made_features(6)
    contents = {name: {"video": name * 3} for name in features.ids}
    digest = data_digest(features, contents)
    assert data_digest(features.take([5, 4, 3, 2, 1, 0]), contents) == digest
    changed = replace(features.records[0], labels=replace(features.records[0].labels, score=-1.0))
    others = [data_digest(replace(features, records=(changed, *features.records[1:])), contents)]
    others += [data_digest(features, {**contents, features.ids[0]: {"video": "x"}}), data_digest(features, None)]
    others += [data_digest(features.take(range(5)), contents)]
    write_pack(tmp_path / "pack.h5", features)
    assert data_digest(read_pack(tmp_path / "pack.h5"), None) == others[2], "of a pack the features count"
    assert len({digest, *others}) == 5


def test_a_call_from_python_names_itself(monkeypatch, tmp_path):
    """Not the kernel of a notebook; the command line names what was typed."""

    @recorded
    def outer(*_, observer=None, **__):
        return inner(1)

    @recorded
    def inner(_):
        return command_line()

    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "/run/kernel.json"])
    monkeypatch.chdir(tmp_path)
    Path("patients").mkdir()
    given = {"out": Path("patients/Meier/x"), "overrides": {"dataset.root": "/data/Meier/y", "train.epochs": 3}}
    said = outer("patients/Meier/videos", observer=object(), config=given, grids=("a=1", None), **given)
    values = "{'dataset.root': 'y', 'train.epochs': 3}"
    config = f"{{'out': 'x', 'overrides': {values}}}"
    assert said == f"outer('videos', config={config}, grids=['a=1', None], out='x', overrides={values})"
    monkeypatch.setattr(sys, "argv", ["aqa", "train"])
    assert outer() == "aqa train"


@pytest.mark.skipif(not commit(), reason="no checkout")
def test_a_wheel_knows_its_commit(monkeypatch, tmp_path):
    built = tmp_path / "built"
    build = ["build", "--build-base", tmp_path / "base", "build_py", "--build-lib", built]
    subprocess.run([sys.executable, "setup.py", "-q", *build], cwd=CHECKOUT, check=True, capture_output=True)
    made, said = built / "pipeline/settings/commit.txt", commit()
    assert made.read_text() == said
    monkeypatch.setattr(provenance, "CHECKOUT", built)
    monkeypatch.setattr(provenance, "BUILT", made)
    assert commit.__wrapped__() == said
    os.remove(made)
    assert commit.__wrapped__() == "", "unknown, not invented"
    assert replace(provenance.origin(), commit="").facts()["commit"] == "not recorded"
