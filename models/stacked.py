"""Stacks of many networks of one architecture: their data, dropout and predictions.

A member is one network of one fold. All members of a stack share architecture and feature sizes. Each has its own
initial values, training rows, normalisation, batches, dropout and generator, so it equals the same member trained
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.aim import AimInputs, AimOutput
from models.aim_config import AimSizes
from models.comparisons import NetworkConfig, build_network
from models.layers import Layers

_UINT16 = 1 << 16


@dataclass(frozen=True)
class FoldData:
    """Normalised inputs and scaled labels of n performances under F normalisations (one per fold)."""

    inputs: AimInputs  # `AimInputs` whose tensors have F and n as first axes
    targets: Tensor  # (F, n, 3) scaled labels, 0 where missing
    weights: Tensor  # (F, n, 3) 1 where the label exists

    def gather(self, folds: Tensor, rows: Tensor) -> tuple[AimInputs, Tensor, Tensor]:
        """Rows (M, B) under the folds (M,) of the members: inputs (M, B, ...), targets and weights (M, B, 3)."""
        count = self.targets.shape[1]
        flat = (folds.unsqueeze(1) * count + rows).reshape(-1)

        def take(values: Tensor) -> Tensor:
            return values.flatten(0, 1).index_select(0, flat).view(*rows.shape, *values.shape[2:])

        return self.inputs.map(take), take(self.targets), take(self.weights)

    def to(self, device: torch.device, dtype: torch.dtype) -> FoldData:
        """The same data on this device, with this type."""
        parts = (self.targets.to(device, dtype), self.weights.to(device, dtype))
        return FoldData(self.inputs.map(lambda values: values.to(device, dtype)), *parts)


class MemberDropout:
    """Dropout of a stack, with a generator for each member.

    It is drawn on the CPU as 16-bit integers, so all devices drop the same entries; the rate is exact to 1/65536. Only
    the real rows of a member use its generator, so padding does not change the result.
    """

    def __init__(self, generators: Sequence[np.random.Generator], rows: Sequence[int]) -> None:
        self.generators, self.rows = generators, rows

    def __call__(self, values: Tensor, rate: float) -> Tensor:
        """(M, B, ...) with entries set to 0 at `rate` and the rest scaled by 1 / (1 - rate)."""
        threshold = round(rate * _UINT16)
        if threshold == 0:
            return values
        kept = self._bits(values.shape) >= threshold - _UINT16 // 2  # signed view of uniform 16-bit integers
        scaled = torch.from_numpy(kept).to(values.device).to(values.dtype).mul_(1 / (1 - rate))
        return values * scaled

    def noise(self, values: Tensor) -> Tensor:
        """Gaussian noise of the shape (M, B, ...) of `values`."""
        drawn = np.zeros(tuple(values.shape), dtype=np.float32)
        for member, (generator, rows) in enumerate(zip(self.generators, self.rows, strict=True)):
            generator.standard_normal(dtype=np.float32, out=drawn[member, :rows])
        return torch.from_numpy(drawn).to(values.device, values.dtype)

    def _bits(self, shape: torch.Size) -> NDArray[np.int16]:
        bits = np.zeros((shape[0], shape[1], int(np.prod(shape[2:]))), dtype=np.int16)
        for member, (generator, rows) in enumerate(zip(self.generators, self.rows, strict=True)):
            count = rows * bits.shape[2]
            raw = generator.bit_generator.random_raw(-(-count // 4))
            bits[member, :rows] = raw.view(np.int16)[:count].reshape(rows, -1)
        return bits.reshape(tuple(shape))


@torch.no_grad()
def predict_members(
    net: nn.Module, data: FoldData, folds: Tensor, *, rows: Tensor | None = None, chunk: int = 64
) -> AimOutput:
    """Outputs of every member, (M, k, ...), computed `chunk` performances at a time.

    Args:
        folds: (M,) normalisation of each member.
        rows: (M, k) performances of each member; default: all.
    """
    if rows is None:
        rows = torch.arange(data.targets.shape[1], device=folds.device).expand(len(folds), -1)
    parts = [net(data.gather(folds, some)[0]) for some in rows.split(chunk, dim=1)]
    joined = {field.name: [getattr(part, field.name) for part in parts] for field in fields(AimOutput)}
    outputs: dict[str, Any] = {name: None if v[0] is None else torch.cat(v, 1) for name, v in joined.items()}
    return AimOutput(**outputs)


def double_network(model: NetworkConfig, sizes: AimSizes, state: Mapping[str, Tensor]) -> nn.Module:
    """The networks of a stacked state (members, ...) in double precision for predictions."""
    net = build_network(model, sizes, Layers(len(next(iter(state.values())))))
    net.load_state_dict(dict(state))
    return net.double().eval()


def member_state(state: Mapping[str, Tensor], member: int) -> dict[str, Tensor]:
    """The parameters of one member of a stack, with names and shapes of a single network."""
    return {name: values[member].clone() for name, values in state.items()}
