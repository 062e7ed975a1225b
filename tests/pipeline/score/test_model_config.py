"""A model folder decides features and scores; it never decides where files are written or which code runs."""

import json
import pickle
from pathlib import Path
from typing import get_args

import pytest

from data.errors import DataError, UsageError
from data.store import write_text
from extractors.base import HASHED, METHOD
from pipeline.score.model_config import CONFIG_FILE, save_settings, scoring_config, unused_settings
from pipeline.settings.config import load_config
from pipeline.settings.config_errors import section_class
from pipeline.settings.method import method_class
from pipeline.settings.settings_table import keys_owned_by
from pipeline.settings.stages import STAGES
from pipeline.settings.yaml_values import DEFAULT

ELSEWHERE = {
    "cache": "/elsewhere/cache",
    "work.workers": 3,
    "storage.endpoint_url": "http://elsewhere.example",
    "dataset.root": "/elsewhere/set",
    "pose.device": "cuda:7",
    "pose.weights_file": "/elsewhere/net.tflite",
    "pose.mmpose.config": "/elsewhere/net.py",
    "clips.threads": 99,
    "pose.stride": 3,
    "pose.backend": "mmpose",
    "pose.mmpose.alias": "rtmo-l",
}

FOREIGN = (
    {"cache": "../x"},
    {"work": {"workers": 64}},
    {"clips": {"weights": "../evil.pt"}},
    {"clips": {"weights_file": "../evil.pt"}},
    {"pose": {"mmpose": {"config": "../evil.py"}}},
    {"pose": {"import": {"dir": "../keypoints"}}},
    {"pose": 1},
    {"pose": {"mmpose": []}},
    {"nmae": 1},
)


def test_a_run_stores_the_method_alone(tmp_path):
    config = load_config(None, ELSEWHERE)
    save_settings(config, tmp_path)
    assert "elsewhere" not in (tmp_path / CONFIG_FILE).read_text()
    own, default = load_config(None, {**ELSEWHERE, "pose.stride": 9}), load_config(DEFAULT)
    for user, whose, config_file in ((load_config(), default, ""), (own, own, "/elsewhere/net.py")):
        scoring = scoring_config(tmp_path, user)
        assert scoring.recorded() == config.recorded()
        assert (scoring.machine, scoring.dataset) == (whose.machine, whose.dataset)
        mmpose = scoring.method.stage("pose").model_dump()["mmpose"]
        assert mmpose == {"alias": "rtmo-l", "config": config_file, "checkpoint": ""}


@pytest.mark.parametrize(
    ("key", "own", "given"),
    [
        ("stages", ["pose"], ["timesteps"]),
        ("protocol", "louo", "kfold"),
        ("split.folds", 4, 5),
        ("combined", False, True),
        ("model.width", 32, 64),
        ("train.recipe", "tools", "fast"),
        ("train.epochs", 5, 100),
        ("camera_flow.stride", 2, 1),
        ("clips.weights", "i3d-kinetics400", "random"),
    ],
)
def test_what_is_given_is_named_for_every_part_of_the_method(key, own, given):
    """Also where it is the default; a default that nobody gave is not named, nor what belongs to videos or machine."""
    model = load_config(None, {key: own, "name": "trained", "pose.stride": 3, "model.dropout": 0.5, "split.seed": 9})
    others = {"name": "mine", "model.dropout": 0.5, "frames.fps": 50, "work.workers": 0}
    user = load_config(DEFAULT, {key: given, **others})
    (line,) = unused_settings(model.method, user.method)
    assert (
        line == f"note: the model keeps its settings: {key}: {json.dumps(own)} in the model, {json.dumps(given)} here"
    )
    assert unused_settings(model.method, pickle.loads(pickle.dumps(user)).method) == [line]
    for same in (load_config(None, {key: own}), load_config()):
        assert unused_settings(model.method, same.method) == []


LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("model", "user", "used"),
    [
        ({"pose.region": LEFT}, {}, {"pose.region": LEFT}),
        ({"pose.region": LEFT}, {"pose.region": RIGHT}, {"pose.region": RIGHT}),
        ({"pose.region": LEFT, "pose.tracks": [3]}, {"pose.region": None, "pose.tracks": []},
         {"pose.region": None, "pose.tracks": ()}),
        ({"pose.tracks": [3]}, {"pose.region": RIGHT}, {"pose.tracks": (), "pose.region": RIGHT}),
        ({"pose.tracks": [3], "features.fps": 25}, {"pose.stride": 2, "features.clip_frames": 32},
         {"pose.tracks": (3,), "features.fps": 25}),
        ({"features.fps": 25, "features.clip_frames": 32}, {"features.fps": 50},
         {"features.fps": 50, "features.clip_frames": 32}),
    ],
)  # fmt: skip
def test_what_a_user_says_of_the_videos_counts_and_the_rest_is_the_models(tmp_path, model, user, used):
    """Also where a user says the default, in a process that got the configuration, and in a section with both."""
    save_settings(load_config(None, model), tmp_path)
    for given in (load_config(None, user), pickle.loads(pickle.dumps(load_config(load_config(None, user))))):
        scoring = scoring_config(tmp_path, given)
        assert {key: scoring.method.stage(key.split(".")[0]).model_dump()[key.split(".")[1]] for key in used} == used


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
def test_other_settings_in_a_run_folder_are_refused(tmp_path, foreign):
    write_text(tmp_path / CONFIG_FILE, json.dumps(foreign))
    with pytest.raises(UsageError) as caught:
        scoring_config(tmp_path, load_config())
    assert caught.value.where == str(tmp_path / CONFIG_FILE)


@pytest.mark.parametrize(
    ("method", "needs"),
    [
        ({"clips.backbone": "transformers"}, "transformers needs weights_file"),
        ({"clips.backbone": "r3d_18"}, "r3d_18 needs weights of its own"),
    ],
    ids=["transformers", "torchvision"],
)
def test_weights_that_a_model_does_not_store_are_asked_for(tmp_path, method, needs):
    given = {"clips.weights_file": "owner/model"}
    save_settings(load_config(None, method | given), tmp_path)
    with pytest.raises(UsageError, match=rf"{needs}.* Add: --set clips\.weights_file=FILE$") as caught:
        scoring_config(tmp_path, load_config())
    assert caught.value.where == str(tmp_path / CONFIG_FILE)
    assert (
        scoring_config(tmp_path, load_config(None, given)).method.stage("clips").model_dump()["weights_file"]
        == "owner/model"
    )


def test_a_damaged_configuration_names_the_command_to_type(tmp_path):
    write_text(tmp_path / CONFIG_FILE, "[]")
    with pytest.raises(DataError, match=r"not a readable configuration \(no mapping\)\. Train it again: .* train ROOT"):
        scoring_config(tmp_path, load_config())


def test_every_setting_of_a_method_that_is_text_was_judged():
    """A new text setting may be a path, which belongs to the machine: add it to `judged` if it is none."""
    keys = [key.split(".") for key in keys_owned_by(METHOD, HASHED) if key.split(".")[0] in STAGES]
    kinds = {".".join(key): section_class(method_class(), key) for key in keys}
    texts = {key for key, kind in kinds.items() if {str, Path} & {kind, *get_args(kind)}}
    judged = {"clips.weights", "pose.weights", "pose.mmpose.alias", "clips.backbone", "pose.backend"}
    judged |= {f"timesteps.{name}" for name in ("primary", "secondary", "scene", "bounds", "gestures")}
    assert texts == judged | {"pose.import.layout", "skeleton.joints"}


def test_a_model_without_its_configuration_is_not_called_missing(tmp_path):
    with pytest.raises(DataError, match="no trained model here"):
        scoring_config(tmp_path, load_config())
    (tmp_path / "model.json").touch()
    with pytest.raises(DataError, match=r"this model lacks its file config\.json"):
        scoring_config(tmp_path, load_config())
