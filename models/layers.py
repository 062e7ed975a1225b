"""Linear and LSTM layers, ordinary or stacked: a stack computes many members of one architecture at once.

A stacked layer has the parameters of M members, (M, out, in). It maps (M, B, T, in) to (M, B, T, out) by batched matrix
products. Names, shapes after the member axis, gate order and initial values are those of `torch.nn.Linear` and
`torch.nn.LSTM`, so a member can be extracted and compared.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Layers:
    """Makes layers: stacked layers of `members` on (M, B, T, in), or without members torch's layers on (B, T, in)."""

    def __init__(self, members: int | None = None) -> None:
        if members is not None and members < 1:
            raise ValueError("a stack has at least one member")
        self.members = members

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """A fully connected layer."""
        return nn.Linear(inputs, outputs) if self.members is None else StackedLinear(self.members, inputs, outputs)

    def lstm(self, inputs: int, outputs: int) -> nn.Module:
        """A one-layer LSTM that returns its hidden state at every step."""
        if self.members is None:
            return _PlainLSTM(inputs, outputs, batch_first=True)
        return StackedLSTM(self.members, inputs, outputs)

    def mixing(self, nodes: int) -> nn.Module:
        """A learnt matrix that mixes the nodes of a graph along its edges."""
        return Mixing((nodes, nodes) if self.members is None else (self.members, nodes, nodes))


class _PlainLSTM(nn.LSTM):
    def forward(self, *parts: Tensor) -> Tensor:  # type: ignore[override]
        """Inputs (B, T, n), side by side, to hidden states (B, T, out)."""
        hidden: Tensor = super().forward(torch.cat(parts, dim=-1))[0]
        return hidden


class StackedLinear(nn.Module):
    """M fully connected layers: (M, ..., in) to (M, ..., out)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply member m to x[m]. Trailing inputs that are 0 in every row may be omitted, which saves products."""
        rows = x.reshape(x.shape[0], -1, x.shape[-1])  # (M, R, in)
        out = _product(self.weight, self.bias, rows)
        return out.view(*x.shape[:-1], out.shape[-1])


class StackedLSTM(nn.Module):
    """M one-layer LSTMs: (M, B, T, in) to hidden states (M, B, T, out); gates in torch's order i, f, g, o."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(members, 4 * outputs, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(members, 4 * outputs, outputs))
        self.bias_ih_l0 = nn.Parameter(torch.empty(members, 4 * outputs))
        self.bias_hh_l0 = nn.Parameter(torch.empty(members, 4 * outputs))

    def forward(self, *parts: Tensor) -> Tensor:
        """Hidden state of every step, from zero initial states; `parts` are concatenated inputs.

        Trailing inputs may be omitted, as in `StackedLinear`.
        """
        members, batch, steps, _ = parts[0].shape
        flat = [part.transpose(1, 2).reshape(members, steps * batch, -1) for part in parts]  # time outermost
        gates = _product(self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0, *flat)  # (M, T*B, 4d)
        recurrent, cell = self.weight_hh_l0.transpose(1, 2), None
        hidden: list[Tensor] = []
        for raw in gates.view(members, steps, batch, -1).unbind(1):
            raw = torch.baddbmm(raw, hidden[-1], recurrent) if hidden else raw
            i, f, g, o = raw.chunk(4, dim=-1)
            new = torch.sigmoid(i) * torch.tanh(g)
            cell = new if cell is None else torch.addcmul(new, torch.sigmoid(f), cell)
            hidden.append(torch.sigmoid(o) * torch.tanh(cell))
        return torch.stack(hidden, dim=2)  # (M, B, T, d)


class _Product(torch.autograd.Function):
    """x W^T + b of every member, with gradients equal to autograd's in every bit, but cheaper.

    Autograd copies the gradient of W to transpose it, and computes gradients of inputs that do not need them.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, *parts: Tensor) -> Tensor:
        """(M, out, in), (M, out) and concatenated inputs (M, R, n) to (M, R, out); trailing inputs may be omitted."""
        x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        ctx.save_for_backward(weight, x)
        ctx.widths = [part.shape[-1] for part in parts]
        return torch.baddbmm(bias.unsqueeze(1), x, weight[..., : x.shape[-1]].transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the weight, the bias and each part that needs a gradient."""
        (grad,), (weight, x) = grads, ctx.saved_tensors
        of_weight = torch.bmm(grad.transpose(1, 2), x)  # (M, out, in)
        if left_out := weight.shape[-1] - x.shape[-1]:
            of_weight = nn.functional.pad(of_weight, (0, left_out))
        columns = weight[..., : x.shape[-1]].split(ctx.widths, dim=-1)
        needed = zip(columns, ctx.needs_input_grad[2:], strict=True)
        of_parts = [torch.bmm(grad, some) if needs else None for some, needs in needed]
        return of_weight, grad.sum(1), *of_parts


def _product(weight: Tensor, bias: Tensor, *parts: Tensor) -> Tensor:
    out: Tensor = _Product.apply(weight, bias, *parts)
    return out


class Mixing(nn.Module):
    """Learnt weights of a graph's edges: each node becomes the weighted mean of its neighbours."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))

    def matrix(self, edges: Tensor) -> Tensor:
        """Weights (..., V, V) >= 0 on `edges` (V, V); each row sums to 1, or to 0 without a neighbour."""
        weight = torch.relu(self.weight) * edges
        return weight / weight.sum(-1, keepdim=True).clamp(min=1e-6)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """(..., B, T, V, C) mixed over V."""
        return self.matrix(edges).unsqueeze(-3).unsqueeze(-3) @ x


def start_values(module: nn.Module, generators: list[torch.Generator]) -> None:
    """Initialise a stack like torch.nn, each member with its own generator.

    Uniform in +-1/sqrt(inputs) for linear layers, +-1/sqrt(outputs) for LSTMs, in the order of the parameters.
    """
    for layer in module.modules():
        if isinstance(layer, StackedLinear):
            bound = layer.weight.shape[-1] ** -0.5
        elif isinstance(layer, StackedLSTM):
            bound = layer.weight_hh_l0.shape[-1] ** -0.5
        else:
            continue
        for parameter in layer.parameters(recurse=False):
            for member, generator in enumerate(generators):
                drawn = torch.empty(parameter.shape[1:]).uniform_(-bound, bound, generator=generator)
                parameter.data[member].copy_(drawn)
