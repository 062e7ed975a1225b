"""Flags of training videos, from the quality values of the stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import DataError
from pipeline import api
from pipeline.checks.video_flags import announce_flags, flag_videos, still_camera_advice
from pipeline.observer import Observer
from pipeline.settings.config import load_config
from tests.extractors.skeleton.test_skeleton import moving, write


def measured(**videos: dict[str, dict[str, float]]) -> Any:
    return list(videos.items())


def video(duration: float = 4.0, rate: float = 25.0, **pose: float) -> dict[str, dict[str, float]]:
    usual = {"found_rate_all": 1.0, "longest_gap_s": 0.0, "cuts": 0, "rival": 0.1}
    return {"pose": usual | {"frames_per_s": rate} | pose, "timesteps": {"duration_s": duration}}


def test_each_fault_is_named_and_good_videos_are_not() -> None:
    flagged = flag_videos(
        measured(
            good=video(), other=video(5.0, 30.0), third=video(3.9), rare=video(found_rate_all=0.3), cut=video(cuts=1),
            rival=video(rival=0.9), slow=video(rate=60.0), stretched=video(rate=5.0), short=video(1.2),
            shorter=video(0.5), damaged=video(damaged_packets=3), hidden=video(hidden_frames=13),
        ),
    )  # fmt: skip
    assert {name: [flag.title for flag in flags] for name, flags in flagged.items()} == {
        "rare": ["people rarely detected"],
        "cut": ["cut in the video"],
        "rival": ["another person is prominent"],
        "slow": ["another frame rate"],
        "stretched": ["implausible frame rate"],
        "short": ["too short"],
        "shorter": ["too short"],
        "damaged": ["damaged stream"],
        "hidden": ["hidden frames"],
    }
    assert flagged["damaged"][0].detail.startswith("The video has 3 damaged packets")
    assert flagged["hidden"][0].detail.startswith("The file has 13 frames outside the time")
    assert "60 frames per second, others have 25: film all at one rate" in flagged["slow"][0].detail
    assert "For two who perform together, set pose.agents=2" in flagged["rival"][0].detail


def test_a_pause_is_flagged_by_extract_and_refused_by_a_strict_training(tmp_path: Path) -> None:
    """The tables are 3 s long; the clock of one jumps by five days."""
    for number in range(4):
        time = np.arange(60) / 20 + np.repeat([0, 5 * 86_400 * (number == 2)], 30)
        write(tmp_path / f"in/v{number}.csv", moving(60, number), time_s=time)
    lines = ["video,score", *(f"v{number}.csv,{number + 1}" for number in range(4))]
    (tmp_path / "in/labels.csv").write_text("\n".join(lines) + "\n")
    settings = {"dataset.root": str(tmp_path / "in"), "cache": str(tmp_path / "cache"), "work.workers": "0"}
    assert api.extract(config="skeletons", overrides=settings).flags == {"v2.csv": ["pause in the recording"]}
    with pytest.raises(DataError, match="1 of 4 videos are flagged"):
        api.train(config="skeletons", overrides=settings, out=tmp_path / "run", strict=True)


def test_outputs_without_these_values_are_not_flagged() -> None:
    assert flag_videos(measured(a={"clips": {"frames": 100}}, b={})) == {}


@pytest.mark.parametrize(("sheets", "advice"), [("", "with --preview draws"), ("c", "is c/preview/<video>.jpg")])
def test_the_advice_names_the_sheets_that_were_drawn(sheets: str, advice: str) -> None:
    notes: list[str] = []
    observer = Observer()
    observer.note = notes.append  # type: ignore[method-assign]
    assert list(announce_flags(measured(cut=video(cuts=1)), 1, observer, sheets=sheets)) == ["cut"]
    assert advice in notes[0]
    assert ("--preview" in notes[0]) == (not sheets)


def camera(moving: bool) -> dict[str, dict[str, float]]:
    return {"camera_flow": {"moving": moving, "shake": 0.0}}


def advice(config: str, *moving: bool, **overrides: str) -> str:
    settings = load_config(config, [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()])
    videos = {f"v{number}": camera(one) for number, one in enumerate(moving)}
    return still_camera_advice(measured(**videos), settings, Path("runs/mine"))


def test_still_cameras_as_agents_get_the_command_of_the_other_preset() -> None:
    text = advice("folder", False, False, True, dataset__root="my videos")
    assert "stands still in 2 of 3 training videos" in text
    assert text.endswith(
        "type: aqa extract 'my videos' --config person && "
        "aqa train --config person --set 'dataset.root=my videos' --out runs/mine"
    )
    assert "--config person --cache kept &&" in advice("folder", False, dataset__root="v", cache="kept")


@pytest.mark.parametrize(
    ("config", "moving", "root"),
    [
        ("folder", (True, True, False), "videos"),
        ("folder", (True, False), "videos"),
        ("folder", (), "videos"),
        ("folder", (False, False), None),
        ("person", (False, False), "videos"),
        ("tasd2", (False, False), "videos"),
    ],
)
def test_no_advice_where_the_preset_would_not_help(config: str, moving: tuple[bool, ...], root: str | None) -> None:
    assert advice(config, *moving, **({"dataset__root": root} if root else {})) == ""


def test_the_preset_for_one_person_shares_the_cache_of_own_videos() -> None:
    person, folder = load_config("person", []), load_config("folder", [])
    assert person.machine.cache == folder.machine.cache
    for stage in ("pose", "clips"):
        assert person.method.stage(stage) == folder.method.stage(stage)
