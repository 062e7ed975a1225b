"""A run folder decides features and scores; it never decides where files are written or which code runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from data.errors import DataError
from data.store import write_text
from extractors.base import StageConfig
from pipeline.score.run_config import CONFIG_FILE, NAMES, input_settings, portable, run_config, save_config
from pipeline.settings.config import config_class, load_config, validate

FOREIGN: dict[str, Any] = {
    "cache": "../x",
    "run": {"workers": 64},
    "storage": {"endpoint_url": "http://evil.example", "scratch": "../scratch"},
    "dataset": {"root": "/etc"},
    "pose": {
        "backend": "mmpose",
        "stride": 3,
        "weights": "../../weights.tflite",
        "device": "cuda:7",
        "mmpose": {"config": "../evil.py", "checkpoint": "../evil.pth"},
        "rtmlib": {"model": "../evil.onnx", "mode": "balanced"},
        "import": {"dir": "../keypoints"},
    },
    "clips": {"weights": "../evil.pt", "threads": 99},
}


def test_a_run_folder_sets_features_only(tmp_path: Path) -> None:
    write_text(tmp_path / CONFIG_FILE, json.dumps(FOREIGN))
    values, notes = run_config(tmp_path)
    config, plain, local = validate(values), validate({}), ("mmpose", "weights", "device", "import")
    assert (config.cache, config.run, config.storage, config.dataset) == (
        plain.cache, plain.run, plain.storage, plain.dataset
    )  # fmt: skip
    pose, default = config.stage("pose").model_dump(), plain.stage("pose").model_dump()
    assert (pose["backend"], pose["stride"], pose["rtmlib"]["mode"]) == ("mmpose", 3, "balanced")
    assert {key: pose[key] for key in local} == {key: default[key] for key in local}
    assert config.stage("clips") == plain.stage("clips")
    assert "evil" not in json.dumps(config.dump())
    assert len(notes) == 1
    assert "so clips.weights, clips.threads, pose.weights" in notes[0]
    assert input_settings(tmp_path).storage == plain.storage


def test_the_users_files_replace_the_published_names() -> None:
    user = load_config(None, {"cache": "mine", "pose.mmpose.config": "mine.py", "run.workers": 3, "pose.stride": 9})
    values, _ = portable({"pose": {"backend": "mmpose", "mmpose": {"alias": "rtmo-l"}}}, user)
    config = validate(values)
    pose = config.stage("pose").model_dump()
    assert (config.cache, config.run.workers) == (Path("mine"), 3)
    assert (pose["mmpose"]["config"], pose["mmpose"]["alias"]) == ("mine.py", "")
    assert pose["stride"] == 1, "settings that change features come from the run folder alone"
    values, _ = portable({"pose": {"mmpose": {"alias": "rtmo-l"}}, "clips": {"weights": "random", "seed": 3}})
    config = validate(values)
    assert config.stage("pose").model_dump()["mmpose"]["alias"] == "rtmo-l"
    assert config.stage("clips").model_dump(include={"weights", "seed"}) == {"weights": "random", "seed": 3}


def test_the_user_chooses_the_person_of_a_video() -> None:
    stored = {"pose": {"region": [0.0, 0.0, 0.5, 1.0]}}
    assert validate(portable(stored)[0]).stage("pose").model_dump()["region"] == (0.0, 0.0, 0.5, 1.0)
    user = load_config(None, {"pose.region": [0.5, 0.0, 1.0, 1.0]})
    assert validate(portable(stored, user)[0]).stage("pose").model_dump()["region"] == (0.5, 0.0, 1.0, 1.0)


def test_a_folder_of_this_account_sets_no_paths_either(tmp_path: Path) -> None:
    config = load_config(None, {"cache": "/elsewhere", "run.workers": 3, "pose.device": "cuda", "frames.fps": 12})
    save_config(config, tmp_path)
    values, (note,) = run_config(tmp_path)
    assert (values["cache"], values["run"]["workers"], values["pose"]["device"]) == ("cache", None, "cpu")
    assert "a run folder sets no paths and devices, so pose.device of " in note
    assert "--config FILE" in note
    assert run_config(tmp_path, config)[0] == config.dump(), "a user's own configuration gives them"
    assert input_settings(tmp_path).frames.fps == 12
    assert input_settings(tmp_path, load_config(None, {"frames.fps": 25})).frames.fps == 25


def test_a_damaged_configuration_names_the_command_to_type(tmp_path: Path) -> None:
    write_text(tmp_path / CONFIG_FILE, "[]")
    with pytest.raises(DataError, match=r"not a readable configuration \(no mapping\)\. Train it again: .* train ROOT"):
        run_config(tmp_path)


@pytest.mark.parametrize("foreign", [{"pose": 1}, {"pose": {"mmpose": []}}, {"nmae": 1}, {"run": 3, "cache": []}])
def test_wrong_sections_stay_for_the_check_or_are_left_out(foreign: dict[str, Any]) -> None:
    values, ignored = portable(foreign)
    assert ignored or any(values[name] == foreign[name] for name in foreign) or values["pose"]["mmpose"] == []


def test_every_setting_that_is_text_was_judged() -> None:
    """A new text setting that changes the result may be a path: add it to `judged` once that is excluded."""
    texts, names = set(), set()

    def walk(kind: type[StageConfig], place: str) -> None:
        for name, field in kind.model_fields.items():
            dotted, inner = f"{place}.{field.alias or name}", field.annotation
            extra = field.json_schema_extra
            names.add(dotted)
            if isinstance(inner, type) and issubclass(inner, StageConfig):
                walk(inner, dotted)
            elif not (isinstance(extra, dict) and extra.get("affects_result") is False) and (
                {str, Path} & {inner, *get_args(inner)}
            ):
                texts.add(dotted)

    for name, field in config_class().model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, StageConfig):
            walk(field.annotation, name)
    judged = {"clips.backbone", "pose.backend", "timesteps.primary", "timesteps.secondary", "timesteps.scene"}
    assert texts == judged
    assert set(NAMES) <= names
