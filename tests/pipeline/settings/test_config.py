"""The configuration: strict, explained, and every field of every stage either in the key or declared not to be."""

import contextlib
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import UsageError
from pipeline.settings.config import load_config, validate
from tests.helpers.checkout import ROOT


def test_every_preset_loads():
    for path in (ROOT / "configs").glob("*.yaml"):
        config = load_config(path)
        assert config.method.name == path.stem
        assert validate(config.dump()).dump() == config.dump(), "a saved configuration loads as it was"


WRONG = """
pose.bakend=movenet
psoe.stride=2
train.epoch=3
model.widht=3
stride=2
fps=2
pose.zzz=2
pose.folds=2
pose.stride=0
split.calibration_folds=1
pose.agents=two
pose.min_score=low
dataset.difficulty=awards
dataset.kind=jigsaw
stages=camera_flow
stages=[]
pose.region=[0, 0, 1, 1, 1]
pose.region=[0, 0, 1]
pose.region=[100,50,400,300]
pose.region=[0.6,0,0.4,1]
pose.region=[0,.nan,1,1]
pose.region=[0,0.5,1,0.5]
pose.cleaning=5
pose.tracks=[-1]
pose.min_score=1
pose.cleaning.max_gap_s=.inf
protocol=5fold
timesteps.pose.min_score=1.5
camera_flow.border=.nan
train.weight_decay=.nan
train.switch_epochs=[2, 3]
work.timeout_s=.nan
model.width=0
model.regression_width=0
model.dropout=1
model.heads=2
timesteps={primary: ""}
timesteps={primary: "pose:"}
timesteps={primary: "pose:0:leftish"}
timesteps={primary: "pose:1000"}
timesteps={primary: "kinematics:third"}
timesteps={primary: "a/b/c"}
timesteps={primary: "pose:١"}
timesteps={scene: "a b"}
timesteps={scene: "clips:0"}
timesteps={scene: "a/b/c"}
timesteps={secondary: ["pose:0"]}
timesteps={secondary: ["pose:1", "pose:1"]}
timesteps={secondary: ["pose:1", camera_flow]}
timesteps={secondary: ["pose:1:left", "pose:1:upper"]}
timesteps={secondary: ["kinematics:master", "skeleton/centre"]}
timesteps={secondary: ["skeleton:0"]}
timesteps={secondary: []}
timesteps={steps: 0}
timesteps={statistics: median}
timesteps={pose: {forms: [side]}}
timesteps={bounds: annotated, steps: 3}
timesteps={bounds: 3, steps: 3}
timesteps={bounds: [a, 3], steps: 3}
timesteps={bounds: [], steps: 3}
timesteps={bounds: [a, a], steps: 3}
timesteps={bounds: [a, " "], steps: 3}
timesteps={bounds: [a, b, c, d], steps: 3}
clips.backbone=i3d_r51
clips.backbone=x3d_m
clips={backbone: x3d_m, weights: random, frames_per_clip: 8}
clips.weights=hub
clips.device=gpu
clips.steps=0
clips.colour=1
clips.backbone=transformers
clips={backbone: transformers, weights_file: x, runtime: openvino}
train.recipe=slow
train={learning_rates: [0.0], switch_epochs: [3]}
pose.import.dri=x
pose.import_.dir=x
work.engine=rai
pose.stride=2001-99-99
pose.stride=!!int foo
pose.stride=!!map [a]
pose.stride=!!timestamp x
pose.stride=!!bool x
pose.stride=!!int ''
"""
"""Wrong keys, wrong values, and values that YAML cannot make."""


def own_words(error):
    """The message without what a library says, which differs between its versions."""
    return re.sub(r"readable(.*?) \((?!key|aliases|a number|larger).*\)\.", r"readable\1 (…).", str(error))


def refused(*given):
    """The message of a refused configuration: short, and printable whatever it quotes."""
    with pytest.raises(UsageError) as caught:
        load_config(*given)
    message = own_words(caught.value)
    assert message.isprintable()
    assert len(message) < 500, "the value itself may be of any length"
    return message


def test_wrong_keys_and_values_are_explained(snapshot):
    said = {}
    for override in [*WRONG.strip().splitlines(), f"pose.stride={'[' * 3000}", f"pose.stride={'1' * 5000}"]:
        said[override[:40]] = refused(ROOT / "configs/folder.yaml", [override])
        assert f"--set {override.partition('=')[0]}" in said[override[:40]]
    assert said == snapshot


def test_a_wrong_key_is_blamed_on_its_source(tmp_path):
    """Two wrong keys of two sources are both named."""
    for text, overrides, named in (
        ("pose: {strid: 2}", ["pose.agents=1"], "c.yaml: unknown key 'pose.strid'"),
        ("pose: {stride: 2}", ["pose={strid: 2}"], "--set pose.strid=2: unknown key 'pose.strid'"),
        ("name: x", ["psoe.stride=2"], "--set psoe.stride=2: unknown key 'psoe'"),
        ("pose: {strid: 2}", ["train.epoch=2"], "c.yaml: unknown key 'pose.strid'"),
        ("pose: {strid: 2}", ["train.epoch=2"], "--set train.epoch=2: unknown key 'train.epoch'"),
    ):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(UsageError) as caught:
            load_config(tmp_path / "c.yaml", overrides)
        assert named in str(caught.value)


def test_presets_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config("jigsaws").dump() == load_config(ROOT / "configs/jigsaws.yaml").dump()
    (tmp_path / "jigsaws").mkdir()
    assert load_config("jigsaws").method.name == "jigsaws", "a folder of that name is not a configuration"
    (tmp_path / "jigsaws").rmdir()
    (tmp_path / "jigsaws").write_text("name: mine")
    assert load_config("jigsaws").method.name == "mine", "a file of that name is"


