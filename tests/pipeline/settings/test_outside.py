"""Stages of a user, by `module:name`; those of a foreign model are not imported. Sets and systems: test_extend_page."""

import pickle
import sys
from functools import partial
from pathlib import Path

import pytest

from data.datasets import list_records
from data.errors import UsageError
from pipeline.api.arguments import settings_beside_model
from pipeline.run.plan import Planner
from pipeline.settings.config import load_config, read_recorded
from pipeline.settings.stages import STAGES
from pipeline.systems import outside_system
from tests.helpers.extracting import opened

STAGE = """
from tests.helpers.toy_stages import Brightness

class Mine(Brightness):
    name = "NAME"
"""
PLACE = "lab_NAME:Mine"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The working folder, whose modules come and go with the test, as the stages that are added."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("mine", "pose", "train"):
        Path(f"lab_{name}.py").write_text(STAGE.replace("NAME", name))
        monkeypatch.delitem(sys.modules, f"lab_{name}", raising=False)
    before = dict(STAGES)
    yield tmp_path
    STAGES.clear()
    STAGES.update(before)


def config(name="mine", **more):
    return load_config(None, {"stages": [PLACE.replace("NAME", name)], **more})


def test_a_stage_from_outside_is_one_as_all_others(lab):
    made = config(mine={"stride": 3}, cache=str(lab / "cache"))
    assert made.with_upstream() == {"mine": made.method.stage("mine")}
    assert pickle.loads(pickle.dumps(made)) == made
    identity = Planner(made, opened(made)).descriptions["mine"].identity
    assert identity["stage"] == "lab_mine:Mine", "two stages of one name have different keys"
    assert made.recorded()["stages"] == ["lab_mine:Mine"]
    assert "mine" not in load_config(None).recorded(), "nothing is stored of a stage that a method lacks"


def test_a_model_imports_no_code_that_the_user_has_not_named(lab):
    stored = config().recorded()
    del STAGES["mine"], sys.modules["lab_mine"]
    with pytest.raises(
        UsageError, match=r"uses the stage lab_mine:Mine, which is code.*--set 'stages=\[lab_mine:Mine\]'"
    ):
        read_recorded(stored, lab, load_config())
    assert "lab_mine" not in sys.modules
    user = settings_beside_model(overrides=["stages=[lab_mine:Mine]"])
    assert "stages" not in user.given(), "the model keeps its own stages"
    assert read_recorded(stored, lab, user).method.stages == ("mine",)


def test_what_cannot_be_added_is_one_error(lab):
    for place, said in (
        ("lab_none:Mine", r"cannot be imported \(ModuleNotFoundError.*Work in the folder that holds lab_none"),
        ("lab_mine:STAGE\n", "cannot be imported"),
        ("lab_mine:__name__", "is not a stage"),
        ("lab_pose:Mine", "has the name of the stage 'pose'"),
        ("lab_train:Mine", "has the name of another section"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            load_config(None, {"stages": [place]})
        assert str(caught.value).isprintable()
    for use, said in (
        (partial(list_records, root=lab), "does not list a data set"),
        (outside_system, "is not a system"),
    ):
        with pytest.raises(UsageError, match=said):
            use("lab_mine:__name__")
    for one, needed in (("first", "second"), ("second", "first")):
        need = f"\n    @classmethod\n    def upstream(cls, config):\n        return ('{needed}',)\n"
        Path(f"lab_{one}.py").write_text(STAGE.replace("NAME", one) + need)
    made = load_config(None, {"stages": ["lab_first:Mine", "lab_second:Mine"]})
    with pytest.raises(UsageError, match="need each other: first -> second -> first"):
        made.with_upstream()
