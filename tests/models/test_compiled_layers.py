"""Compiled loops of the stacked layers against autograd in float64."""

from __future__ import annotations

import pytest
import torch

from models.fusion import attend
from models.layers import StackedLayers, _Recurrence, start_values


@pytest.mark.parametrize(("members", "batch", "steps", "width"), [(1, 3, 1, 5), (2, 4, 6, 16), (3, 2, 10, 33)])
def test_compiled_loops_equal_autograd(members: int, batch: int, steps: int, width: int) -> None:
    """Recurrence and attention with their derivatives: float32 in compiled loops against autograd in float64."""
    torch.manual_seed(members)
    gates, weight = torch.randn(members, steps, batch, 4 * width) * 2, torch.randn(members, 4 * width, width) * 0.3
    slope = torch.randn(members, steps, batch, width)
    mine = [gates.clone().requires_grad_(), weight.clone().requires_grad_()]
    hidden = _Recurrence.apply(mine[0] * 1, mine[1])
    hidden.backward(slope)
    true = [x.double().requires_grad_() for x in (gates, weight)]
    state = cell = torch.zeros(members, batch, width, dtype=torch.float64)
    states = []
    for t in range(steps):
        i, f, g, o = (true[0][:, t] + state @ true[1].transpose(1, 2)).chunk(4, -1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        state = torch.sigmoid(o) * torch.tanh(cell)
        states.append(state)
    expected = torch.stack(states, 1)
    expected.backward(slope.double())
    torch.testing.assert_close(hidden.double(), expected, atol=1e-5, rtol=1e-5)
    for a, b in zip(mine, true, strict=True):
        torch.testing.assert_close(a.grad.double(), b.grad, atol=1e-5, rtol=1e-5)  # type: ignore[union-attr]

    streams = [torch.randn(members, batch, steps, width) for _ in range(3)]
    mine, true = [x.clone().requires_grad_() for x in streams], [x.double().requires_grad_() for x in streams]
    fused, weights = attend(*mine)
    fused.backward(slope.transpose(1, 2))
    x, y, key = true
    match = torch.softmax(torch.stack([(x * key).sum(-1), (y * key).sum(-1)], -1), -1)
    expected = match[..., :1] * x + match[..., 1:] * y
    expected.backward(slope.transpose(1, 2).double())
    torch.testing.assert_close(weights.double(), match, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(fused.double(), expected, atol=1e-5, rtol=1e-5)
    for a, b in zip(mine, true, strict=True):
        torch.testing.assert_close(a.grad.double(), b.grad, atol=2e-5, rtol=1e-5)  # type: ignore[union-attr]


def test_inputs_that_need_no_gradient_change_nothing_else() -> None:
    torch.manual_seed(0)
    net = StackedLayers(2).lstm(6, 4)
    start_values(net, [torch.Generator().manual_seed(k) for k in range(2)])
    x = torch.randn(2, 3, 5, 6)
    whole, half = x.clone().requires_grad_(), x.clone().requires_grad_()
    net(whole).square().sum().backward()
    expected = [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]
    net.zero_grad()
    net(half, 4).square().sum().backward()
    assert whole.grad is not None
    assert half.grad is not None
    torch.testing.assert_close(half.grad[..., 4:], whole.grad[..., 4:])
    assert (half.grad[..., :4] == 0).all()
    for parameter, other in zip(net.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, other)
