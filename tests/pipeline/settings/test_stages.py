"""A stage is named in one place: the line in `pipeline/settings/stages.py`. Status, costs and docs read its class."""

import json
from unittest.mock import Mock

import pytest

from data.errors import WeightsError
from data.store import StageOutput
from data.video.video_search import find_videos
from pipeline import api
from pipeline.run.costs import StageCost, expected_cost
from pipeline.run.plan import Planner
from pipeline.settings.method import method_class
from pipeline.settings.stages import STAGES
from tests.helpers.cached_outputs import failure_of
from tests.helpers.checkout import ROOT
from tests.helpers.extracting import configured, extract, opened, states
from tests.helpers.scripts import load_script
from tests.helpers.toy_stages import Brightness, use_stages

TOY = {"brightness": "tests.helpers.toy_stages:Brightness", "contrast": "tests.helpers.toy_stages:Contrast"}


@pytest.fixture
def toy_line(monkeypatch):
    """The line that adds the stages; nothing else is changed."""
    for name, place in TOY.items():
        monkeypatch.setitem(STAGES, name, place)


@pytest.fixture
def generated():
    return load_script(ROOT / "docs" / "generated.py")


def test_one_line_adds_a_stage_everywhere(toy_line, make_video, tmp_path, generated):
    make_video(tmp_path / "in/a.mp4", frames=10)
    assert "brightness" in method_class().model_fields
    config = configured(tmp_path / "cache", stages=["brightness"], brightness={"stride": 3})
    cache, records = opened(config), find_videos([tmp_path / "in"]).records
    cost = expected_cost([*Planner(config, cache).plan_all(records)], config.machine, cache).stages["brightness"]
    assert cost == StageCost(1, 4, "frames", None)
    assert extract(records, config).ok
    assert states(records, config) == {"a.mp4/brightness": ("fresh", "")}
    assert "| `brightness` | (frame) | 1 | mean of all pixels, 0 to 255 |" in generated.arrays("brightness")
    assert "### `brightness`\n\nMean grey level per frame. Its clock is `frame`." in generated.stages()
    assert "### `brightness`" in generated.on_page_markdown("a\n[stages]\nb\n")
    assert "`brightness.stride`" in generated.settings()


class Early(Brightness):
    """Stops before the last frame."""

    def extract(self, source):
        """All arrays one value too short."""
        whole = super().extract(source)
        return StageOutput.of(self.arrays, {name: array.values[:-1] for name, array in whole.arrays.items()})


def test_a_stage_that_breaks_its_contract_stores_nothing(make_video, tmp_path, monkeypatch):
    use_stages(monkeypatch, brightness="tests.pipeline.settings.test_stages:Early")
    make_video(tmp_path / "in/a.mp4", frames=10)
    config = configured(tmp_path / "cache", stages=["brightness"])
    (result,) = extract(find_videos([tmp_path / "in"]).records, config).failed
    expected = "stage 'brightness': time has 9 frames, the video and the settings give 10"
    assert expected in result.failed["brightness"].cause
    entry = json.loads(failure_of(tmp_path / "cache", "brightness", "a.mp4").read_text())
    assert (entry["kind"], entry["error"]) == ("program", "ContractError")
    assert not list((tmp_path / "cache").rglob("*.h5"))


def test_missing_weights_are_named_once_before_the_first_video(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr("data.weights.fetch", Mock(side_effect=WeightsError("no network")))
    with pytest.raises(WeightsError, match="no network"):
        api.extract(make_video(tmp_path / "a.mp4"), stages="pose", cache=tmp_path / "cache")
