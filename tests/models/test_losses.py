"""Losses against loops over samples and pairs."""

import numpy as np
import torch

from models.losses import mean_squared_error, pairwise_logistic
from tests.helpers.approved_numbers import ApprovedNumbers


def test_losses_are_the_approved_ones(snapshot):
    """As loops over samples and pairs gave them; the last of three members has no label that counts."""
    rng = np.random.default_rng(0)
    predicted, target = torch.from_numpy(rng.normal(size=(2, 3, 9)))
    weight = torch.from_numpy((rng.random((3, 9)) < 0.7) * np.array([[1.0], [1.0], [0.0]]))
    losses = mean_squared_error, pairwise_logistic
    numbers = {loss.__name__: loss(predicted, target, weight).tolist() for loss in losses}
    assert numbers == snapshot.use_extension(ApprovedNumbers)
