"""The regressions of a combination as layers of an exported model: descriptors, standardisation, kernel.

All are matrix operations on the inputs of the file. Approximate entropy and nearest neighbours compare numbers: where
two are equal but for rounding, single precision may decide differently from double precision.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor, nn

from data.store.arrays import Floats
from pipeline.systems.combination import FittedCombination
from pipeline.systems.descriptors import COEFFICIENTS, skill_columns
from pipeline.systems.regressors import CUT, NEIGHBOURS, FittedRegression, rank_segments


class ExportedCombination(nn.Module):
    """Scores (B, k) of the regressions from the features of a file, in the units of the labels."""

    def __init__(self, combination: FittedCombination, names: Sequence[str], steps: int) -> None:
        super().__init__()
        self.weights = [float(weight) for weight in combination.weights]
        self.columns = skill_columns(names)
        whole, cosines = np.fft.rfft(np.eye(steps), axis=0)[1:], dct(np.eye(steps), axis=0, norm="ortho")
        for name, waves in (("cosines", cosines), ("real", whole.real), ("imaginary", whole.imag)):
            filled = np.zeros((COEFFICIENTS, steps))
            filled[: len(waves)] = waves[:COEFFICIENTS]
            self.register_buffer(name, _tensor(filled))
        self.kinds = [one.describe for one in combination.regressions]
        self.regressions = nn.ModuleList(_Regression(one) for one in combination.regressions)

    def forward(self, given: dict[str, Tensor]) -> Tensor:
        """Scores (B, k) from the features by name, which include those of size 0."""
        clean = {name: torch.where(x == x, x, torch.zeros_like(x)) for name, x in given.items()}  # NaN becomes 0
        tables = {kind: self._table(kind, clean) for kind in dict.fromkeys(self.kinds)}
        scores = [model(tables[kind]) for kind, model in zip(self.kinds, self.regressions, strict=True)]
        return torch.stack(scores, dim=-1)

    def _table(self, kind: str, x: dict[str, Tensor]) -> Tensor:
        """(B, K) descriptors as `pipeline.systems.descriptors.DESCRIPTORS[kind]` makes them."""
        if kind == "trial":
            return x["trial"]
        if kind == "skill":
            return x["trial"][:, self.columns] if self.columns else x["trial"]
        if kind == "whole":
            agents = [_over_steps(x["primary"].unsqueeze(2), x["primary_mask"].unsqueeze(2))]
            agents.append(_over_steps(x["secondary"], x["secondary_mask"]))
            return torch.cat([x["trial"], *agents, x["scene"].mean(1)], dim=1)
        series = torch.cat([x["primary"], x["secondary"].flatten(2)], dim=-1)  # (B, T, channels)
        cosines = self._waves("cosines", series)
        if kind == "cosines":
            return cosines
        if kind != "frequencies":
            raise ValueError(f"descriptors '{kind}' have no exported form")
        sizes = (self._waves("real", series).square() + self._waves("imaginary", series).square()).sqrt()
        return torch.cat([cosines, sizes, _entropy(series)], dim=1)

    def _waves(self, name: str, series: Tensor) -> Tensor:
        """(B, COEFFICIENTS x channels) coefficients of the series (B, T, channels)."""
        return (self.get_buffer(name) @ series).flatten(1)


class _Regression(nn.Module):
    """A fitted regression of one task; see `FittedRegression.predict`."""

    def __init__(self, fitted: FittedRegression) -> None:
        super().__init__()
        used = np.isfinite(fitted.spread[0])
        self.kernel, self.gamma, self.bias = fitted.kernel, fitted.gamma, fitted.bias
        self.shift, self.scale = map(float, fitted.score[0])
        self.ranked = fitted.knots.shape[1] > 0
        arrays = {
            "used": np.flatnonzero(used),
            "centre": fitted.centre[0, used],
            "inverse": 1.0 / fitted.spread[0, used],
            "anchors": fitted.anchors[:, used],  # a dropped descriptor is 0 in every anchor
            "weights": fitted.weights,
        }
        if self.ranked:
            below, lengths = rank_segments(fitted.knots[0][:, used])
            arrays |= {"below": below, "lengths": lengths}
        for name, values in arrays.items():
            self.register_buffer(name, _tensor(values))

    def forward(self, table: Tensor) -> Tensor:
        """(B, K) descriptors to (B,) scores."""
        x = table[:, self.get_buffer("used")]
        if self.ranked:
            shares = (x.unsqueeze(1) - self.get_buffer("below")) / self.get_buffer("lengths")
            x = (shares.clamp(0, 1).mean(1) - 0.5) * float(np.sqrt(12.0))
        else:
            x = ((x - self.get_buffer("centre")) * self.get_buffer("inverse")).clamp(-CUT, CUT)
        return self._kernel(x) * self.scale + self.shift

    def _kernel(self, x: Tensor) -> Tensor:
        anchors, weights = self.get_buffer("anchors"), self.get_buffer("weights")
        if self.kernel == "linear":
            return (x.unsqueeze(1) * anchors).sum(-1) @ weights + self.bias
        apart = (x.unsqueeze(1) - anchors).square().sum(-1)  # (B, m)
        if self.kernel == "rbf":
            return (-self.gamma * apart).exp() @ weights + self.bias
        near, places = apart.topk(min(NEIGHBOURS, len(weights)), dim=-1, largest=False)
        inverse = near.clamp(min=1e-18).rsqrt()
        return (inverse * weights[places]).sum(-1) / inverse.sum(-1)


def _over_steps(values: Tensor, mask: Tensor) -> Tensor:
    """(B, N) means of (B, T, A, N) over the observed steps and agents."""
    total = (values * mask.unsqueeze(-1)).sum((1, 2))
    return total / mask.sum((1, 2)).clamp(min=1).unsqueeze(-1)


def _entropy(series: Tensor) -> Tensor:
    """(B, channels) approximate entropy, as `pipeline.systems.descriptors.approximate_entropy`."""
    tolerance = 0.2 * (series - series.mean(1, keepdim=True)).square().mean(1, keepdim=True).sqrt()
    apart = (series.unsqueeze(1) - series.unsqueeze(2)).abs()  # (B, T, T, channels)
    pairs = torch.maximum(apart[:, :-1, :-1], apart[:, 1:, 1:])
    one, two = (
        (distances <= tolerance.unsqueeze(1)).to(series.dtype).mean(2).log().mean(1) for distances in (apart, pairs)
    )
    return one - two


def _tensor(values: Floats) -> Tensor:
    out = torch.from_numpy(np.ascontiguousarray(values))
    return out if values.dtype.kind == "i" else out.float()
