"""Curves fitted around every row, against numpy's least squares row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.store.arrays import Floats
from extractors.signals import row_period
from extractors.smoothing import LEAST_PERIODS, PARABOLA, QUINTIC, WINDOW_SIGMAS, derivative, robust_curve, smoothed


def curve(time: Floats, values: Floats, weight: Floats, now: int, sigma: float, drawn: tuple[float, ...]) -> Floats:
    """Coefficients in sigmas, by least squares with one further equation for each coefficient that is drawn to 0."""
    u = (time - time[now]) / sigma
    g = weight * np.exp(-0.5 * u**2) * (np.abs(u) <= WINDOW_SIGMAS)
    rows = np.vstack([np.sqrt(g)[:, None] * np.vander(u, len(drawn), increasing=True), np.diag(drawn) ** 0.5])
    rows[len(u) :] *= np.sqrt(g.sum())
    sides = np.concatenate([np.sqrt(g) * (values - values[now]), np.zeros(len(drawn))])
    return np.asarray(np.linalg.lstsq(rows, sides, rcond=None)[0])


@given(st.integers(0, 9999), st.integers(2, 25), st.floats(0.001, 0.4))
@settings(max_examples=30, deadline=None)
def test_curves_are_numpys_weighted_fits(seed: int, rows: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.02, 0.08, rows))
    values, weight = rng.normal(size=(rows, 1, 2)), rng.uniform(0.1, 1, (rows, 1)) * (rng.random((rows, 1)) < 0.8)
    slopes, known = derivative(time, values, weight, sigma)
    heights = smoothed(time, values, weight, sigma)
    robust = robust_curve(time, values[:, 0], weight[:, 0] + 0.1, sigma, np.inf)
    narrow, wide = (max(sigma, periods * row_period(time)) for periods in (0.6, LEAST_PERIODS))
    for now, axis in np.ndindex(rows, 2):
        series, heavy = values[:, 0, axis], weight[:, 0]
        inside = heavy[np.abs(time - time[now]) <= WINDOW_SIGMAS * wide] > 0
        assert known[now, 0] == (inside.sum() > 1)
        if known[now, 0]:
            slope = curve(time, series, heavy, now, wide, QUINTIC)[1] / wide
            assert slopes[now, 0, axis] == pytest.approx(slope, rel=1e-4, abs=1e-5)
        if (heavy[np.abs(time - time[now]) <= WINDOW_SIGMAS * narrow] > 0).any():
            height = series[now] + curve(time, series, heavy, now, narrow, QUINTIC)[0]
            assert heights[now, 0, axis] == pytest.approx(height, rel=1e-4, abs=1e-5)
        height = series[now] + curve(time, series, heavy + 0.1, now, narrow, PARABOLA)[0]
        assert robust[now, axis] == pytest.approx(height, rel=1e-4, abs=1e-5)


@given(st.integers(0, 9999), st.integers(1, 12), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_any_signal_gives_a_finite_slope_that_ignores_missing_values(seed: int, rows: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    time, values = np.cumsum(rng.uniform(0, 0.1, rows)), rng.normal(0, 100, (rows, 2, 1))
    weight = rng.uniform(0, 1, (rows, 2)) * (rng.random((rows, 2)) < 0.6)
    slopes, known = derivative(time, values, weight, sigma, noise=30.0)
    assert np.isfinite(smoothed(time, values, weight, sigma)).all()
    assert np.isfinite(slopes).all()
    assert not slopes[~known].any()
    other = np.where(weight[..., None] > 0, values, 1e3)
    assert derivative(time, other, weight, sigma, noise=30.0)[0] == pytest.approx(slopes, rel=1e-3, abs=1e-2)


def test_constant_speed_stays_as_it_is_ends_included() -> None:
    time = np.sort(np.random.default_rng(0).uniform(0, 3, 60))
    values, weight = (7 * time - 3)[:, None, None], np.ones((60, 1))
    slopes, known = derivative(time, values, weight, 0.06, noise=1e-6)
    assert known.all()
    np.testing.assert_allclose(slopes, 7, rtol=1e-4)
    np.testing.assert_allclose(smoothed(time, values, weight, 0.06), values, atol=1e-4)


def test_a_curve_that_leaves_too_much_has_no_slope() -> None:
    time = np.arange(50) / 25
    zigzag = np.tile([0.0, 1.0], 25)[:, None, None]
    assert not derivative(time, zigzag, np.ones((50, 1)), 0.06, noise=0.1)[1].any()
    assert derivative(time, 0.1 * zigzag, np.ones((50, 1)), 0.06, noise=0.1)[1].all()  # within what may be noise
