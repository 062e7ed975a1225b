"""From rendered videos to scores through the command line, with real weights: extract, train, score, report."""

import csv
import json

import numpy as np
import pytest

from data.errors import AimError
from data.weights import REGISTRY
from data.weights import weight_files as weights
from synthetic.dives import render_dives
from tests.helpers.checkout import ROOT

SMALL = (
    "clips.frames_per_clip=4",
    "clips.steps=4",
    "timesteps.steps=4",
    "pose.stride=3",
    "train.networks=2",
    "train.epochs=5",
)

pytestmark = [pytest.mark.weights, pytest.mark.slow]


@pytest.fixture(scope="module")
def dives(tmp_path_factory):
    for name in REGISTRY:
        try:
            weights.fetch(name)
        except AimError as error:
            pytest.skip(f"the weights cannot be downloaded here: {error}")
    folder = tmp_path_factory.mktemp("dives")
    render_dives(folder / "set", 6, seed=5, frames=24)
    return folder


HERE = ("--workers", "0")
"""In the process of the command, which need not load the networks again."""


@pytest.fixture(scope="module")
def options(dives):
    settings = [f"dataset.root={dives / 'set'}", *SMALL]
    shared = ["--config", ROOT / "configs/demo.yaml", "--cache", dives / "cache"]
    return shared + [part for setting in settings for part in ("--set", setting)]


@pytest.fixture(scope="module")
def trained(aqa, dives, options):
    extracted = aqa("extract", *options, *HERE)
    assert extracted.returncode == 0, extracted.stderr
    done = aqa("train", *options, "--out", dives / "run")
    assert done.returncode == 0, done.stderr
    return dives / "run"


def test_unseen_videos_get_the_same_scores_twice_and_a_page(aqa, dives, trained, tmp_path):
    video, files = dives / "set/videos/dive_001.mp4", [tmp_path / "first.csv", tmp_path / "again.csv"]
    for out in files:
        done = aqa("score", video, "--model", trained, "--cache", tmp_path / "scoring", "--out", out, "--json", *HERE)
        assert done.returncode == 0, done.stderr
    assert files[0].read_bytes() == files[1].read_bytes()
    row = next(csv.DictReader(files[0].open()))
    assert np.isfinite(float(row["unchecked_output"]))
    scored = json.loads(done.stdout)["videos"][0]
    # Five epochs on six videos do not beat guessing: the network's output stays, a score and its parts do not.
    assert (scored["valid"], scored["score"], row["score"], "step_1" in row) == (False, None, "", False)
    assert "not certainly better than guessing" in scored["why"]
    parts = [part[name] for part in scored["steps"] for name in part.keys() - {"start", "end", "phase"}]
    assert set(parts) == {None}
    done = aqa("report", trained, video, "--out", tmp_path / "page.html", *HERE)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert all(text in page for text in ("dive_001.mp4", "data:video/mp4;base64,", "Trunk against the vertical"))
