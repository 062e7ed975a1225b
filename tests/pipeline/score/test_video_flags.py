"""Flags of training videos, from the quality values of the stages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pipeline.score.video_flags import flag_videos


def planner(**videos: dict[str, dict[str, float]]) -> Any:
    """Plans of fresh outputs with these quality values."""
    plans = [
        SimpleNamespace(
            record=SimpleNamespace(name=name),
            steps=[
                SimpleNamespace(stage=s, check=SimpleNamespace(state="fresh", quality=q)) for s, q in stages.items()
            ],
        )
        for name, stages in videos.items()
    ]
    return SimpleNamespace(plan_all=lambda _: plans)


def video(duration: float = 4.0, rate: float = 25.0, **pose: float) -> dict[str, dict[str, float]]:
    usual = {"found_rate_all": 1.0, "longest_gap_s": 0.0, "swaps_suspected": 0, "cuts": 0, "rival": 0.1}
    return {"pose": usual | {"frames_per_s": rate} | pose, "timesteps": {"duration_s": duration}}


def test_each_fault_is_named_and_good_videos_are_not() -> None:
    flagged = flag_videos(
        [],
        planner(
            good=video(), other=video(5.0, 30.0), third=video(3.9), rare=video(found_rate_all=0.3), cut=video(cuts=1),
            rival=video(rival=0.9), slow=video(rate=60.0), stretched=video(rate=5.0), short=video(1.2),
            shorter=video(0.5),
        ),
    )  # fmt: skip
    assert {name: [flag.title for flag in flags] for name, flags in flagged.items()} == {
        "rare": ["people rarely detected"],
        "cut": ["cut in the video"],
        "rival": ["wrong person probable"],
        "slow": ["implausible frame rate"],
        "stretched": ["implausible frame rate"],
        "short": ["too short"],
        "shorter": ["too short"],
    }
    assert "60 frames per second, others have 25" in flagged["slow"][0].detail


def test_outputs_without_these_values_are_not_flagged() -> None:
    assert flag_videos([], planner(a={"clips": {"frames": 100}}, b={})) == {}
