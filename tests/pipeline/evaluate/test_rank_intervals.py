"""The result of an evaluation: what it ranks, and that its interval is the one that its sources give."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.checks.held_out import HeldOut
from pipeline.evaluate.rank_intervals import rank_agreement


def rows(predicted, true, fold=0, performance=None):
    guesses, labels = np.asarray(predicted, float), np.asarray(true, float)
    folds = np.broadcast_to(np.asarray(fold), guesses.shape)
    return HeldOut(labels, guesses, folds, np.arange(len(guesses)) if performance is None else performance)


def noisy(count, folds, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=count)
    return rows(true + rng.normal(size=count), true, np.arange(count) % folds)


def test_fold_means_do_not_count():
    """Within each fold the ranking is right, and the fold with the higher labels is predicted lower."""
    true = np.r_[np.arange(6.0), np.arange(6.0) + 10]
    fold = np.repeat([0, 1], 6)
    assert stats.spearmanr(true - 30 * fold, true).statistic < 0
    assert rank_agreement([rows(true - 30 * fold, true, fold)]).value == pytest.approx(1)


def test_predictions_that_are_constant_in_a_fold_have_no_correlation():
    fold = np.repeat([0, 1, 2], 4)
    assert rank_agreement([rows(0.1 * (fold + 1), np.arange(12), fold)]).value is None


PERFORMANCE, USER = np.arange(40), np.repeat(np.arange(8), 5)


@pytest.mark.parametrize(
    ("unit", "fold", "group", "units"),
    [
        (PERFORMANCE, 0 * PERFORMANCE, PERFORMANCE, {}),
        (PERFORMANCE, PERFORMANCE % 5, PERFORMANCE, {}),
        (USER, USER, PERFORMANCE, {"units": "folds"}),
        (USER, USER % 5, USER, {"units": "groups"}),
    ],
)
def test_an_interval_is_the_jackknife_over_its_units(unit, fold, group, units):
    """By hand: the deviation of z without each performance or user; Student's t of few users.

    Fold means leave the rows. Where a fold has several users (`groups`), those of a fold without one user are its own.
    """
    given, without = replace(noisy(40, 1), fold=fold, group=group), []
    for left in set(unit):
        kept = unit != left
        without.append(np.arctanh(correlation(fold[kept], given.predicted[kept], given.truth[kept])))
    spread = stats.t(7) if unit is USER else stats.norm()
    reach = spread.ppf(0.975) * math.sqrt(np.var(without) * (len(without) - 1))
    found = rank_agreement([given], **units)
    assert found.interval == pytest.approx(tuple(np.tanh(np.arctanh(found.value) + np.array([-reach, reach]))))


def correlation(fold, *sides):
    """The rank correlation without the means of folds."""
    centred = [values - np.array([values[fold == one].mean() for one in fold]) for values in sides]
    return float(stats.spearmanr(*centred).statistic)


def test_views_of_one_performance_count_once():
    given = noisy(30, 3)
    twice = HeldOut(*(np.repeat(one, 2) for one in (given.truth, given.predicted, given.fold, given.group)))
    once, found = rank_agreement([given]), rank_agreement([twice])
    assert (found.value, found.low, found.high) == pytest.approx((once.value, once.low, once.high))


def test_several_tasks_are_averaged_by_fishers_z():
    tasks = [noisy(40, 4, seed) for seed in (1, 2)]
    alone = [rank_agreement([task]) for task in tasks]
    found = rank_agreement(tasks)
    assert found.value == pytest.approx(math.tanh(np.mean([np.arctanh(one.value) for one in alone])))
    both = [np.arctanh(one.high) - np.arctanh(one.low) for one in (*alone, found)]
    assert both[2] == pytest.approx(math.hypot(both[0], both[1]) / 2)


def test_too_few_performances_have_a_value_and_no_interval():
    for count, folds, enough in ((8, 1, True), (7, 1, False), (12, 5, True), (11, 5, False), (6, 4, False)):
        found = rank_agreement([noisy(count, folds)])
        assert found.value is not None
        assert (found.interval is not None) == enough
    assert rank_agreement([]).value is None
