"""Where time steps begin and end, in equal parts and in phases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.video import Phase
from extractors.timesteps.step_bounds import equal_bounds, phase_bounds, steps_of_phases


def test_impossible_parts_are_refused():
    for bad in ((0.0, 0.0, 3), (1.0, 0.0, 3), (0.0, 1.0, 0), (0.0, float("nan"), 2)):
        with pytest.raises(ValueError, match="cannot cut"):
            equal_bounds(*bad)


@given(st.lists(st.floats(0.01, 0.99), min_size=0, max_size=4, unique=True), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_phases_cover_the_whole_and_keep_their_ends(inner, steps):
    edges = [2.0, *(2 + 10 * place for place in sorted(inner)), 12.0]
    if len(edges) - 1 > steps or (np.diff(edges) < 1e-5).any():
        return
    names = [f"part {number}" for number in range(len(edges) - 1)]
    given_phases = [Phase(*one) for one in zip(names, edges[:-1], edges[1:], strict=True)]
    parts = phase_bounds(0.0, 12.0, given_phases, names, steps)
    assert len(parts) == steps
    np.testing.assert_allclose(parts[1:, 0], parts[:-1, 1])
    assert (parts[0, 0], parts[-1, 1]) == pytest.approx((2, 12))
    for place in edges:
        assert np.abs(parts - place).min() < 1e-9
    counts = np.histogram(parts.mean(axis=1), edges)[0]
    assert counts.max() - counts.min() <= 1
    assert counts.tolist() == sorted(counts, reverse=True)
    assert steps_of_phases(names, steps) == tuple(np.repeat(names, counts))
