"""Intervals cover what they promise on exchangeable data, and distances find what is unlike the training part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataError, UsageError
from models.aim_config import AimConfig
from pipeline.checks.intervals import (
    LEVELS,
    binomial_range,
    coverage_line,
    cross_interval,
    group_weights,
    held_out_intervals,
    needed,
    threshold,
    upper_quantile,
)
from pipeline.checks.novelty import BLOCKS
from pipeline.config import validate
from pipeline.features import FeatureSet
from pipeline.recipes import fast
from pipeline.score.bundle import save
from pipeline.score.calibration import Calibration, calibrate, load_calibration, save_calibration
from pipeline.score.model_card import model_card
from pipeline.train.normalise import label_table
from pipeline.train.trainer import TrainedRun, train
from tests.helpers.made_features import made_features

RECIPE = fast(runs=2, epochs=30, switch_epochs=(15, 25, 30))
MODEL = AimConfig(width=12, regression_width=8, identity_start=True, difference="absolute")


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    return made_features(240, channels=6, scene=8, noise=1.0)


@pytest.fixture(scope="module")
def run(features: FeatureSet) -> TrainedRun:
    return train(features, RECIPE, MODEL, rows=range(40))


@pytest.fixture(scope="module")
def calibration(features: FeatureSet, run: TrainedRun) -> Calibration:
    return calibrate(features, run)


def split_intervals(rng: np.random.Generator, n: int, m: int, level: float) -> float:
    """Share of m new values covered after n calibration residuals of a fixed predictor; heavy tails on purpose."""
    residuals = np.abs(rng.standard_t(3, n))
    ends = cross_interval(np.zeros((n, m)), residuals, group_weights(np.arange(n)), level)
    assert ends is not None
    new = rng.standard_t(3, m)
    return float(((ends[:, 0] <= new) & (new <= ends[:, 1])).mean())


@pytest.mark.parametrize(("n", "level"), [(4, 0.8), (7, 0.8), (19, 0.95), (33, 0.8), (60, 0.95)])
def test_coverage_of_exchangeable_residuals(n: int, level: float) -> None:
    """With a predictor that does not depend on the data CV+ is split conformal: exactly ceil((n+1) level)/(n+1)."""
    rng = np.random.default_rng(n)
    covered = np.array([split_intervals(rng, n, 50, level) for _ in range(3000)])
    expected = np.ceil((n + 1) * level - 1e-9) / (n + 1)
    error = covered.std() / np.sqrt(len(covered))
    assert abs(covered.mean() - expected) < 4 * error
    assert expected >= level - 1e-9


@pytest.mark.parametrize("level", LEVELS)
def test_cross_validated_ridge_covers(level: float) -> None:
    """The whole procedure with a learner that does depend on the data: at least nominal within sampling error."""
    rng, hits = np.random.default_rng(1), []
    for _ in range(400):
        x, beta = rng.normal(size=(70, 8)), rng.normal(size=8)
        y = x @ beta + rng.normal(size=70)
        fitted, new, fold = slice(0, 40), slice(40, 70), np.arange(40) % 5
        fits = [np.linalg.solve(a.T @ a + np.eye(8), a.T @ b) for a, b in _without(x[fitted], y[fitted], fold)]
        held_out = np.array([x[i] @ fits[fold[i]] for i in range(40)])
        centres = np.stack([x[new] @ fits[k] for k in fold])
        ends = cross_interval(centres, np.abs(y[fitted] - held_out), group_weights(np.arange(40)), level)
        assert ends is not None
        hits.append(((ends[:, 0] <= y[new]) & (y[new] <= ends[:, 1])).mean())
    error = np.std(hits) / np.sqrt(len(hits))
    assert level - 4 * error < np.mean(hits) < level + 0.06


def _without(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(x[fold != k], y[fold != k]) for k in range(5)]


def test_coverage_with_views_of_one_performance() -> None:
    """Two to four views share their error: counting views as independent would promise more than it holds."""
    rng, hits = np.random.default_rng(2), []
    for _ in range(6000):
        sizes = rng.integers(1, 5, 20)
        group = np.repeat(np.arange(20), sizes)
        shared = np.abs(rng.normal(size=21))
        ends = cross_interval(np.zeros((len(group), 1)), shared[group], group_weights(group), 0.95)
        assert ends is not None
        hits.append(shared[20] <= ends[0, 1])
    assert abs(np.mean(hits) - 20 / 21) < 4 * np.sqrt(0.05 * 0.95 / 6000)


def test_too_few_performances_give_no_interval() -> None:
    assert [needed(level) for level in LEVELS] == [4, 19]
    for level in LEVELS:
        for n in (needed(level) - 1, needed(level)):
            ends = cross_interval(np.zeros((n, 2)), np.arange(n) + 1.0, group_weights(np.arange(n)), level)
            assert (ends is None) == (n < needed(level))
    views = np.repeat(np.arange(10), 4)  # 40 views of 10 performances are 10, not 40
    assert cross_interval(np.zeros((40, 1)), np.ones(40), group_weights(views), 0.95) is None


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.floats(0.01, 0.99), st.integers(0, 999))
def test_the_quantile_by_counting(groups: list[int], level: float, seed: int) -> None:
    weights = group_weights(np.array(groups))
    assert weights.sum() == pytest.approx(len(set(groups)) / (len(set(groups)) + 1))
    values = np.random.default_rng(seed).integers(0, 6, (len(groups), 1)).astype(float)
    enough = [v for v in sorted(set(values[:, 0])) if weights[values[:, 0] <= v].sum() >= level - 1e-9]
    assert upper_quantile(values, weights, level)[0] == (enough[0] if enough else np.inf)


def test_threshold_is_the_greatest_where_there_are_few() -> None:
    values = np.arange(50.0)
    assert threshold(values, group_weights(np.arange(50)), 0.99) == 49
    assert threshold(np.arange(999.0), group_weights(np.arange(999)), 0.99) == 989


def test_intervals_of_an_evaluation_come_from_the_other_folds() -> None:
    rng = np.random.default_rng(3)
    fold = [str(k) for k in rng.integers(0, 4, 200)]
    truth, predicted = rng.normal(size=200) * 3, np.zeros(200)
    truth[[k == "0" for k in fold]] *= 100  # a fold of its own kind must not widen its own intervals
    intervals = held_out_intervals(truth, predicted, fold, 0.8)
    widths = {k: ends[1] - ends[0] for k, ends in zip(fold, intervals, strict=True) if ends is not None}
    assert widths["0"] < min(widths["1"], widths["2"], widths["3"])
    hits = []
    for _ in range(300):
        truth = rng.normal(size=60)
        ends = held_out_intervals(truth, np.zeros(60), ["abc"[i % 3] for i in range(60)], 0.8)
        hits.append(np.mean([e is not None and e[0] <= y <= e[1] for e, y in zip(ends, truth, strict=True)]))
    assert abs(np.mean(hits) - 0.8) < 0.02
    assert held_out_intervals([1.0, 2.0], [1.0, 1.0], ["fixed", "fixed"], 0.8) == [None, None]
    pairs = held_out_intervals(truth[:8], np.zeros(8), ["a", "a", "b", "b"] * 2, 0.8, group=["x", "x", "y", "y"] * 2)
    assert pairs == [None] * 8  # one independent performance in the other fold is too few


def test_coverage_line() -> None:
    intervals = [(0.0, 1.0)] * 19 + [None]
    line = coverage_line(intervals, [0.5] * 15 + [2.0] * 4 + [9.0], 0.8)
    assert line == "15 of 19 (79 %), nominal 80 %: 12 to 18 by chance"
    assert coverage_line([None], [1.0], 0.8) == "no intervals"
    assert binomial_range(100, 0.8) == (72, 88)


def test_intervals_of_the_network_cover(calibration: Calibration, features: FeatureSet, run: TrainedRun) -> None:
    new = features.take(range(40, 240))
    truth = label_table(new.records)[:, 0]
    intervals = calibration.intervals(new)
    for level in LEVELS:
        ends = intervals[level]
        assert ends is not None
        covered = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
        # One calibration of 40 and one test of 200: both vary (beta-binomial), so three deviations of both.
        error = np.sqrt(level * (1 - level) * (1 / 200 + 1 / 42))
        assert covered > level - 3 * error
    assert np.all(intervals[0.95][:, 0] <= intervals[0.80][:, 0])  # type: ignore[index]


def test_an_interval_holds_its_score(calibration: Calibration, features: FeatureSet) -> None:
    far = np.array([1e6, -1e6])
    for ends in calibration.intervals(features.take([50, 51]), far).values():
        assert ends is not None
        assert np.all((ends[:, 0] <= far) & (far <= ends[:, 1]))


def test_held_out_means_held_out(calibration: Calibration, features: FeatureSet, run: TrainedRun) -> None:
    """Every fold is tested once, tied performances stay together, and no fold saw its own labels."""
    assert sorted(np.unique(calibration.fold)) == list(range(5))
    tied = replace(
        features,
        records=tuple(replace(r, groups={"trial": str(i // 2)}) for i, r in enumerate(features.records)),
    )
    pairs = calibrate(tied, run, folds=3)
    assert pairs.groups == 20
    assert np.all(pairs.fold[::2] == pairs.fold[1::2])
    first = pairs.fold == 0
    records = tuple(
        replace(r, labels=replace(r.labels, score=99.0)) if i < 40 and first[i] and r.labels else r
        for i, r in enumerate(tied.records)
    )
    other = calibrate(replace(tied, records=records), run, folds=3)
    assert np.array_equal(other.predicted[first], pairs.predicted[first])
    assert not np.array_equal(other.predicted[~first], pairs.predicted[~first])


def test_saved_and_loaded_is_the_same(
    calibration: Calibration, features: FeatureSet, run: TrainedRun, tmp_path: Path
) -> None:
    save(run, tmp_path)
    with pytest.raises(UsageError, match="not calibrated"):
        load_calibration(tmp_path, run)
    save_calibration(calibration, tmp_path)
    loaded, new = load_calibration(tmp_path, run), features.take([100, 101])
    for level, ends in calibration.intervals(new).items():
        assert ends is not None
        assert ends.tobytes() == loaded.intervals(new)[level].tobytes()  # type: ignore[union-attr]
    assert loaded.novelty.ratios(new) == calibration.novelty.ratios(new)
    assert loaded.facts == calibration.facts
    save(train(features, RECIPE.model_copy(update={"epochs": 31}), MODEL, rows=range(40)), tmp_path)
    with pytest.raises(UsageError, match="another training"):
        load_calibration(tmp_path, run)


def test_distances_find_what_is_unlike(calibration: Calibration, features: FeatureSet) -> None:
    new = features.take(range(40, 240))
    usual = [ratio for ratio, _ in calibration.novelty.ratios(new)]
    assert np.mean(np.array(usual) > 1) <= binomial_range(200, 1 / 41)[1] / 200
    shifted = {
        "the scene": replace(new, scene=new.scene + 12),
        "the primary agent": replace(new, primary=new.primary * 8),
        "length and visibility": replace(new, duration=new.duration * 5),
    }
    for block, odd in shifted.items():
        ratios = calibration.novelty.ratios(odd)
        assert all(ratio > 1 for ratio, _ in ratios), block
        assert {name for _, name in ratios} == {block}
        assert block in BLOCKS


def test_a_distance_does_not_depend_on_the_batch(calibration: Calibration, features: FeatureSet) -> None:
    together = calibration.novelty.ratios(features.take(range(100, 110)))
    assert together == [calibration.novelty.ratios(features.take([i]))[0] for i in range(100, 110)]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_tiny_training_parts(features: FeatureSet, count: int) -> None:
    small = train(features, RECIPE.model_copy(update={"epochs": 2}), MODEL, rows=range(count))
    intervals = calibrate(features, small).intervals(features.take([9]))
    assert (intervals[0.8] is None, intervals[0.95] is None) == (count < 4, True)


def test_all_tied_is_one_message(features: FeatureSet, run: TrainedRun) -> None:
    tied = replace(features, records=tuple(replace(r, groups={"group": "one"}) for r in features.records))
    with pytest.raises(DataError, match="tied together"):
        calibrate(tied, run)


def test_the_card_says_what_was_measured(calibration: Calibration, features: FeatureSet, run: TrainedRun) -> None:
    config = validate({"name": "made`*_"})
    card = model_card(run, features, config, calibration)
    assert card == model_card(run, features, config, calibration)
    for text in ("40 labelled performances", "5 folds", "Spearman's rho", "80 % intervals reach", "## Limits"):
        assert text in card
    assert "# Model card: made\\`\\*\\_" in card
    assert "none: too few" in model_card(run, features, config, None, "too few")
