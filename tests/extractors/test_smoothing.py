"""Slopes of curves that are fitted around every row."""

import numpy as np

from extractors.smoothing import derivative, smoothed


def test_constant_speed_stays_as_it_is_ends_included():
    time = np.sort(np.random.default_rng(0).uniform(0, 3, 60))
    values, weight = (7 * time - 3)[:, None, None], np.ones((60, 1))
    slopes, known = derivative(time, values, weight, 0.06, noise=1e-6)
    assert known.all()
    np.testing.assert_allclose(slopes, 7, rtol=1e-4)
    np.testing.assert_allclose(smoothed(time, values, weight, 0.06), values, atol=1e-4)


def test_a_curve_that_leaves_too_much_has_no_slope():
    time = np.arange(50) / 25
    zigzag = np.tile([0.0, 1.0], 25)[:, None, None]
    assert not derivative(time, zigzag, np.ones((50, 1)), 0.06, noise=0.1)[1].any()
    assert derivative(time, 0.1 * zigzag, np.ones((50, 1)), 0.06, noise=0.1)[1].all()  # within what may be noise
