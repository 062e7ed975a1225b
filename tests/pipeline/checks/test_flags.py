"""Floors under flags: differences from training that are too small to matter are not flagged, larger ones are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.checks.flags import COMPARED, LENGTH_FLOOR_S, Compared, Facts, find_flags
from pipeline.checks.novelty import STILL, STILL_CHANGE, Novelty, floors
from pipeline.features import FeatureSet
from tests.helpers.made_features import made_features

POORER = "poorer features than in training"


@pytest.mark.parametrize(("place", "measure"), COMPARED.items(), ids=lambda value: str(value)[:40])
def test_a_difference_is_flagged_above_its_floor_alone(place: tuple[str, str], measure: Compared) -> None:
    (stage, name), usual = place, 0.5
    for share, flagged in ((0.9, []), (1.1, [POORER])):
        value = usual + (1 if measure.more_is_worse else -1) * share * measure.floor
        facts = Facts(quality={stage: {name: value}}, training={stage: {name: [usual, usual]}})
        assert [flag.title for flag in find_flags(facts, ["quality against training"])[0]] == flagged


def test_a_wide_training_range_still_gives_the_limit() -> None:
    training = {"camera_flow": {"shake": [0.0, 0.2]}}
    for shake, count in ((0.29, 0), (0.31, 1)):
        facts = Facts(quality={"camera_flow": {"shake": shake}}, training=training)
        assert len(find_flags(facts, ["quality against training"])[0]) == count


def test_the_tripod_of_the_issue_is_not_flagged() -> None:
    quality = {"camera_flow": {"shake": 0.0009, "moving": False, "unusable_share": 0.0, "inliers_mean": 0.99}}
    training = {"camera_flow": {"shake": [0.0, 0.0003], "moving": [0.0, 0.0], "inliers_mean": [1.0, 1.0]}}
    flags, checked = find_flags(Facts(quality=quality, training=training, camera_agent=True))
    assert [flag.title for flag in flags] == []
    assert {"camera", "quality against training"} <= set(checked)


@pytest.mark.parametrize(
    ("moving", "camera_agent", "level"),
    [([0.0, 0.0], True, None), ([0.0, 1.0], True, None), ([1.0, 1.0], False, "warn"), (None, True, "warn"),
     (None, False, "info")],
)  # fmt: skip
def test_a_static_camera_is_a_fault_only_where_training_had_none(
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


def test_figures_that_differ_have_the_digits_that_show_it() -> None:
    (flag,), _ = find_flags(Facts(duration=0.97), ["length"])
    assert flag.detail == "The video has 0.97 s, at least expected: 1.00 s."
    quality = {"pose": {"found_rate_all": 1.0, "longest_gap_s": 0.04}}
    (flag,), _ = find_flags(Facts(duration=0.06, quality=quality), ["people detected"])
    assert flag.detail == "A person was not detected for 0.04 s in a row, of 0.06 s."
    (flag,), _ = find_flags(Facts(distance=(1.04, "scene")), ["distance to the training performances"])
    assert "1.04 times the limit" in flag.detail


def still_set(scale: float, seed: int, count: int = 40) -> FeatureSet:
    """Performances whose secondary agent is a camera with noise of `scale` in its channels."""
    features = made_features(count, channels=4, seed=1)
    names = ("motion.pan_x.mean", "motion.pan_x.absdiff", "cell.00.u.mean", "cell.00.u.absdiff")
    noise = np.random.default_rng(seed).normal(0, scale, features.secondary.shape).astype(np.float32)
    return replace(features, secondary=noise, names={"primary": features.names["primary"], "secondary": names})


def novelty_of(features: FeatureSet) -> Novelty:
    rows = np.arange(len(features))
    folds = [(rows[rows % 4 != fold], rows[rows % 4 == fold]) for fold in range(4)]
    return Novelty.measure(features, folds, np.full(len(features), 1 / len(features)))


def test_noise_of_a_tripod_is_no_distance_and_a_moving_camera_is() -> None:
    training = still_set(0.0001, 2)
    novelty = novelty_of(training)
    calm, moving = still_set(0.0009, 3), still_set(0.5, 3)
    assert max(ratio for ratio, _ in novelty.ratios(calm)) <= 1
    assert min(ratio for ratio, _ in novelty.ratios(moving)) > 1
    assert {block for _, block in novelty.ratios(moving)} == {"the secondary agents"}
    unnamed = replace(calm, names={})
    assert max(ratio for ratio, _ in novelty.ratios(unnamed)) > 1


def test_only_the_channels_of_a_camera_have_a_floor() -> None:
    least = floors(still_set(0.1, 0))
    assert least["the secondary agents"].tolist() == [STILL, STILL_CHANGE] * 4
    assert not least["the primary agent"].any()
