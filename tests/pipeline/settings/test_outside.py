"""Stages, data sets and systems of a user, by `module:name`; those of a foreign model are not imported."""

import pickle
import sys
from pathlib import Path

import pytest

from data.datasets import check_data, list_records
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
    assert made.with_upstream() == {"mine": made.stage("mine")}
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
        read_recorded(stored, lab)
    assert "lab_mine" not in sys.modules
    user = settings_beside_model(overrides=["stages=[lab_mine:Mine]"])
    assert "stages" not in user.given(), "the model keeps its own stages"
    assert read_recorded(stored, lab)[0].stages == ("mine",)


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
    for one, needed in (("first", "second"), ("second", "first")):
        need = f"\n    @classmethod\n    def upstream(cls, config):\n        return ('{needed}',)\n"
        Path(f"lab_{one}.py").write_text(STAGE.replace("NAME", one) + need)
    made = load_config(None, {"stages": ["lab_first:Mine", "lab_second:Mine"]})
    with pytest.raises(UsageError, match="need each other: first -> second -> first"):
        made.with_upstream()


DATA_SET = """
from data.datasets.listing import DataSetKind
from data.video import Listing, find_videos
from data.video.records import Record

def list_mine(root, *, labels=None):
    return Listing((Record(f"{root.name}/{labels}", None),), ())

kind = DataSetKind(list_mine, counts={"all": 5})
nothing = 5
"""


def test_a_data_set_from_outside(lab):
    Path("lab_set.py").write_text(DATA_SET)
    for name in ("list_mine", "kind"):
        given = load_config(None, {"dataset.kind": f"lab_set:{name}"}).dataset
        assert [record.id for record in list_records(given.kind, lab, labels="x").records] == [f"{lab.name}/x"]
    assert check_data("lab_set:kind", lab, {}).counts == (("all", 1, 5),)
    for wrong, said in (("lab_set:nothing", "does not list a data set"), ("lab_set:x", "cannot be imported")):
        with pytest.raises(UsageError, match=said):
            list_records(wrong, lab)


SYSTEMS = """
from pipeline.systems import SimpleSystem, System

def learn(train):
    return lambda test, repeat: test

class Mine(System):
    name = "mine"

ready, nothing = SimpleSystem("ready", learn), 5
"""


def test_a_system_from_outside(lab):
    Path("lab_systems.py").write_text(SYSTEMS)
    names = {name: outside_system(f"lab_systems:{name}").name for name in ("learn", "Mine", "ready")}
    assert names == {"learn": "lab_systems:learn", "Mine": "mine", "ready": "ready"}
    with pytest.raises(UsageError, match="'lab_systems:nothing' is not a system"):
        outside_system("lab_systems:nothing")
