"""Slopes of curves that are fitted around every row."""

import numpy as np

from extractors.smoothing import derivative


def test_a_curve_that_leaves_too_much_has_no_slope():
    time = np.arange(50) / 25
    zigzag = np.tile([0.0, 1.0], 25)[:, None, None]
    assert not derivative(time, zigzag, np.ones((50, 1)), 0.06, noise=0.1)[1].any()
    assert derivative(time, 0.1 * zigzag, np.ones((50, 1)), 0.06, noise=0.1)[1].all()  # within what may be noise
