"""Distances to the training part: blocks, floors, limits."""

from dataclasses import replace

import numpy as np

from pipeline.checks.novelty import (
    STILL,
    STILL_CHANGE,
    Novelty,
    floors,
    neighbour_distances,
    trial_level,
)
from tests.helpers.approved_numbers import ApprovedNumbers, summary
from tests.helpers.made_features import made_features

FOLDS = [(np.flatnonzero(np.arange(40) % 4 != k), np.flatnonzero(np.arange(40) % 4 == k)) for k in range(4)]
"""Training and test rows of four folds of 40 performances."""


def test_blocks_are_the_approved_ones(snapshot):
    """As a loop over performances gave their means and deviations over what was observed."""
    made = [trial_level(made_features(5, steps=4, channels=3, agents=2, trial=2, missing=0.4, scene=n)) for n in (4, 0)]
    numbers = {f"{block} {n}": summary(values) for n, blocks in enumerate(made) for block, values in blocks.items()}
    assert numbers == snapshot.use_extension(ApprovedNumbers)


def test_distances_are_the_approved_ones(snapshot):
    """As a loop over performances, blocks and columns gave them; the second column is constant: not compared."""
    rng = np.random.default_rng(0)
    reference = {"a": rng.normal(size=(12, 3)), "b": rng.normal(5, 2, (12, 2))}
    reference["a"][:, 1] = 7.0
    got = neighbour_distances(reference, {"a": rng.normal(size=(4, 3)), "b": np.full((4, 2), 1e6)})
    numbers = {name: summary(values) for name, values in got.items()}
    assert numbers == snapshot.use_extension(ApprovedNumbers)


def test_the_camera_of_a_tripod_has_a_floor():
    names = ("motion.pan_x.mean", "cell.00.u.absdiff", "place.x.mean")
    features = replace(made_features(6, channels=3), names={"primary": names, "secondary": ("a",)})
    least = floors(features)
    assert {*least} == {"the primary agent"}
    assert least["the primary agent"].tolist() == [STILL, STILL_CHANGE, 0] * 2


def test_noise_of_a_tripod_is_no_distance_and_a_moving_camera_is():
    """The secondary agent of the performances is a camera, whose channels have noise of a scale."""
    made, names = made_features(40, channels=4), ("motion.pan_x.mean", "motion.zoom.mean", "cell.00.u.mean", "cell.1.v")
    made = replace(made, names={"primary": made.names["primary"], "secondary": names})

    def still(scale, seed):
        noise = np.random.default_rng(seed).normal(0, scale, made.secondary.shape).astype(np.float32)
        return replace(made, secondary=noise)

    novelty = Novelty.measure(still(0.0001, 2), FOLDS, np.arange(40))
    calm, moving = still(0.0009, 3), novelty.ratios(still(0.5, 3))
    assert max(ratio for ratio, _ in novelty.ratios(calm)) <= 1
    assert min(ratio for ratio, _ in moving) > 1
    assert {block for _, block in moving} == {"the secondary agents"}
    assert max(ratio for ratio, _ in novelty.ratios(replace(calm, names={}))) > 1
