"""Regressions against scikit-learn and slow loops."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVR

from data.video import Labels
from pipeline.systems.regressors import (
    LENGTHS,
    NEIGHBOURS,
    NOISES,
    PENALTIES,
    FittedRegression,
    RegressionSystem,
    _gaussian_process,
    _ridge_paths,
    _trials,
    rank_segments,
    regression_systems,
)
from pipeline.train.features import FeatureSet
from tests.helpers.made_features import made_features


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    return made_features(40, channels=4, scene=6, trial=5)


def fitted(features: FeatureSet, model: str, **more: object) -> FittedRegression:
    return RegressionSystem("x", "trial", model, **more).fitted(features.take(range(30)))  # type: ignore[arg-type]


def standardised(features: FeatureSet) -> tuple[np.ndarray, np.ndarray]:
    table = features.trial.astype(float)
    return np.clip((table - table[:30].mean(0)) / table[:30].std(0), -10, 10), np.array(
        [record.labels.score for record in features.records if record.labels]
    )


def test_nearest_neighbours_are_scikit_learns(features: FeatureSet) -> None:
    x, y = standardised(features)
    theirs = KNeighborsRegressor(NEIGHBOURS, weights="distance").fit(x[:30], y[:30])
    got = fitted(features, "nearest").predict(features.take(range(30, 40)))
    np.testing.assert_allclose(got, theirs.predict(x[30:]), rtol=1e-4)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf"])
def test_support_vectors_are_scikit_learns(features: FeatureSet, kernel: str) -> None:
    x, y = standardised(features)
    shift, scale = y[:30].mean(), y[:30].std()
    theirs = SVR(kernel=kernel).fit(x[:30], (y[:30] - shift) / scale)
    got = fitted(features, "svr", kernel=kernel).predict(features.take(range(30, 40)))
    np.testing.assert_allclose(got, theirs.predict(x[30:]) * scale + shift, rtol=1e-3)


def test_ridge_paths_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6)), rng.normal(size=20)
    slopes, biases = _ridge_paths(x, y)
    for place, penalty in enumerate(PENALTIES):
        theirs = Ridge(penalty).fit(x, y)
        np.testing.assert_allclose(slopes[:, place], theirs.coef_, atol=1e-9)
        assert biases[place] == pytest.approx(theirs.intercept_)


def test_the_process_predicts_as_scikit_learns_with_the_same_kernel() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(25, 3))
    y = np.sin(x[:, 0]) + 0.3 * rng.normal(size=25)
    y -= y.mean()
    gamma, weights = _gaussian_process(x, y)
    best, chosen, likeliest = -np.inf, None, 0.0
    for length, noise in product(LENGTHS * np.sqrt(3), NOISES):
        # The signal's variance in closed form: the mean of y K^-1 y.
        kernel = np.exp(-np.square(x[:, None] - x).sum(-1) / (2 * length**2)) + noise * np.eye(25)
        variance = float(y @ np.linalg.solve(kernel, y)) / 25
        parts = ConstantKernel(variance) * RBF(length) + WhiteKernel(noise * variance)
        theirs = GaussianProcessRegressor(parts, optimizer=None, alpha=0).fit(x, y)
        if theirs.log_marginal_likelihood_value_ > best:
            best, chosen, likeliest = theirs.log_marginal_likelihood_value_, theirs, length
    assert chosen is not None
    new = rng.normal(size=(7, 3))
    ours = np.exp(-gamma * np.square(new[:, None] - x).sum(-1)) @ weights
    np.testing.assert_allclose(ours, chosen.predict(new), atol=1e-6)
    assert 1 / np.sqrt(2 * gamma) == pytest.approx(likeliest)


def test_ranks_are_shares_of_the_training_part_below() -> None:
    values = np.random.default_rng(2).normal(size=(400, 1))
    below, steps = rank_segments(np.quantile(values, np.linspace(0, 1, 21), axis=0))
    for value in (-9.0, -1.0, 0.2, 1.5, 9.0):
        rank = np.clip((value - below) / steps, 0, 1).mean()
        assert rank == pytest.approx((values < value).mean(), abs=0.03)
    flat, spread = rank_segments(np.full((21, 1), 3.0))
    assert (spread > 0).all()
    assert np.clip((3.0 - flat) / spread, 0, 1).mean() == 0


def test_views_of_a_trial_are_averaged_in_their_order(features: FeatureSet) -> None:
    groups = ["b", "a", "b", "", "a", "b"]
    records = [
        replace(record, groups={"trial": group} if group else {})
        for record, group in zip(features.records, groups, strict=False)
    ]
    six = replace(features.take(range(6)), records=tuple(records))
    firsts, means = _trials(six.take(range(1, 6)))
    assert firsts.tolist() == [0, 1, 2]
    np.testing.assert_allclose(means, [[0.5, 0, 0, 0.5, 0], [0, 0.5, 0, 0, 0.5], [0, 0, 1, 0, 0]])


def test_scores_of_tasks_on_different_scales_do_not_mix(features: FeatureSet) -> None:
    records = [
        replace(r, task="ab"[i % 2], labels=Labels((r.labels.score if r.labels else 0) * (1 if i % 2 else 1000)))
        for i, r in enumerate(features.records)
    ]
    two = replace(features, records=tuple(records))
    model = RegressionSystem("x", "trial", "ridge", "task", pool=True).fitted(two.take(range(30)))
    got = model.predict(two.take(range(30, 40)))
    assert (got[::2] > 1000).all()
    assert (got[1::2] < 100).all()


def test_regressions_without_scene_or_agents() -> None:
    names = {system.name for system in regression_systems(made_features(4, scene=0, trial=0))}
    assert "Pose+DCT" in names
    assert not any(name.startswith(("I3D", "C3D")) for name in names)
    assert not any("ridge" in name for name in names)
