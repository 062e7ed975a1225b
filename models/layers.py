"""Linear and LSTM layers, ordinary or stacked: many members of one architecture computed at once.

A stacked layer holds the parameters of M members side by side, (M, out, in), and maps (M, B, T, in) to
(M, B, T, out) with batched matrix products. Names, shapes after the member axis, gate order and start values are
those of `torch.nn.Linear` and `torch.nn.LSTM`, so that a member can be taken out and compared.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Layers(Protocol):
    """Makes the layers of one kind of network."""

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """A fully connected layer."""

    def lstm(self, inputs: int, outputs: int) -> nn.Module:
        """A one-layer LSTM that returns its hidden state at every step."""


class PlainLayers:
    """One member, (B, T, in), on `torch.nn.Linear` and `torch.nn.LSTM`: the readable reference."""

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """`torch.nn.Linear`."""
        return nn.Linear(inputs, outputs)

    def lstm(self, inputs: int, outputs: int) -> nn.Module:
        """`torch.nn.LSTM`, batch first, hidden states only."""
        return _PlainLSTM(inputs, outputs, batch_first=True)


class StackedLayers:
    """M members at once, (M, B, T, in)."""

    def __init__(self, members: int) -> None:
        if members < 1:
            raise ValueError("a stack has at least one member")
        self.members = members

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """`StackedLinear`."""
        return StackedLinear(self.members, inputs, outputs)

    def lstm(self, inputs: int, outputs: int) -> nn.Module:
        """`StackedLSTM`."""
        return StackedLSTM(self.members, inputs, outputs)


class _PlainLSTM(nn.LSTM):
    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(B, T, in) to hidden states (B, T, out)."""
        hidden: Tensor = super().forward(x)[0]
        return hidden


class StackedLinear(nn.Module):
    """M fully connected layers: (M, ..., in) to (M, ..., out)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply member m to x[m]."""
        members, inputs = x.shape[0], x.shape[-1]
        flat = x.reshape(members, -1, inputs)  # (M, R, in)
        out = torch.baddbmm(self.bias.unsqueeze(1), flat, self.weight.transpose(1, 2))  # (M, R, out)
        return out.view(*x.shape[:-1], out.shape[-1])


class StackedLSTM(nn.Module):
    """M one-layer LSTMs: (M, B, T, in) to hidden states (M, B, T, out); gates in torch's order i, f, g, o."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(members, 4 * outputs, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(members, 4 * outputs, outputs))
        self.bias_ih_l0 = nn.Parameter(torch.empty(members, 4 * outputs))
        self.bias_hh_l0 = nn.Parameter(torch.empty(members, 4 * outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Hidden state of every step, from zero start states."""
        members, batch, steps, inputs = x.shape
        flat = x.transpose(1, 2).reshape(members, steps * batch, inputs)  # (M, T*B, in), time outermost
        bias = (self.bias_ih_l0 + self.bias_hh_l0).unsqueeze(1)
        gates = torch.baddbmm(bias, flat, self.weight_ih_l0.transpose(1, 2))  # (M, T*B, 4d)
        hidden: Tensor = _Recurrence.apply(gates.view(members, steps, batch, -1), self.weight_hh_l0)
        return hidden.transpose(1, 2)  # (M, B, T, d)


class _Recurrence(torch.autograd.Function):
    """The part of an LSTM that runs over time, with its derivative written out.

    Autograd through T small steps would keep and add T gradients of the recurrent weight; here they are one
    matrix product at the end.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor) -> Tensor:
        """Input part of the gates (M, T, B, 4d) and recurrent weight (M, 4d, d) to hidden states (M, T, B, d)."""
        members, steps, batch, four = inputs.shape
        width = four // 4
        hidden = inputs.new_empty(members, steps, batch, width)
        cells = inputs.new_empty(members, steps, batch, width)
        gates = torch.empty_like(inputs)
        recurrent = weight.transpose(1, 2)
        for t in range(steps):
            raw = inputs[:, t] if t == 0 else torch.baddbmm(inputs[:, t], hidden[:, t - 1], recurrent)
            now = gates[:, t]
            torch.sigmoid(raw[..., : 2 * width], out=now[..., : 2 * width])
            torch.tanh(raw[..., 2 * width : 3 * width], out=now[..., 2 * width : 3 * width])
            torch.sigmoid(raw[..., 3 * width :], out=now[..., 3 * width :])
            i, f, g, o = now.split(width, dim=-1)
            cell = torch.mul(i, g, out=cells[:, t])
            if t > 0:
                cell.addcmul_(f, cells[:, t - 1])
            torch.mul(o, torch.tanh(cell), out=hidden[:, t])
        ctx.save_for_backward(gates, cells, hidden, weight)
        return hidden

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients for the input part of the gates and for the recurrent weight."""
        gates, cells, hidden, weight = ctx.saved_tensors
        members, steps, batch, width = hidden.shape
        grad_gates = torch.empty_like(gates)
        grad_hidden = grads[0][:, steps - 1]
        grad_cell = hidden.new_zeros(members, batch, width)
        for t in range(steps - 1, -1, -1):
            i, f, g, o = gates[:, t].split(width, dim=-1)
            out = grad_gates[:, t].split(width, dim=-1)
            squashed = torch.tanh(cells[:, t])
            grad_cell = grad_cell + grad_hidden * o * (1 - squashed * squashed)
            torch.mul(grad_cell * g, i * (1 - i), out=out[0])
            if t > 0:
                torch.mul(grad_cell * cells[:, t - 1], f * (1 - f), out=out[1])
            else:
                out[1].zero_()
            torch.mul(grad_cell * i, 1 - g * g, out=out[2])
            torch.mul(grad_hidden * squashed, o * (1 - o), out=out[3])
            if t > 0:
                grad_cell = grad_cell * f
                grad_hidden = torch.baddbmm(grads[0][:, t - 1], grad_gates[:, t], weight)
        later = grad_gates[:, 1:].reshape(members, (steps - 1) * batch, 4 * width)
        earlier = hidden[:, :-1].reshape(members, (steps - 1) * batch, width)
        return grad_gates, torch.bmm(later.transpose(1, 2), earlier)


def start_values(module: nn.Module, generators: list[torch.Generator]) -> None:
    """Fill a stack as torch.nn fills its layers, each member from its own generator.

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