def test_overrides_of_a_configuration_and_as_a_mapping():
    config = load_config("folder")
    assert load_config(config) is config
    for overrides in ({"pose.stride": 3}, {"pose": {"stride": 3}}, ["pose.stride=3"], [("pose.stride", 3)]):
        changed = load_config(config, overrides).dump()
        assert changed["pose"].pop("stride") == 3
        assert changed["pose"].items() <= config.dump()["pose"].items()


HOSTILE = (
    *("name: a\nname: b", "a: &x [1]\nb: *x", "- 1\n- 2", "a: [", "!!python/object/apply:os.system [ls]", "!!map [a]"),
    *("name: !!timestamp x", "name: !!bool x", "[" * 3000, "run: {workers: 1" + ":1" * 3000 + "}"),
    *("run: {workers: 0x" + "f" * 4000 + "}", "name: [" + "x" * 9999 + "]", "train: {recipe: [fast]}"),
    *("".join(f"{' ' * n}a:\n" for n in range(1000)), "split: {folds: .inf}", "name: a\0b", r'cache: "a\0b"'),
    *(r'dataset: {tasks: [a, "a\0b"]}', "? [a, b]\n: c", "1: 2", "#" * (1 << 18), r'"\e[31mred": 1'),
)


def test_hostile_or_broken_files_are_refused(tmp_path, snapshot):
    path, said = tmp_path / "c.yaml", {}
    for text in HOSTILE:
        path.write_text(text)
        said[text[:40]] = refused(path).replace(str(tmp_path), "")
    assert said == snapshot


@given(st.text(max_size=50))
def test_any_override_gives_a_configuration_or_a_usage_error(text):
    for override in (f"name={text}", f"train.recipe={text}", f"pose.stride={text}", text):
        with contextlib.suppress(UsageError):
            load_config(None, [override])


@given(st.binary(max_size=200))
def test_any_bytes_give_a_configuration_or_a_usage_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("c") / "c.yaml"
    path.write_bytes(content)
    with contextlib.suppress(UsageError):
        load_config(path)


def test_a_configuration_has_the_name_of_its_file_unless_it_says_one(tmp_path):
    """Otherwise a page of own settings would be headed with the name of a preset."""
    own, named = tmp_path / "our club.yaml", tmp_path / "b.yaml"
    own.write_text("train: {epochs: 5}\n")
    named.write_text("name: springboard\n")
    assert [load_config(path).method.name for path in (own, named, None)] == ["our club", "springboard", "unnamed"]


def test_phases_of_features_without_times_are_refused_before_the_plan():
    """So outputs that an earlier version made of them are not read either, and no other key changes."""
    scene = ["timesteps.scene=features/scene", "timesteps.primary=none", "timesteps.secondary=[none]"]
    for possible in ("features.fps=25", "timesteps.bounds=equal"):
        config = load_config(None, [*scene, "timesteps.bounds=[run,entry]", possible])
        assert [*config.with_upstream(("timesteps",))] == ["features", "timesteps"]
    config = load_config(None, [*scene, "timesteps.bounds=[run,entry]"])
    with pytest.raises(UsageError, match=r"have no times. Say when rows are .*features.fps=25"):
        config.with_upstream(("timesteps",))
    camera = load_config(config, ["timesteps.primary=features/primary", "timesteps.secondary=[camera_flow]"])
    assert "camera_flow" in camera.with_upstream(("timesteps",)), "another stage has times"


def test_a_recipe_names_training_alone():
    whole, paper = (load_config("jigsaws", {"train.recipe": recipe}).dump() for recipe in ("tools", "paper"))
    assert whole.pop("train") != paper.pop("train")
    assert whole == paper


def test_another_recipe_replaces_what_the_first_one_filled_in():
    first = load_config(None, {"train.networks": 2, "model.width": 8})
    again = load_config(pickle.loads(pickle.dumps(first)), {"train.recipe": "paper"})
    assert again.method == load_config(None, {"train.networks": 2, "model.width": 8, "train.recipe": "paper"}).method
    assert (first.given()["train"], first.given()["model"]) == ({"networks": 2}, {"width": 8})


def test_a_text_is_what_was_typed():
    """A folder may have the name of a date, a number or a truth value."""
    for text in ("2026-05-31", "01", "no", "[old] clips #2"):
        assert load_config("folder", [f"dataset.root={text}"]).dataset.root == Path(text)
    typed = [load_config("folder", [f"dataset.root={text}"]).dataset.root for text in ("null", "'it''s'", "")]
    assert typed == [None, Path("it's"), Path()]
    keys = ("pose.import.dir", "clips.weights_file", "pose.rtmlib.model", "dataset.score", "name")
    values = load_config("folder", [f"{key}=2026-05-31" for key in keys]).dump()
    assert [values["pose"]["import"]["dir"], values["clips"]["weights_file"], values["name"]] == ["2026-05-31"] * 3
    assert [values["pose"]["rtmlib"]["model"], values["dataset"]["score"]] == ["2026-05-31"] * 2


def test_a_file_says_only_what_differs_from_the_preset_of_plain_folders(tmp_path):
    """There is one place of defaults: a file without a key has the value that a call without --config has."""
    (tmp_path / "mine.yaml").write_text("pose: {stride: 2}\n")
    mine, folder = load_config(tmp_path / "mine.yaml"), load_config("folder", {"pose.stride": 2})
    assert mine.with_upstream() == folder.with_upstream()
    differing = {key for key, value in mine.dump().items() if value != folder.dump()[key]}
    assert differing <= {"name", "stages"}
