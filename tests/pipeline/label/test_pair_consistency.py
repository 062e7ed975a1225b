"""The test against chance, and the infit of judges and videos, against code of their own."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pipeline.label.bradley_terry import fit_scale
from pipeline.label.pair_consistency import chance_probability, infit
from pipeline.label.pair_order import all_pairs


def judged(raters: int, random: int, seed: int, count: int = 20) -> tuple[np.ndarray, ...]:
    """First, second, outcome and rater of answers on six pairs a video; the first `random` raters toss a coin."""
    rng, tables = np.random.default_rng(seed), []
    truth = rng.normal(size=count) * 2
    for rater in range(raters):
        order = rng.permutation(count)
        first, second = order[all_pairs(count)[: count * 3]].T
        chance = 1 / (1 + np.exp(truth[second] - truth[first])) if rater >= random else 0.5
        won = (rng.random(len(first)) < chance).astype(float)
        tables.append((first, second, won, np.full(len(first), rater)))
    return tuple(np.concatenate(parts) for parts in zip(*tables, strict=True))


def test_the_probability_is_that_of_all_coin_tosses() -> None:
    first, second = all_pairs(4).T
    outcome = np.array([1.0, 0.0, 1.0, 1.0, 1.0, 0.5])
    wins = []
    for tosses in [outcome[:5] * 2 - 1, *product((-1.0, 1.0), repeat=5)]:
        net = np.zeros(4)
        np.add.at(net, first[:5], tosses)
        np.add.at(net, second[:5], -np.array(tosses))
        graph = np.zeros((4, 4))
        for a, b in zip(first[:5], second[:5], strict=True):
            graph[[a, b], [a, b]] += 1
            graph[[a, b], [b, a]] -= 1
        wins.append(net @ np.linalg.lstsq(graph, net, rcond=None)[0])
    exact = np.mean(np.array(wins[1:]) >= wins[0] - 1e-9)
    assert chance_probability(4, first, second, outcome) == pytest.approx(exact, abs=0.05)


def test_random_answers_are_called_better_than_chance_in_a_twentieth() -> None:
    found = [chance_probability(20, *judged(2, 2, seed)[:3]) < 0.05 for seed in range(100)]
    assert np.mean(found) <= 0.1
    assert all(chance_probability(20, *judged(2, 0, seed)[:3]) < 0.05 for seed in range(10))


def test_no_decided_answer_is_chance() -> None:
    one = np.array([0]), np.array([1])
    assert chance_probability(2, *one, np.array([0.5])) == 1
    assert chance_probability(2, *one, np.array([1.0])) == 1


def test_infit_is_the_weighted_mean_square_of_the_residuals() -> None:
    value = np.array([-1.0, 0.0, 2.0])
    first, second = np.array([0, 0, 1, 2]), np.array([1, 2, 2, 0])
    outcome = np.array([1.0, 0.0, 0.5, 1.0])
    made = infit(value, first, second, outcome, np.array([[True, True, True, False], [False, False, True, False]]))
    p = [1 / (1 + np.e), 1 / (1 + np.e**3)]
    expected = ((1 - p[0]) ** 2 + p[1] ** 2) / (p[0] * (1 - p[0]) + p[1] * (1 - p[1]))
    assert made.value[0] == pytest.approx(expected)
    assert np.isnan(made.value[1]), "'equal' alone deviates from no scale"
    assert not made.misfits.any()


def test_a_judge_who_tosses_a_coin_is_a_misfit_and_honest_ones_are_none() -> None:
    found, false = [], []
    for seed in range(25):
        for random in (0, 1):
            *answers, rater = judged(4, random, seed, count=30)
            scale = fit_scale(30, *answers)
            made = infit(scale.value, *answers, np.arange(4)[:, None] == rater)
            false.append(made.misfits[random:].any())
            if random:
                found.append(made.misfits[0])
    assert np.mean(found) > 0.8
    assert np.mean(false) <= 0.05
