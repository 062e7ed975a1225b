"""From rendered videos to scores through the command line, with real weights: extract, train, score, report."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import AimError
from data.store import hdf5 as store
from data.weights import REGISTRY
from data.weights import weight_files as weights
from synthetic.dives import render_dives
from tests.helpers.cached_outputs import output_of

ROOT = Path(__file__).resolve().parent.parent
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


def test_features_have_the_promised_shapes(dives, trained):
    made = {stage: store.read(output_of(dives / "cache", stage, "videos/dive_000.mp4")).output.arrays
            for stage in ("timesteps", "pose")}  # fmt: skip
    shapes = {name: made["timesteps"][name].values.shape for name in ("scene", "primary", "secondary")}
    channels = shapes["primary"][1]
    assert shapes == {"scene": (4, 400), "primary": (4, channels), "secondary": (4, 1, channels)}
    assert made["pose"]["keypoints"].values.shape == (8, 2, 17, 3)
    assert made["pose"]["keypoints"].dims == ("frame", "agent", "joint", "xyc")


def test_unseen_videos_get_the_same_scores_twice_and_a_page(aqa, dives, trained, tmp_path):
    video, files = dives / "set/videos/dive_001.mp4", [tmp_path / "first.csv", tmp_path / "again.csv"]
    for out in files:
        done = aqa("score", video, "--model", trained, "--cache", tmp_path / "scoring", "--out", out, "--json", *HERE)
        assert done.returncode == 0, done.stderr
    assert files[0].read_bytes() == files[1].read_bytes()
    row = next(csv.DictReader(files[0].open()))
    assert np.isfinite(float(row["raw_score"]))
    scored = json.loads(done.stdout)["videos"][0]
    # Five epochs on six videos are no better than guessing: the network's output stays, a score and its parts do not.
    assert (scored["valid"], scored["score"], row["score"], "step_1" in row) == (False, None, "", False)
    assert "no better than guessing" in scored["why"]
    parts = [part[name] for part in scored["steps"] for name in part.keys() - {"start", "end", "phase"}]
    assert set(parts) == {None}
    done = aqa("report", trained, video, "--out", tmp_path / "page.html", *HERE)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert all(text in page for text in ("dive_001.mp4", "data:video/mp4;base64,", "Trunk against the vertical"))


def test_another_person_may_be_chosen_without_another_model(aqa, dives, trained, tmp_path):
    words = ("--model", trained, "--cache", tmp_path / "cache", "--set", "pose.region=[0,0,0.5,1]", "--json", *HERE)
    done = aqa("score", dives / "set/videos/dive_001.mp4", *words)
    assert done.returncode == 0, done.stderr
    flags = [flag["title"] for flag in json.loads(done.stdout)["videos"][0]["flags"]]
    assert "right athlete missing" in flags, "and no secondary agent"
    written = store.read(output_of(tmp_path / "cache", "pose", "dive_001.mp4"))
    assert list(written.header["settings"]["region"]) == [0, 0, 0.5, 1]
