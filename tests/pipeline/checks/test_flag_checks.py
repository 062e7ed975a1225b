"""Every flag, and the floors of differences from training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.checks.flag_checks import (
    CHECKS,
    COMPARED,
    LENGTH_FLOOR_S,
    ComparedMeasure,
    Facts,
    find_flags,
    quality_ranges,
)

POORER = "poorer features than in training"


def pose(**measures: float) -> Facts:
    usual = {"found_rate_all": 1.0, "longest_gap_s": 0.0, "cuts": 0}
    return Facts(quality={"pose": usual | measures}, duration=4.0)


def camera(**measures: float | bool) -> Facts:
    usual = {"shake": 0.01, "moving": True, "unusable_share": 0.0, "cuts": 0}
    return Facts(quality={"camera_flow": usual | measures}, duration=4.0, camera_agent=True)


FLAGGED = [
    (pose(found_rate_all=0.4), "warn", "people rarely detected"),
    (pose(found_rate_all=0.1), "bad", "people rarely detected"),
    (pose(longest_gap_s=2.0), "warn", "long gap in the pose"),
    (pose(cuts=1), "warn", "cut in the video"),
    (pose(cuts=3), "bad", "cut in the video"),
    (camera(shake=0.5), "warn", "shaking camera"),
    (camera(unusable_share=0.5), "warn", "camera motion unknown"),
    (Facts(duration=0.6), "warn", "too short"),
    (Facts(duration=1.0, lengths=(3.0, 4.0)), "bad", "too short"),
    (Facts(duration=5.0, lengths=(3.0, 4.0)), "warn", "too long"),
    (Facts(distance=(1.5, "the scene")), "warn", "unlike the training performances"),
    (Facts(distance=(3.0, "the scene")), "bad", "unlike the training performances"),
    (Facts(phases=(0.3, 0.1)), "warn", "uncertain phases"),
    (Facts(software=("torch 1 in training, 2 here",)), "info", "other software versions"),
    (Facts(levels_missing=[95], independent=12), "info", "no 95 % interval"),
    (Facts(quality={"kinematics": {"video_mismatch": True}}), "warn", "kinematics and video differ"),
    (Facts(quality={"timesteps": {"masked_steps_primary": 0.3}}), "warn", "primary agent missing"),
]


@pytest.mark.parametrize(("facts", "level", "title"), FLAGGED)
def test_each_flag(facts: Facts, level: str, title: str) -> None:
    (flag,) = find_flags(facts)[0]
    assert (flag.level, flag.title) == (level, title)
    assert flag.detail.endswith(".")


def test_a_flag_about_an_agent_says_which_and_names_the_person() -> None:
    measures = {"masked_steps_primary": 0.0, "masked_steps_secondary": 0.3}
    named = {**measures, "name_primary": "left athlete", "name_secondary": "right athlete"}
    for quality, name in ((measures, "secondary agent"), (named, "right athlete")):
        facts = Facts(quality={"timesteps": quality}, distance=(3.0, "the secondary agents"))
        far, missing = find_flags(facts)[0]
        assert (missing.title, missing.agent, far.agent) == (f"{name} missing", "secondary", "secondary")
        assert f"the {name} was not detected" in missing.detail
    assert far.detail.endswith("most in the right athlete.")


def test_measures_are_compared_with_those_of_training() -> None:
    ranges = quality_ranges(
        [pose(mean_score=score, found_rate_all=rate).quality for score, rate in ((0.5, 1), (0.6, 0.8))]
    )
    assert ranges["pose"]["found_rate_all"] == (0.8, 1.0)
    for measures, flagged in (
        ({"mean_score": 0.46}, False),
        ({"mean_score": 0.4}, True),
        ({"found_rate_all": 0.72}, False),
        ({"found_rate_all": 0.68}, True),
    ):
        facts = replace(pose(**{"mean_score": 0.5, **measures}), training=ranges)
        flags, checked = find_flags(facts)
        assert [flag.title for flag in flags] == ["poorer features than in training"] * flagged
        assert "quality against training" in checked


def test_good_videos_have_no_flag_and_only_checks_that_ran_are_listed() -> None:
    for facts in (pose(), camera(), Facts(duration=3.2, lengths=(3.0, 4.0), distance=(0.9, "the scene"))):
        assert find_flags(facts)[0] == ()
    assert find_flags(Facts())[1] == ("settings", "calibration")
    assert "cuts" in find_flags(pose())[1]
    assert len(CHECKS) == 17


def test_large_numbers_have_no_exponent() -> None:
    (flag,) = find_flags(Facts(quality={"clips": {"frames_per_s": 1350.0}}), ("frame rate",))[0]
    assert flag.detail.startswith("The video has 1350 frames per second: ")


def test_the_worst_flag_comes_first() -> None:
    flags, _ = find_flags(pose(cuts=3, longest_gap_s=2.0, found_rate_all=0.4))
    assert [flag.level for flag in flags] == ["bad", "warn", "warn"]


@pytest.mark.parametrize(("place", "measure"), COMPARED.items(), ids=lambda value: str(value)[:40])
def test_a_difference_is_flagged_above_its_floor_alone(place: tuple[str, str], measure: ComparedMeasure) -> None:
    (stage, name), usual = place, 0.5
    for share, flagged in ((0.9, []), (1.1, [POORER])):
        value = usual + (1 if measure.more_is_worse else -1) * share * measure.floor
        facts = Facts(quality={stage: {name: value}}, training={stage: {name: [usual, usual]}})
        assert [flag.title for flag in find_flags(facts, ["quality against training"])[0]] == flagged


@pytest.mark.parametrize(
    ("moving", "camera_agent", "level"),
    [([0.0, 0.0], True, None), ([0.0, 1.0], True, None), ([1.0, 1.0], False, "warn"), (None, True, "warn"),
     (None, False, "info")],
)  # fmt: skip
def test_a_static_camera_is_flagged_only_where_training_had_none(
    moving: list[float] | None, camera_agent: bool, level: str | None
) -> None:
    quality = {"camera_flow": {"shake": 0.0, "moving": False}}
    training = {} if moving is None else {"camera_flow": {"moving": moving}}
    flags, _ = find_flags(Facts(quality=quality, training=training, camera_agent=camera_agent), ["camera"])
    assert [(flag.title, flag.level) for flag in flags] == ([("static camera", level)] if level else [])


@pytest.mark.parametrize(
    ("off", "title"),
    [(0.9, None), (-0.9, None), (1.1, "too long"), (-1.1, "too short")],
)
def test_lengths_within_the_floor_are_not_flagged(off: float, title: str | None) -> None:
    facts = Facts(duration=1.0 + off * LENGTH_FLOOR_S, lengths=(1.0, 1.0))
    assert [flag.title for flag in find_flags(facts, ["length"])[0]] == ([title] if title else [])


def test_numbers_that_differ_have_enough_digits_to_show_it() -> None:
    (flag,), _ = find_flags(Facts(duration=0.97), ["length"])
    assert flag.detail == "The video has 0.97 s, expected are at least 1.00 s."
    quality = {"pose": {"found_rate_all": 1.0, "longest_gap_s": 0.04}}
    (flag,), _ = find_flags(Facts(duration=0.06, quality=quality), ["people detected"])
    assert flag.detail == "A person was not detected for 0.04 s in a row, of 0.06 s."
    (flag,), _ = find_flags(Facts(distance=(1.04, "scene")), ["distance to the training performances"])
    assert "1.04 times the limit" in flag.detail


def test_a_recording_whose_clock_jumps_is_flagged() -> None:
    jump = Facts(quality={"timesteps": {"longest_pause_s": 86_400.0}}, duration=86_404.0)
    (flag,) = find_flags(jump, ("pauses",))[0]
    assert flag.title == "pause in the recording"
    usual = Facts(quality={"timesteps": {"longest_pause_s": 0.12}}, duration=4.0)
    assert find_flags(usual, ("pauses",))[0] == ()
