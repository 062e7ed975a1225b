"""Distances to the training part against a loop over performances, blocks and columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.checks.novelty import (
    CUT,
    NEIGHBOURS,
    STILL,
    STILL_CHANGE,
    Novelty,
    floors,
    neighbour_distances,
    trial_level,
)
from pipeline.train.feature_set import FeatureSet
from tests.helpers.made_features import made_features

FOLDS = [(np.flatnonzero(np.arange(40) % 4 != k), np.flatnonzero(np.arange(40) % 4 == k)) for k in range(4)]
"""Training and test rows of four folds of 40 performances."""


def test_blocks_are_means_and_deviations_over_what_was_observed() -> None:
    features = made_features(5, steps=4, channels=3, agents=2, scene=4, trial=2, missing=0.4)
    got = trial_level(features)
    for row in range(5):
        observed = features.primary[row][features.primary_mask[row]].astype(float)
        expected = np.concatenate([observed.mean(0), observed.std(0)]) if len(observed) else np.zeros(6)
        np.testing.assert_allclose(got["the primary agent"][row], expected, atol=1e-6)
        others = features.secondary[row][features.secondary_mask[row]].astype(float)
        np.testing.assert_allclose(
            got["the secondary agents"][row], np.concatenate([others.mean(0), others.std(0)]), atol=1e-6
        )
        np.testing.assert_allclose(got["the scene"][row], features.scene[row].mean(0), atol=1e-6)
        length = got["length and visibility"][row]
        assert length == pytest.approx(
            [np.log(features.duration[row]), features.primary_mask[row].mean(), features.secondary_mask[row].mean()]
        )
    assert "the scene" not in trial_level(made_features(5, scene=0))


def test_distances_are_those_of_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    reference = {"a": rng.normal(size=(12, 3)), "b": rng.normal(5, 2, (12, 2))}
    reference["a"][:, 1] = 7.0  # constant: not compared
    new = {"a": rng.normal(size=(4, 3)), "b": np.full((4, 2), 1e6)}
    got = neighbour_distances(reference, new)
    for row in range(4):
        squares = {name: [] for name in reference}  # type: ignore[var-annotated]
        for other in range(12):
            for name, values in reference.items():
                parts = []
                for column in range(values.shape[1]):
                    mean, deviation = values[:, column].mean(), values[:, column].std()
                    if deviation > 1e-6:
                        cut = [
                            np.clip((v - mean) / deviation, -CUT, CUT)
                            for v in (new[name][row, column], values[other, column])
                        ]
                        parts.append((cut[0] - cut[1]) ** 2)
                squares[name].append(np.mean(parts))
        for name, each in squares.items():
            assert got.blocks[name][row] == pytest.approx(np.sqrt(sorted(each)[:NEIGHBOURS]).mean())
        squares_of_all = sorted((np.array(squares["a"]) + squares["b"]) / 2)
        assert got.whole[row] == pytest.approx(np.sqrt(squares_of_all[:NEIGHBOURS]).mean())


def test_the_camera_of_a_tripod_has_a_floor() -> None:
    names = ("motion.pan_x.mean", "cell.00.u.absdiff", "place.x.mean")
    features = replace(made_features(6, channels=3), names={"primary": names, "secondary": ("a",)})
    least = floors(features)
    assert least["the primary agent"].tolist() == [STILL, STILL_CHANGE, 0] * 2
    assert "the secondary agents" not in least
    quiet = {"the primary agent": np.random.default_rng(0).normal(0, 1e-5, (6, 1))}
    far = {"the primary agent": np.array([[1e-3]])}
    assert neighbour_distances(quiet, far).whole[0] > 5
    assert neighbour_distances(quiet, far, {"the primary agent": np.array([STILL])}).whole[0] < 0.2


def test_noise_of_a_tripod_is_no_distance_and_a_moving_camera_is() -> None:
    """The secondary agent of the performances is a camera, whose channels have noise of a scale."""
    made, names = made_features(40, channels=4), ("motion.pan_x.mean", "motion.zoom.mean", "cell.00.u.mean", "cell.1.v")
    made = replace(made, names={"primary": made.names["primary"], "secondary": names})

    def still(scale: float, seed: int) -> FeatureSet:
        noise = np.random.default_rng(seed).normal(0, scale, made.secondary.shape).astype(np.float32)
        return replace(made, secondary=noise)

    novelty = Novelty.measure(still(0.0001, 2), FOLDS, np.arange(40))
    calm, moving = still(0.0009, 3), novelty.ratios(still(0.5, 3))
    assert max(ratio for ratio, _ in novelty.ratios(calm)) <= 1
    assert min(ratio for ratio, _ in moving) > 1
    assert {block for _, block in moving} == {"the secondary agents"}
    assert max(ratio for ratio, _ in novelty.ratios(replace(calm, names={}))) > 1


def test_a_strange_performance_is_beyond_the_limit_and_names_its_block() -> None:
    features = made_features(40, channels=4, scene=5, trial=3)
    novelty = Novelty.measure(features, FOLDS, np.arange(40))
    assert novelty.limit == novelty.held_out_distances.whole.max()
    usual = [ratio for ratio, _ in novelty.ratios(features)]
    assert max(usual) <= 1
    strange = replace(features, scene=features.scene + 50).take([0])
    ((ratio, block),) = novelty.ratios(strange)
    assert ratio > 1.5
    assert block == "the scene"
