"""Every flag below, at and above its limit, as people read it; the floors of differences from training."""

from dataclasses import replace
from itertools import product

import pytest

from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag_checks import CHECKS, COMPARED, Facts, find_flags, quality_ranges

MEASURES = {
    **{"clips.damaged_packets": (0, 1), "pose.damaged_packets": (3,), "camera_flow.hidden_frames": (0, 13)},
    **{"pose.found_rate_all": (0.24, 0.25, 0.49, 0.5), "pose.rival": (0.5, 0.51)},
    **{"pose.cuts": (0, 1, 2), "camera_flow.cuts": (1,)},
    **{"timesteps.masked_steps_primary": (0.2, 0.21, 0.51), "timesteps.masked_steps_secondary": (0.3,)},
    **{"kinematics.video_mismatch": (0, 1), "clips.frames_per_s": (11.9, 12, 130, 130.1, 1350.0)},
    **{"pose.frames_per_s": (60,), "timesteps.longest_pause_s": (1.0, 1.01, 86_400)},
}
"""Values of one measure alone."""

RANGE = (3.0, 4.0)
NAMED = {"masked_steps_secondary": 0.3, "name_primary": "left athlete", "name_secondary": "right athlete"}
ACCURACY = Accuracy(performances=8, rho=0.5, mae=1.0, mean_mae=0.9, within=2.0, better=False)
FACTS = (
    *({"quality": {"pose": {"found_rate_all": 1.0, "longest_gap_s": gap}}, "duration": 4.0} for gap in (1.0, 1.01)),
    {"quality": {"pose": {"found_rate_all": 1.0, "longest_gap_s": 0.04}}, "duration": 0.06},
    {"quality": {"pose": {"found_rate_all": 0.4, "longest_gap_s": 2.0, "cuts": 3}}, "duration": 4.0},
    {"quality": {"timesteps": NAMED}, "distance": (1.9, "the whole picture")},
    {"quality": {"pose": {"found_rate_all": 0.4}}, "duration": 4.9, "lengths": RANGE},
    {"quality": {"clips": {"damaged_packets": 1}, "timesteps": NAMED}, "distance": (1.0, "the whole picture")},
    *({"quality": {"camera_flow": {"moving": True, "shake": shake}}} for shake in (0.3, 0.31)),
    *({"quality": {"camera_flow": {"moving": True, "shake": 0, "unusable_share": u}}} for u in (0.3, 0.31)),
    *({"duration": duration} for duration in (0.49, 0.97, 1.0, 9.0)),
    *({"duration": duration, "lengths": RANGE} for duration in (1.4, 2.3, 2.4, 4.8, 4.9, 8.1)),
    *({"duration": duration, "lengths": (1.0, 1.0)} for duration in (0.74, 0.76, 1.24, 1.26)),
    *({"duration": duration, "usual_length": 6.0} for duration in (1.9, 2.0)),
    *({"distance": (ratio, "the whole picture")} for ratio in (1.0, 1.04, 2.0, 2.1, float("nan"))),
    *({"distance": (3.0, "the secondary agents"), "quality": {"timesteps": names}} for names in ({}, NAMED)),
    *({"phases": (widest, 0.1)} for widest in (0.1, 0.104)),
    *({"software": ("torch 1 in training, 2 here",) * count} for count in (1, 3, 5)),
    *({"levels_missing": levels, "independent": 12} for levels in ([95], [80, 95])),
    {"uncalibrated": "no fold was held out"},
    *({"trained_on": trained_on} for trained_on in (False, True)),
    *({"accuracy": replace(ACCURACY, better=better)} for better in (False, True)),
    *(
        {"quality": {"camera_flow": {"shake": 0.0, "moving": False}}, "camera_agent": agent, "training": training}
        for agent, training in product(
            (False, True), [{}, *({"camera_flow": {"moving": ends}} for ends in ((0, 0), (0, 1), (1, 1)))]
        )
    ),
    *(
        {"quality": {"pose": {"frames_per_s": rate}}, "training": {"pose": {"frames_per_s": (25.0, 30.0)}}}
        for rate in (16.6, 16.7, 45, 45.1)
    ),
)


def described(facts):
    """The checks that ran, and what they say, the worst first."""
    flags, checked = find_flags(facts)
    lines = [f"    {flag.level}: {flag.title}: {flag.detail} {flag.agent}".rstrip() for flag in flags]
    return "\n".join([", ".join(name for name in checked if name not in ("settings", "calibration")), *lines])


def test_flags_as_people_read_them(snapshot):
    cases = [
        (f"{measure} {value}", Facts(quality={measure.split(".")[0]: {measure.split(".")[1]: value}}, duration=4.0))
        for measure, values in MEASURES.items()
        for value in values
    ] + [(str(facts), Facts(**facts)) for facts in FACTS]
    assert "\n".join(f"{name}\n  {described(facts)}" for name, facts in cases) == snapshot
    ran = {name for _, facts in cases for name in find_flags(facts)[1]}
    assert {*CHECKS} - ran == {"quality against training", "difficulty"}, "other tests have these"


@pytest.mark.parametrize(("place", "measure"), COMPARED.items(), ids=lambda value: str(value)[:40])
def test_a_difference_from_training_is_flagged_above_its_floor_and_above_half_of_the_range(place, measure):
    stage, name = place
    sign = 1 if measure.more_is_worse else -1
    for width in (0.0, 1.0):
        training = quality_ranges([{stage: {name: 0.5}}, {stage: {name: 0.5 - sign * width, "name": "text"}}])
        slack = max(measure.floor, 0.5 * width)
        for share, flagged in ((0.9, False), (1.1, True)):
            facts = Facts(quality={stage: {name: 0.5 + sign * share * slack}}, training=training)
            flags, checked = find_flags(facts, ["quality against training"])
            assert checked == ("quality against training",)
            assert [flag.title for flag in flags] == ["poorer features than in training"] * flagged
            assert all(measure.text in flag.detail.lower() for flag in flags)
