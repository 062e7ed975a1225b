"""Linear and LSTM layers, ordinary or stacked: many members of one architecture computed at once.

A stacked layer holds the parameters of M members side by side, (M, out, in), and maps (M, B, T, in) to
(M, B, T, out) with batched matrix products. Names, shapes after the member axis, gate order and start values are
those of `torch.nn.Linear` and `torch.nn.LSTM`, so that a member can be taken out and compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn


class Layers(Protocol):
    """Makes the layers of one kind of network."""

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """A fully connected layer."""

    def lstm(self, inputs: int, outputs: int) -> nn.Module:
        """A one-layer LSTM that returns its hidden state at every step."""

    def mixing(self, nodes: int) -> nn.Module:
        """A learnt matrix that mixes the nodes of a graph along its edges."""


class PlainLayers:
    """One member, (B, T, in), on `torch.nn.Linear` and `torch.nn.LSTM`: the readable reference."""

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """`torch.nn.Linear`."""
        return nn.Linear(inputs, outputs)

    def lstm(self, inputs: int, outputs: int) -> nn.Module:
        """`torch.nn.LSTM`, batch first, hidden states only."""
        return _PlainLSTM(inputs, outputs, batch_first=True)

    def mixing(self, nodes: int) -> nn.Module:
        """`Mixing` of one member."""
        return Mixing((nodes, nodes))


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

    def mixing(self, nodes: int) -> nn.Module:
        """`Mixing` of all members."""
        return Mixing((self.members, nodes, nodes))


class _PlainLSTM(nn.LSTM):
    def forward(self, x: Tensor, constant: int = 0) -> Tensor:  # type: ignore[override]
        """(B, T, in) to hidden states (B, T, out); `constant` as in `StackedLSTM`."""
        hidden: Tensor = super().forward(x)[0]
        return hidden


class StackedLinear(nn.Module):
    """M fully connected layers: (M, ..., in) to (M, ..., out)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply member m to x[m]. Last inputs that are left out are 0 in every row, and cost no multiplication."""
        weight = self.weight if x.shape[-1] == self.weight.shape[-1] else self.weight[..., : x.shape[-1]]
        out: Tensor = _Linear.apply(x.reshape(x.shape[0], -1, x.shape[-1]), weight, self.bias)  # (M, R, out)
        return out.view(*x.shape[:-1], out.shape[-1])


class _Linear(torch.autograd.Function):
    """x W' + b per member. The weight gradient is computed in the layout of the weight, unlike autograd's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, constant: int = 0) -> Tensor:
        """(M, R, in), (M, out, in) and (M, out) to (M, R, out); the first `constant` inputs get the gradient 0."""
        ctx.save_for_backward(x, weight)
        ctx.constant = constant
        return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        """Gradients for the inputs, where they are asked for, the weight and the bias."""
        x, weight = ctx.saved_tensors
        slope, for_x = grads[0], None
        if ctx.needs_input_grad[0]:
            rest = torch.bmm(slope, weight[..., ctx.constant :])
            for_x = torch.nn.functional.pad(rest, (ctx.constant, 0)) if ctx.constant else rest
        if slope.shape[-1] > 8 * x.shape[-1]:  # the transposed product is faster for tall results
            for_weight = torch.bmm(x.transpose(1, 2), slope).transpose(1, 2).contiguous()
        else:
            for_weight = torch.bmm(slope.transpose(1, 2), x)
        return for_x, for_weight, slope.sum(1), None


class StackedLSTM(nn.Module):
    """M one-layer LSTMs: (M, B, T, in) to hidden states (M, B, T, out); gates in torch's order i, f, g, o."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(members, 4 * outputs, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(members, 4 * outputs, outputs))
        self.bias_ih_l0 = nn.Parameter(torch.empty(members, 4 * outputs))
        self.bias_hh_l0 = nn.Parameter(torch.empty(members, 4 * outputs))

    def forward(self, x: Tensor, constant: int = 0) -> Tensor:
        """Hidden state of every step, from zero start states.

        The first `constant` entries of the inputs need no gradient, which saves its multiplications. Last inputs that
        are left out are 0, as in `StackedLinear`.
        """
        members, batch, steps, inputs = x.shape
        weight = self.weight_ih_l0 if inputs == self.weight_ih_l0.shape[-1] else self.weight_ih_l0[..., :inputs]
        flat = x.transpose(1, 2).reshape(members, steps * batch, inputs)  # (M, T*B, in), time outermost
        gates = _Linear.apply(flat, weight, self.bias_ih_l0 + self.bias_hh_l0, constant)  # (M, T*B, 4d)
        hidden: Tensor = _Recurrence.apply(gates.view(members, steps, batch, -1), self.weight_hh_l0)
        return hidden.transpose(1, 2).contiguous()  # (M, B, T, d)


class Mixing(nn.Module):
    """Learnt weights of a graph's edges: the features of a node become the weighted mean of its neighbours'."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))

    def matrix(self, edges: Tensor) -> Tensor:
        """Weights (..., V, V) on `edges` (V, V), at least 0, each row summing to 1 (to 0 without a neighbour)."""
        weight = torch.relu(self.weight) * edges
        return weight / weight.sum(-1, keepdim=True).clamp(min=1e-6)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """(..., B, T, V, C) mixed over V."""
        return self.matrix(edges).unsqueeze(-3).unsqueeze(-3) @ x


