"""Attention fusion of the scene and the interaction stream (Gao et al., ECCV 2020, equations 4 and 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.layers import on_cpu


def attend(scene: Tensor, agents: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Z (..., d), the weighted sum of two streams X and Y, and the weights W (..., 2) by the key O (..., d).

    W = softmax over the two of (X·O, Y·O)    equation 5
    Z = W_X X + W_Y Y                         equation 4
    """
    fused, weights = _Attend.apply(scene, agents, key)
    return fused, weights


class _Attend(torch.autograd.Function):
    """The two equations with their derivative written out: autograd makes and adds twice as many arrays of the size of
    the streams, which takes longer than the multiplications."""

    @staticmethod
    def forward(ctx: Any, scene: Tensor, agents: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """See `attend`."""
        if on_cpu(scene, key) and agents.device == scene.device and agents.dtype == scene.dtype:
            return _compiled_forward(ctx, scene, agents.contiguous(), key)
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
        if on_cpu(scene, agents, key, weights):
            return _compiled_backward(scene, agents, key, weights, grads[0].contiguous())
        apart = scene - agents
        slope = weights[..., :1] * weights[..., 1:]  # slope of the softmax of two
        pull = slope * (grads[0] * apart).sum(-1, keepdim=True)  # (..., 1), for X·O; its negative for Y·O
        for_scene = (weights[..., :1] * grads[0]).addcmul_(pull, key)
        for_agents = (weights[..., 1:] * grads[0]).addcmul_(pull, key, value=-1)
        return for_scene, for_agents, apart.mul_(pull)


def _compiled_forward(ctx: Any, scene: Tensor, agents: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """The same in two passes over memory."""
    from models.layers_kernels import attention_forward

    fused, weights = torch.empty_like(scene), scene.new_empty(*scene.shape[:-1], 2)
    attention_forward(*(_rows(x) for x in (scene, agents, key, fused, weights)))
    ctx.save_for_backward(scene, agents, key, weights)
    ctx.mark_non_differentiable(weights)
    return fused, weights


def _compiled_backward(
    scene: Tensor, agents: Tensor, key: Tensor, weights: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    from models.layers_kernels import attention_backward

    gradients = torch.empty_like(scene), torch.empty_like(scene), torch.empty_like(scene)
    attention_backward(*(_rows(x) for x in (scene, agents, key, weights, grad, *gradients)))
    return gradients


def _rows(x: Tensor) -> NDArray[np.float32]:
    """(..., d) as an array (n, d) over the same memory."""
    rows: NDArray[np.float32] = x.detach().view(-1, x.shape[-1]).numpy()
    return rows
