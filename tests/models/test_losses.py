"""Losses against loops over samples and pairs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.losses import mean_squared_error, pairwise_logistic


@given(st.integers(0, 999), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_losses_are_those_of_a_loop_over_what_counts(seed, batch):
    rng = np.random.default_rng(seed)
    predicted, target = rng.normal(size=(2, 3, batch))
    weight = (rng.random((3, batch)) < 0.7).astype(float)
    tensors = [torch.from_numpy(values) for values in (predicted, target, weight)]
    squares, ranks = mean_squared_error(*tensors), pairwise_logistic(*tensors)
    for member in range(3):
        rows = np.flatnonzero(weight[member])
        errors = [(predicted[member, i] - target[member, i]) ** 2 for i in rows]
        assert squares[member].item() == pytest.approx(np.mean(errors) if errors else 0)
        top = bottom = 0.0
        for i in rows:
            for j in rows:
                if (apart := target[member, i] - target[member, j]) > 0:
                    top += apart * np.log1p(np.exp(-(predicted[member, i] - predicted[member, j])))
                    bottom += apart
        assert ranks[member].item() == pytest.approx(top / max(bottom, 1e-6), rel=1e-5, abs=1e-9)