class _Recurrence(torch.autograd.Function):
    """The part of an LSTM that runs over time, with its derivative written out.

    Autograd through T small steps keeps and adds T gradients of the recurrent weight; here one matrix product at the
    end computes their sum. The rest runs step by step, so that the arrays of a step stay in the processor's cache.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor) -> Tensor:
        """Input part of the gates (M, T, B, 4d) and recurrent weight (M, 4d, d) to hidden states (M, T, B, d).

        `inputs` is overwritten: no other code uses it.
        """
        members, steps, batch, four = inputs.shape
        width = four // 4
        hidden, cells, squashed = (inputs.new_empty(members, steps, batch, width) for _ in range(3))
        recurrent = weight.transpose(1, 2)
        gates = inputs.unflatten(-1, (4, width))  # i, f, g, o
        parts = (inputs, inputs[..., : 2 * width], *gates.unbind(-2), cells, squashed, hidden)
        views = zip(*(part.unbind(1) for part in parts), strict=True)
        before: tuple[Tensor, Tensor] | None = None
        for raw, first_two, i, f, g, o, cell, tanh, out in views:
            if before is not None:
                raw.baddbmm_(before[0], recurrent)
            first_two.sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(i, g, out=cell)
            if before is not None:
                cell.addcmul_(f, before[1])
            torch.tanh(cell, out=tanh)
            torch.mul(o, tanh, out=out)
            before = out, cell
        ctx.save_for_backward(inputs, cells, squashed, hidden, weight)
        return hidden

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients for the input part of the gates and for the recurrent weight."""
        inputs, cells, squashed, hidden, weight = ctx.saved_tensors
        members, steps, batch, width = hidden.shape
        grad_inputs = torch.empty_like(inputs)
        step = _compiled_step(inputs, cells, squashed, grad_inputs) or _plain_step(inputs, cells, squashed, grad_inputs)
        grad_hidden, out = grads[0].unbind(1), grad_inputs.unbind(1)
        grad_cell = hidden.new_zeros(members, batch, width)
        step(steps - 1, grad_hidden[-1].contiguous(), grad_cell)
        for t in range(steps - 2, -1, -1):
            step(t, torch.baddbmm(grad_hidden[t], out[t + 1], weight), grad_cell)
        rest = (steps - 1) * batch
        after = grad_inputs[:, 1:].reshape(members, rest, 4 * width)
        grad_weight = torch.bmm(after.transpose(1, 2), hidden[:, :-1].reshape(members, rest, width))
        return grad_inputs, grad_weight


Step = Callable[[int, Tensor, Tensor], None]
"""Takes t and the gradients (M, B, d) of step t's hidden state and cell; the latter becomes that of t - 1."""


def _plain_step(inputs: Tensor, cells: Tensor, squashed: Tensor, grad_inputs: Tensor) -> Step:
    """Writes the gradient of the raw gates of a step with torch's operations, on any device."""
    width = cells.shape[-1]
    gates = [gate.unbind(1) for gate in inputs.unflatten(-1, (4, width)).unbind(-2)]
    outs = [gate.unbind(1) for gate in grad_inputs.unflatten(-1, (4, width)).unbind(-2)]
    cell, tanh = cells.unbind(1), squashed.unbind(1)
    scratch = torch.empty_like(cell[0])

    def step(t: int, grad_hidden: Tensor, grad_cell: Tensor) -> None:
        i, f, g, o = (gate[t] for gate in gates)
        to_i, to_f, to_g, to_o = (gate[t] for gate in outs)
        torch.mul(tanh[t], tanh[t], out=scratch)
        grad_cell.addcmul_(grad_hidden, torch.addcmul(o, o, scratch, value=-1, out=scratch))
        torch.addcmul(o, o, o, value=-1, out=to_o).mul_(tanh[t]).mul_(grad_hidden)
        torch.addcmul(i, i, i, value=-1, out=to_i).mul_(g).mul_(grad_cell)
        torch.addcmul(i, i, torch.mul(g, g, out=scratch), value=-1, out=to_g).mul_(grad_cell)
        if t == 0:
            to_f.zero_()
            return
        torch.addcmul(f, f, f, value=-1, out=to_f).mul_(cell[t - 1]).mul_(grad_cell)
        grad_cell.mul_(f)

    return step


def _compiled_step(inputs: Tensor, cells: Tensor, squashed: Tensor, grad_inputs: Tensor) -> Step | None:
    """The same as `_plain_step` in one pass over memory; None where the tensors are not float32 on a CPU."""
    if not on_cpu(inputs, cells, squashed, grad_inputs):
        return None
    from models.layers_kernels import lstm_backward

    acts, cell, tanh = (x.detach().numpy() for x in (inputs, cells, squashed))
    out, work = grad_inputs.numpy(), np.empty(cells.shape[-1], dtype=np.float32)

    def step(t: int, grad_hidden: Tensor, grad_cell: Tensor) -> None:
        lstm_backward(t, acts, cell, tanh, grad_hidden.numpy(), grad_cell.numpy(), out, work)

    return step


def on_cpu(*tensors: Tensor) -> bool:
    """Whether all are contiguous float32 in the CPU's memory, which compiled loops need.

    False for tensors without memory, as `torch.export` uses for tracing.
    """
    if torch.compiler.is_compiling():
        return False
    return all(
        x.device.type == "cpu" and x.dtype == torch.float32 and x.is_contiguous() and type(x) in (Tensor, nn.Parameter)
        for x in tensors
    )


def start_values(module: nn.Module, generators: list[torch.Generator]) -> None:
    """Draw the start values of a stack like torch.nn does, each member from its own generator.

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
