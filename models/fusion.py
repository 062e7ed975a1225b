"""Attention fusion of the scene and the interaction stream (Gao et al., ECCV 2020, equations 4 and 5)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def attend(scene: Tensor, agents: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted sum of two streams; the key says how much each counts in a time step.

        W = softmax over the two of (X·O, Y·O)    equation 5
        Z = W_X X + W_Y Y                         equation 4

    Args:
        scene: X (..., d).
        agents: Y (..., d).
        key: O (..., d).

    Returns:
        Z (..., d) and W (..., 2).
    """
    fused, weights = _Attend.apply(scene, agents, key)
    return fused, weights


class _Attend(torch.autograd.Function):
    """The two equations with their derivative written out: as they stand, autograd makes and adds up twice as
    many arrays of the size of the streams, which takes longer than the multiplications."""

    @staticmethod
    def forward(ctx: Any, scene: Tensor, agents: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """See `attend`."""
        match = torch.stack([(scene * key).sum(-1), (agents * key).sum(-1)], dim=-1)  # (..., 2)
        weights = torch.softmax(match, dim=-1)
        fused = (weights[..., :1] * scene).addcmul_(weights[..., 1:], agents)
        ctx.save_for_backward(scene, agents, key, weights)
        ctx.mark_non_differentiable(weights)
        return fused, weights

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients for X, Y and O."""
        scene, agents, key, weights = ctx.saved_tensors
        apart = scene - agents
        both = weights[..., :1] * weights[..., 1:]  # slope of the softmax of two
        pull = both * (grads[0] * apart).sum(-1, keepdim=True)  # (..., 1), for X·O; its negative for Y·O
        for_scene = (weights[..., :1] * grads[0]).addcmul_(pull, key)
        for_agents = (weights[..., 1:] * grads[0]).addcmul_(pull, key, value=-1)
        return for_scene, for_agents, apart.mul_(pull)
