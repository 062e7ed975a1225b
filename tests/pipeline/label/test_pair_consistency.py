"""The test against chance, and the infit of judges and videos, against code of their own."""

import numpy as np
import pytest

from pipeline.label.pair_consistency import chance_probability, infit


def test_the_probability_is_that_of_all_coin_tosses():
    """Of five tosses, all are equal in 2 of 32 cases, and at least four in 12."""
    for outcome, share in (((1, 1, 1, 1, 1), 2 / 32), ((1, 1, 0, 1, 1), 12 / 32), ((1, 1, 0.5, 1, 1, 1), 2 / 32)):
        first = np.zeros(len(outcome), dtype=np.intp)
        assert chance_probability(2, first, first + 1, np.array(outcome)) == pytest.approx(share, abs=0.03)


def test_no_decided_answer_is_chance():
    one = np.array([0]), np.array([1])
    assert chance_probability(2, *one, np.array([0.5])) == 1
    assert chance_probability(2, *one, np.array([1.0])) == 1
    first, second = np.array([0, 0, 0, 0, 1, 2]), np.array([1, 1, 1, 1, 2, 0])
    assert chance_probability(3, first, second, np.array([1, 1, 1, 0.5, 1, 0])) == 0.177


def test_infit_is_the_weighted_mean_square_of_the_residuals():
    value = np.array([-1.0, 0.0, 2.0])
    first, second = np.array([0, 0, 1, 2]), np.array([1, 2, 2, 0])
    outcome = np.array([1.0, 0.0, 0.5, 1.0])
    made = infit(value, first, second, outcome, np.array([[True, True, True, False], [False, False, True, False]]))
    p = [1 / (1 + np.e), 1 / (1 + np.e**3)]
    expected = ((1 - p[0]) ** 2 + p[1] ** 2) / (p[0] * (1 - p[0]) + p[1] * (1 - p[1]))
    assert made.value[0] == pytest.approx(expected)
    assert np.isnan(made.value[1]), "'equal' alone deviates from no scale"
    assert not made.misfits.any()


def test_a_judge_who_contradicts_the_scale_is_a_misfit_and_one_who_follows_it_is_not():
    value, members = np.array([-2.0, 0.0, 1.0]), np.array([[True, False, False], [False, True, True]])
    made = infit(value, np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([1.0, 0.0, 0.0]), members)
    assert made.value[0] == pytest.approx(np.e**2)
    assert made.misfits.tolist() == [True, False]
