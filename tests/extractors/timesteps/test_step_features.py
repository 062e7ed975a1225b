"""Cutting into time steps: integrals over time, independent of frame rate and clock, without values from gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.video import Phase
from extractors.timesteps.channels import Channels, make_channels
from extractors.timesteps.step_bounds import equal_bounds, phase_bounds
from extractors.timesteps.step_features import average_steps, step_features

KINDS = ("mean", "mean_std_absdiff", "samples", "dct")


def track(time: np.ndarray, *columns: np.ndarray, weight: np.ndarray | None = None) -> Channels:
    values = np.stack(columns, axis=1)
    heavy = np.ones_like(values) if weight is None else weight
    names = tuple(f"c{i}" for i in range(values.shape[1]))
    return make_channels(
        "array", names, time, lambda rows: (values[rows], heavy[rows]), observed=(heavy > 0).any(axis=1)
    )


def cut(channels: Channels, steps: int = 5, kind: str = "mean_std_absdiff", k: int = 3, least: float = 0.1):
    return step_features(channels, equal_bounds(*channels.span, steps), kind, k, least)


def wave(t: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * 0.7 * t) + 0.3 * t


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_of_a_phase_that_is_left_out_are_unobserved(kind: str):
    time = np.arange(0, 10, 0.1)
    parts = phase_bounds(0, 10, [Phase("run", 0, 5), Phase("entry", 5, np.inf)], ("run", "flight", "entry"), 6)
    steps = step_features(track(time, wave(time)), parts, kind, 3, 0.1)
    assert steps.mask.tolist() == [True, True, False, False, True, True]
    assert not steps.values[2:4].any()


@given(
    rate=st.floats(12, 60),
    shift=st.floats(-1e4, 1e4),
    steps=st.integers(1, 12),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=60, deadline=None)
def test_neither_frame_rate_nor_clock_matter(rate, shift, steps, kind):
    duration = 6.0
    reference = np.arange(0, duration, 0.01)
    other = np.arange(0, duration - 1e-9, 1 / rate)
    bounds = equal_bounds(0, duration, steps)
    one = step_features(track(reference, wave(reference)), bounds, kind, 3, 0.1)
    two = step_features(track(other + shift, wave(other)), bounds + shift, kind, 3, 0.1)
    scale = np.abs(one.values).max() + 0.5
    assert one.mask.all()
    assert two.mask.all()
    np.testing.assert_allclose(two.values, one.values, atol=0.12 * scale)


def test_a_channel_missing_in_an_unmasked_step_is_interpolated_between_its_neighbours():
    time = np.arange(0, 3, 0.1)
    weight = np.ones((30, 3))
    weight[10:20, 0] = 0
    weight[:, 2] = 0
    result = cut(track(time, 4 * time, time, time, weight=weight), steps=3, kind="mean")
    assert result.mask.all()
    assert result.values[1, 0] == pytest.approx((result.values[0, 0] + result.values[2, 0]) / 2)
    assert not result.values[:, 2].any()


@given(
    time=st.lists(st.floats(-1e5, 1e5), min_size=0, max_size=12, unique=True),
    values=st.lists(st.floats(width=32), min_size=12, max_size=12),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=100, deadline=None)
def test_always_finite(time, values, kind):
    ascending = np.sort(np.array(time))
    column = np.clip(np.array(values[: len(ascending)]), -1e15, 1e15)
    result = cut(track(ascending, column), kind=kind)
    if len(ascending) < 2 or np.diff(ascending).min() > 1e-9:
        assert np.isfinite(result.values).all()
    assert not result.values[~result.mask].any()


def test_average_steps_by_time():
    rows = np.array([[0.0], [1.0]])
    spans = np.array([[0.0, 5.0], [5.0, 10.0]])
    out = average_steps(rows, spans, equal_bounds(0, 10, 5))
    assert out.ravel().tolist() == [0, 0, 0.5, 1, 1]
    far = average_steps(rows, spans, equal_bounds(20, 30, 2))
    assert far.ravel().tolist() == [1, 1]
    instant = average_steps(rows, np.array([[0.0, 0.0], [9.0, 9.0]]), equal_bounds(0, 10, 2))
    assert instant.ravel().tolist() == [0, 1]


@given(st.integers(0, 9999), st.integers(1, 40), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_statistics_are_those_of_a_slow_loop(seed: int, rows: int, steps: int) -> None:
    """Every row counts by its trust and by the seconds that its cell has in common with the step."""
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.01, 0.2, rows))
    values, weight = rng.normal(size=rows), rng.uniform(0.1, 1, rows)
    made = track(time, values, weight=weight[:, None])
    start, end = made.span
    got = cut(made, steps, least=0.0).values.reshape(steps, 3)
    edges = [start, *((time[1:] + time[:-1]) / 2), end]
    for step in range(steps):
        low, high = start + step * (end - start) / steps, start + (step + 1) * (end - start) / steps
        common = [max(0.0, min(edges[row + 1], high) - max(edges[row], low)) for row in range(rows)]
        total = sum(w * s for w, s in zip(weight, common, strict=True))
        mean = sum(v * w * s for v, w, s in zip(values, weight, common, strict=True)) / total
        spread = sum(w * s * (v - mean) ** 2 for v, w, s in zip(values, weight, common, strict=True)) / total
        assert got[step, 0] == pytest.approx(mean, abs=1e-5)
        assert got[step, 1] == pytest.approx(np.sqrt(spread), abs=1e-5)
        top = bottom = 0.0
        for row in range(rows - 1):
            seconds = max(0.0, min(time[row + 1], high) - max(time[row], low))
            trust = min(weight[row], weight[row + 1]) * seconds
            top += trust * abs(values[row + 1] - values[row]) / (time[row + 1] - time[row])
            bottom += trust
        if bottom > 1e-6:
            assert got[step, 2] == pytest.approx(top / bottom, rel=1e-4)


@given(st.integers(0, 9999), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_cosine_coefficients_are_integrals_of_a_staircase(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.05, 0.2, 12))
    values = rng.normal(size=12)
    made = track(time, values)
    got = cut(made, 1, "dct", k).values[0]
    start, end = made.span
    fine = np.linspace(start, end, 40_001)[:-1] + (end - start) / 80_000
    stairs = values[np.abs(fine[:, None] - time[None]).argmin(axis=1)]
    share = (fine - start) / (end - start)
    expected = [abs(stairs.mean())]
    expected += [np.sqrt(2) * abs(((stairs - stairs.mean()) * np.cos(np.pi * j * share)).mean()) for j in range(1, k)]
    np.testing.assert_allclose(got, expected, atol=2e-3)
