"""Flags of training videos, from the quality values of the stages."""

from pathlib import Path

import pytest

from pipeline.checks.training_video_flags import announce_flags, flag_videos, still_camera_advice
from pipeline.settings.config import load_config
from tests.helpers.watching import Watching


def measured(duration=4.0, rate=25.0, **pose):
    usual = {"found_rate_all": 1.0, "longest_gap_s": 0.0, "cuts": 0, "rival": 0.1}
    return {"pose": usual | {"frames_per_s": rate} | pose, "timesteps": {"duration_s": duration}}


def test_each_fault_is_named_and_good_videos_are_not(snapshot):
    videos = {
        "good": measured(), "other": measured(5.0, 30.0), "third": measured(3.9), "rare": measured(found_rate_all=0.3),
        "cut": measured(cuts=1), "rival": measured(rival=0.9), "slow": measured(rate=60.0),
        "stretched": measured(rate=5.0), "short": measured(1.2), "damaged": measured(0.5, damaged_packets=3),
        "hidden": measured(hidden_frames=13), "unknown": {"clips": {"frames": 100}}, "empty": {},
    }  # fmt: skip
    flagged = flag_videos(videos.items())
    assert {name: [f"{flag.title}: {flag.detail}" for flag in flags] for name, flags in flagged.items()} == snapshot


@pytest.mark.parametrize(("sheets", "advice"), [("", "with --preview draws"), ("c", "is c/preview/<video>.jpg")])
def test_the_advice_names_the_sheets_that_were_drawn(sheets, advice):
    observer = Watching()
    assert list(announce_flags([("cut", measured(cuts=1))], 1, observer, sheets=sheets)) == ["cut"]
    assert advice in observer.lines[0]


STILL = (False, False, True)
COMMAND = "aqa extract 'my videos' --config person{0} && aqa train 'my videos' --config person{0} --out r"


@pytest.mark.parametrize(
    ("config", "moving", "overrides", "command"),
    [
        ("folder", STILL, ["dataset.root=my videos"], COMMAND.format("")),
        ("folder", STILL, ["dataset.root=my videos", "cache=kept"], COMMAND.format(" --cache kept")),
        ("folder", (True, False), ["dataset.root=v"], ""),
        ("folder", (), ["dataset.root=v"], ""),
        ("folder", STILL, [], ""),
        ("person", STILL, ["dataset.root=v"], ""),
        ("tasd2", STILL, ["dataset.root=v"], ""),
    ],
)
def test_still_cameras_as_agents_get_the_command_of_the_preset_that_helps(config, moving, overrides, command):
    videos = {str(number): {"camera_flow": {"moving": one, "shake": 0.0}} for number, one in enumerate(moving)}
    advice = still_camera_advice(videos.items(), load_config(config, overrides), Path("r"))
    assert advice.partition(", type: ")[2] == command
    assert ("stands still in 2 of 3 training videos" in advice) == bool(command)
