"""Training losses, per member of a stack: equation 8 of the paper and our ranking loss."""

from __future__ import annotations

import torch
from torch import Tensor

from models.aim import AimOutput


def mean_squared_error(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """(...) mean squared error over the samples (..., B) of each member (section 3.3); 0 without samples.

    `weight` is 1 for a sample, and 0 for padding and missing labels, whose target may be any finite value.
    """
    error = (predicted - target) ** 2 * weight
    return error.sum(-1) / weight.sum(-1).clamp(min=1)


def pairwise_logistic(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """(...) ranking loss over all ordered pairs of a batch, weighted by the difference of their targets.

    It is log(1 + exp(-(p_i - p_j))) for every pair with y_i > y_j (Burges et al., RankNet, 2005), averaged with weight
    y_i - y_j; 0 without such a pair. It is not in the paper. Arguments as in `mean_squared_error`.
    """
    margin = predicted.unsqueeze(-1) - predicted.unsqueeze(-2)  # (..., B, B)
    apart = (target.unsqueeze(-1) - target.unsqueeze(-2)).clamp(min=0)
    pairs = apart * weight.unsqueeze(-1) * weight.unsqueeze(-2)
    loss = torch.nn.functional.softplus(-margin) * pairs
    return loss.sum((-1, -2)) / pairs.sum((-1, -2)).clamp(min=1e-6)


def aim_loss(output: AimOutput, targets: Tensor, weights: Tensor, theta: float, rank_weight: float = 0.0) -> Tensor:
    """L = L_fn + theta L_ex + (1 - theta) L_sn (equation 8) of each member, for its heads, plus a ranking loss.

    Args:
        targets: (..., B, 3) final, execution and synchronisation score, scaled.
        weights: (..., B, 3), 1 for existing labels of samples, 0 for others.
        rank_weight: weight of `pairwise_logistic` on the final score; 0 in the paper.
    """
    loss = mean_squared_error(output.score, targets[..., 0], weights[..., 0])
    if output.execution is not None:
        loss = loss + theta * mean_squared_error(output.execution, targets[..., 1], weights[..., 1])
    if output.synchronisation is not None:
        loss = loss + (1 - theta) * mean_squared_error(output.synchronisation, targets[..., 2], weights[..., 2])
    if rank_weight > 0:
        loss = loss + rank_weight * pairwise_logistic(output.score, targets[..., 0], weights[..., 0])
    return loss
