"""The line on what differs from the paper: no setting of the method can be forgotten."""

from dataclasses import fields

import pytest

from data.weights.registry import REGISTRY
from models.aim_config import AimConfig
from pipeline.cache.cache_key import StageDescription
from pipeline.evaluate.paper_differences import NO_METHOD, PAPER_PRESET, paper_differences
from pipeline.settings.config import load_config
from pipeline.settings.recipes import TrainConfig

OTHER = {
    "variant": "no_aim", "fusion": "halves", "difference": "none", "agents": "concat", "trial": "linear",
    "learning_rates": [1.0, 1e-5, 1e-6], "switch_epochs": [1, 2, 3],
}  # fmt: skip
"""Another value than the paper's, for settings that are neither a number nor a switch."""


PAPER = load_config(PAPER_PRESET).method


def said(config=None, settings=None):
    return ", ".join(paper_differences(load_config(config, settings or {}).method, {}))


def differences(settings):
    """What differs under the paper's network and training with these settings, also of stages upstream."""
    own = {"stages": ["timesteps"], **settings}
    return [text.split(" ")[0] for text in said(PAPER_PRESET, own).split(", ") if text]


@pytest.mark.parametrize("name", [field.name for field in fields(AimConfig)])
def test_every_setting_of_the_network_is_compared(name):
    value = getattr(PAPER.network, name)
    other = OTHER[name] if name in OTHER else (not value) if isinstance(value, bool) else value // 2 or 0.5
    assert differences({f"model.{name}": other}) == [f"model.{name}"]


@pytest.mark.parametrize("name", [name for name in TrainConfig.model_fields if name not in NO_METHOD])
def test_every_setting_of_training_is_compared(name):
    value = getattr(PAPER.train, name)
    number = 2 if value is None else value + 1 if name in ("epochs", "batch", "scene_components") else None
    default = (not value) if isinstance(value, bool) else 0.25 if number is None else number
    assert differences({f"train.{name}": OTHER.get(name, default)}) == [f"train.{name}"]


@pytest.mark.parametrize(
    ("config", "settings", "text"),
    [
        (None, {}, "model.difference absolute (signed), "),
        (None, {}, "model.identity_start on (off)"),
        (None, {}, "model.feature_dropout 0.1 (0)"),
        (None, {}, "train.clip 5 (off)"),
        ("jigsaws", {}, "model.width 128 (512)"),
        ("jigsaws", {}, "kinematics.rotation 6d (matrix)"),
        ("jigsaws", {}, "kinematics.speed on (off)"),
        ("tasd2", {"timesteps.steps": 20}, "timesteps.steps 20 (10)"),
        ("tasd2", {"timesteps.statistics": "dct"}, "timesteps.statistics dct (mean"),
        ("tasd2", {"clips.layout": "uniform"}, "clips.layout uniform (windows)"),
    ],
)
def test_settings_count_where_their_stage_runs(config, settings, text):
    assert text in said(config, settings)


def test_the_papers_own_method_and_stages_that_do_not_run_differ_in_nothing():
    assert differences({}) == []
    assert said(PAPER_PRESET) == ""
    assert "kinematics.rotation" in differences({"kinematics.rotation": "6d"}), "timesteps need the stage"
    of_video = said("tasd2", {"kinematics.rotation": "6d"})
    assert not [part for part in ("kinematics.", "timesteps.", "clips.") if part in of_video]


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("i3d-kinetics400", "ab" * 32, ["clips.weights SHA-256 abababababab (i3d-kinetics400)"]),
        ("i3d-kinetics400", REGISTRY["i3d-kinetics400"].member_sha256, []),
        ("random", "ab" * 32, ["clips.weights SHA-256 abababababab (i3d-kinetics400)"]),
        ("random", REGISTRY["i3d-kinetics400"].member_sha256, []),
        ("random", "random:0", ["clips.weights random (i3d-kinetics400)"]),
    ],
)
def test_the_weights_that_made_the_features_are_compared(name, weights, expected):
    """The path of a file is not a setting of the method, and the file's content changes the result."""
    made = {"clips": StageDescription(2, {}, {"weights": weights}), "timesteps": StageDescription(7, {}, {})}
    assert paper_differences(load_config(PAPER_PRESET, {"clips.weights": name}).method, made) == expected
