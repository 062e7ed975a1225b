"""The tests against chance, and the infit of videos, against code of their own."""

import numpy as np
import pytest

from pipeline.label.pair_consistency import chance_probability, design_of, infit, rater_chance


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
    value = np.array([-1.0, 0.0, 2.0, 5.0])
    design = design_of(4, np.array([0, 0, 1, 3]), np.array([1, 2, 2, 1]))
    made, misfits = infit(value, design, np.array([1.0, 0.0, 0.5, 0.5]))
    p = [1 / (1 + np.e), 1 / (1 + np.e**3)]
    expected = ((1 - p[0]) ** 2 + p[1] ** 2) / (p[0] * (1 - p[0]) + p[1] * (1 - p[1]))
    assert made[0] == pytest.approx(expected)
    assert np.isnan(made[3]), "'equal' alone deviates from no scale"
    assert not misfits.any()


def test_a_video_whose_answers_contradict_the_scale_is_a_misfit_and_others_are_not():
    design = design_of(5, np.array([0, 2, 2]), np.array([1, 3, 4]))
    made, misfits = infit(np.array([-3.0, 0.0, 1.0, 0.0, -1.0]), design, np.ones(3))
    assert made[0] == pytest.approx(np.e**3)
    assert misfits.tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("raters", [3, 4, 5])
@pytest.mark.parametrize(("videos", "answers"), [(12, 36), (30, 90)])
def test_a_rater_who_tosses_coins_is_found_and_an_honest_one_is_not(raters, videos, answers):
    """The infit against a scale that holds the rater's own answers found .00 to .95 of them."""
    worlds, found, wrong = 20, 0, 0
    for world in range(worlds):
        rng = np.random.default_rng([world, raters, videos])
        truth, rater = rng.normal(size=videos) * 2, np.repeat(np.arange(raters), answers)
        first = rng.integers(0, videos, len(rater))
        second = (first + rng.integers(1, videos, len(rater))) % videos
        better = np.where(rater == 0, 0.5, 1 / (1 + np.exp(truth[second] - truth[first])))
        outcome = (rng.random(len(rater)) < better).astype(float)
        tossed, *honest = (rater_chance(videos, first, second, outcome, rater == one)[1] for one in range(raters))
        found, wrong = found + tossed, wrong + sum(honest)
    assert found >= 0.85 * worlds
    assert wrong <= 0.05 * worlds * (raters - 1)


def test_few_answers_call_nobody_random():
    """One answer against the others is not proof, nor "equal" alone."""
    first, second, won = (np.array(values) for values in ([0, 0, 1, 0], [1, 2, 2, 1], [1.0, 1.0, 1.0, 0.0]))
    mine = np.array([False, False, False, True])
    assert not rater_chance(3, first, second, won, mine)[1]
    assert rater_chance(3, first, second, np.where(mine, 0.5, won), mine) == (0.5, False)
