"""Cutting into time steps: integrals over time, independent of frame rate and clock, without values from gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.timesteps.channels import make_channels
from extractors.timesteps.step_bounds import equal_bounds
from extractors.timesteps.step_features import average_steps, step_features

KINDS = ("mean", "mean_std_absdiff", "samples", "dct")


def track(time, *columns, weight=None):
    values = np.stack(columns, axis=1)
    heavy = np.ones_like(values) if weight is None else weight
    names = tuple(f"c{i}" for i in range(values.shape[1]))
    return make_channels(
        "array", names, time, lambda rows: (values[rows], heavy[rows]), observed=(heavy > 0).any(axis=1)
    )


def cut(channels, steps=5, kind="mean_std_absdiff", k=3, least=0.1):
    return step_features(channels, equal_bounds(*channels.span, steps), kind, k, least)[1:]


def wave(t):
    return np.sin(2 * np.pi * 0.7 * t) + 0.3 * t


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
    _, one, seen = step_features(track(reference, wave(reference)), bounds, kind, 3, 0.1)
    _, two, also_seen = step_features(track(other + shift, wave(other)), bounds + shift, kind, 3, 0.1)
    scale = np.abs(one).max() + 0.5
    assert seen.all()
    assert also_seen.all()
    np.testing.assert_allclose(two, one, atol=0.12 * scale)


def test_a_channel_missing_in_an_unmasked_step_is_interpolated_between_its_neighbours():
    time = np.arange(0, 3, 0.1)
    weight = np.ones((30, 3))
    weight[10:20, 0] = 0
    weight[:, 2] = 0
    values, mask = cut(track(time, 4 * time, time, time, weight=weight), steps=3, kind="mean")
    assert mask.all()
    assert values[1, 0] == pytest.approx((values[0, 0] + values[2, 0]) / 2)
    assert not values[:, 2].any()


@pytest.mark.parametrize(
    ("spans", "steps", "expected"),
    [
        (((0, 5), (5, 10)), (0, 10, 5), [0, 0, 0.5, 1, 1]),
        (((0, 5), (5, 10)), (20, 30, 2), [1, 1]),
        (((0, 0), (9, 9)), (0, 10, 2), [0, 1]),
    ],
)
def test_average_steps_by_time(spans, steps, expected):
    rows = np.array([[0.0], [1.0]])
    assert average_steps(rows, np.array(spans, float), equal_bounds(*steps)).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("mean", [17 / 8]),
        ("mean_std_absdiff", [17 / 8, np.sqrt(87) / 8, 1]),
        ("dct", [17 / 8, np.sqrt(2) * (2 * np.sin(3 * np.pi / 8) + np.sin(np.pi / 8)) / np.pi]),
        ("samples", [1, 3]),
    ],
)
def test_a_row_counts_by_the_seconds_that_it_represents(kind, expected):
    """Rows at 0, 1, 2 and 3 s represent 0 to .5, 1.5, 2.5 and 4 s."""
    column = np.array([0.0, 1, 3, 3])
    assert cut(track(np.arange(4.0), column), 1, kind, 2)[0][0] == pytest.approx(expected, abs=1e-6)
    trusted = cut(track(np.arange(4.0), column, weight=np.array([[1, 0.5, 1, 1.0]]).T), 1)[0][0]
    assert trusted == pytest.approx([16 / 7, np.sqrt(231 / 171.5), 3 / 4], abs=1e-6)
