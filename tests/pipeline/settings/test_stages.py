"""A stage is named in one place: the line in `pipeline/settings/stages.py`. Status, costs and docs read its class."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from data.store import StageOutput
from data.video.video_search import find_videos
from extractors.base import Extractor, Source
from pipeline.run.costs import StageCost, expected_cost
from pipeline.run.plan import Planner
from pipeline.settings.method import method_class
from pipeline.settings.stages import STAGES, stage_class
from tests.helpers.cached_outputs import failure_of
from tests.helpers.extracting import configured, extract, opened, states
from tests.helpers.scripts import load_script
from tests.helpers.toy_stages import Brightness, use_stages

ROOT = Path(__file__).resolve().parents[3]
TOY = {"brightness": "tests.helpers.toy_stages:Brightness", "contrast": "tests.helpers.toy_stages:Contrast"}


@pytest.fixture
def toy_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that adds the stages; nothing else is changed."""
    for name, place in TOY.items():
        monkeypatch.setitem(STAGES, name, place)


@pytest.fixture
def generated() -> Any:
    return load_script(ROOT / "docs" / "generated.py")


def test_one_line_adds_a_stage_everywhere(toy_line: None, make_video: Any, tmp_path: Path, generated: Any) -> None:
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

    def extract(self, source: Source) -> StageOutput:
        """All arrays one value too short."""
        whole = super().extract(source)
        return StageOutput.of(self.arrays, {name: array.values[:-1] for name, array in whole.arrays.items()})


def test_a_stage_that_breaks_its_contract_stores_nothing(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_stages(monkeypatch, brightness="tests.pipeline.settings.test_stages:Early")
    make_video(tmp_path / "in/a.mp4", frames=10)
    config = configured(tmp_path / "cache", stages=["brightness"])
    (result,) = extract(find_videos([tmp_path / "in"]).records, config).failed
    expected = "stage 'brightness': time has 9 frames, the video and the settings give 10"
    assert expected in result.failed["brightness"].cause
    entry = json.loads(failure_of(tmp_path / "cache", "brightness", "a.mp4").read_text())
    assert (entry["kind"], entry["error"]) == ("program", "ContractError")
    assert not list((tmp_path / "cache").rglob("*.h5"))


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_declares_its_arrays(name: str) -> None:
    stage: type[Extractor[Any]] = stage_class(name)
    assert stage.name == name
    assert stage.arrays
    assert all(spec.about for spec in stage.arrays.values())
    assert any(stage.clock in spec.dims for spec in stage.arrays.values())


@pytest.mark.parametrize(
    ("name", "settings", "ticks"),
    [
        ("clips", {"steps": 7}, 7),
        ("pose", {"stride": 2}, 51),
        ("camera_flow", {"stride": 2}, 50),
        ("kinematics", {}, None),
        ("timesteps", {"steps": 3}, 3),
    ],
)
def test_the_clock_of_a_stage_follows_video_and_settings(name: str, settings: dict[str, Any], ticks: int) -> None:
    stage = stage_class(name)
    assert stage.promise(stage.Config(**settings), 101).ticks == ticks


def test_one_frame_is_one_masked_pair() -> None:
    stage = stage_class("camera_flow")
    assert stage.promise(stage.Config(), 1).ticks == 1
    assert stage.promise(stage.Config(), 0).ticks is None, "the number of frames is not known"


def test_the_page_shows_every_stage_and_array(generated: Any) -> None:
    page = generated.stages()
    places = [page.index(f"## `{name}`") for name in STAGES]
    assert places == sorted(places)
    for name in STAGES:
        assert all(f"| `{array}` |" in page for array in stage_class(name).arrays)


def test_options_on_the_site_are_not_broken_at_their_hyphens(generated: Any) -> None:
    page = "<p><code>--config x-y</code></p><pre><code>aqa --json</code></pre>"
    whole = page.replace("--config", '<span class="whole">--config</span>')
    assert generated.on_page_content(page) == whole
    assert "default: by the ending of `--out`, else h5" in generated.commands()


def test_a_command_without_defaults_has_no_column_for_them(generated: Any) -> None:
    sections = dict(re.findall(r"^## `([\w ]+)`\n(.*?)(?=^## |\Z)", generated.commands(), re.MULTILINE | re.DOTALL))
    assert "|  | default | meaning |" in sections["demo"]
    assert "|  | meaning |" in sections["pack"]
