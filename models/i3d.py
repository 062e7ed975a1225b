"""Inception I3D (RGB): tensors in, class logits and pooled features out.

Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017: the Inception-v1 network inflated to 3-D, as
published with its Kinetics-400 weights. Four details differ in many ports: TensorFlow's "SAME" padding, with the odd
zero at the end, also in pooling; batch normalisation with eps 1e-3; a 2-frame average before the class layer; logits
averaged over time.

Parameters have the names of the common PyTorch port (`Conv3d_1a_7x7.conv3d.weight`, `Mixed_3b.b1b.bn.running_mean`,
`logits.conv3d.bias`), so its state dict loads unchanged; `from_tf` renames tensors from the published TensorFlow
layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

BATCH_NORM_EPS = 1e-3
FEATURES = 1024  # channels of the pooled feature

_MIXED = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Inception blocks: input channels, then the output channels of branches 0, 1a, 1b, 2a, 2b, 3b."""

Kernel = tuple[int, int, int]

_POOLS: dict[str, tuple[Kernel, Kernel]] = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}
"""Kernel and stride of the pooling before a block."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one axis in TensorFlow's "SAME" scheme, with the odd zero at the end.

    >>> same_padding(224, 7, 2), same_padding(112, 3, 2), same_padding(28, 3, 1)
    ((2, 3), (0, 1), (1, 1))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _pads(x: Tensor, kernel: Kernel, stride: Kernel) -> list[tuple[int, int]]:
    """Zeros before and after the frames, rows and columns of (batch, channel, frame, row, column)."""
    return [same_padding(int(size), k, s) for size, k, s in zip(x.shape[2:], kernel, stride, strict=True)]


def _padded(x: Tensor, pads: list[tuple[int, int]]) -> Tensor:
    flat = [zeros for pair in reversed(pads) for zeros in pair]
    return functional.pad(x, flat) if any(flat) else x


def max_pool(x: Tensor, kernel: Kernel, stride: Kernel) -> Tensor:
    """ "SAME" max pooling of (batch, channel, frame, row, column), one axis after the other.

    Pooling along one axis at a time takes 9 comparisons instead of 27. The padding is 0, and TensorFlow's is minus
    infinity; the results agree because every input follows a ReLU.
    """
    x = _padded(x, _pads(x, kernel, stride))
    for axis in range(3):
        if kernel[axis] > 1 or stride[axis] > 1:
            window = [kernel[i] if i == axis else 1 for i in range(3)]
            step = [stride[i] if i == axis else 1 for i in range(3)]
            x = functional.max_pool3d(x, window, step)
    return x


class Unit3D(nn.Module):
    """Convolution with "SAME" padding, batch normalisation and ReLU; the class layer has only a bias."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel, stride: Kernel = (1, 1, 1), *, last: bool = False):
        super().__init__()
        self.kernel, self.stride, self.last = kernel, stride, last
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=last)
        self.bn: nn.Module = nn.Identity() if last else nn.BatchNorm3d(outputs, eps=BATCH_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, frame, row, column) to (batch, outputs, ceil(frame / stride), ...)."""
        pads = _pads(x, self.kernel, self.stride)
        if all(before == after for before, after in pads):  # padding inside the convolution saves a copy
            x = functional.conv3d(x, self.conv3d.weight, self.conv3d.bias, self.stride, [before for before, _ in pads])
        else:
            x = self.conv3d(_padded(x, pads))
        return x if self.last else functional.relu(self.bn(x))


class Inception(nn.Module):
    """Four parallel branches: 1x1; 1x1 then 3x3x3; 1x1 then 3x3x3; pooling then 1x1."""

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        one, three = (1, 1, 1), (3, 3, 3)
        self.b0 = Unit3D(inputs, widths[0], one)
        self.b1a, self.b1b = Unit3D(inputs, widths[1], one), Unit3D(widths[1], widths[2], three)
        self.b2a, self.b2b = Unit3D(inputs, widths[3], one), Unit3D(widths[3], widths[4], three)
        self.b3b = Unit3D(inputs, widths[5], one)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, frame, row, column) to the sum of widths 0, 2, 4 and 5 as channels."""
        pooled = max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


class I3D(nn.Module):
    """The published network, with 400 `classes` for Kinetics-400."""

    def __init__(self, classes: int = 400) -> None:
        super().__init__()
        self.add_module("Conv3d_1a_7x7", Unit3D(3, 64, (7, 7, 7), (2, 2, 2)))
        self.add_module("Conv3d_2b_1x1", Unit3D(64, 64, (1, 1, 1)))
        self.add_module("Conv3d_2c_3x3", Unit3D(64, 192, (3, 3, 3)))
        for name, (inputs, widths) in _MIXED.items():
            self.add_module(name, Inception(inputs, widths))
        self.logits = Unit3D(FEATURES, classes, (1, 1, 1), last=True)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, classes) and features (batch, 1024) of a clip (batch, 3, frames, 224, 224), RGB in [-1, 1].

        Both are averaged over time, so `logits` is the class layer applied to `features`. The published network
        averages two adjacent time steps, so it refuses clips below 9 frames. Here such clips have one time step, which
        is used unchanged. Pictures of another size are averaged over the whole plane.
        """
        x = clip
        for name, module in list(self.named_children())[:-1]:
            if name in _POOLS:
                x = max_pool(x, *_POOLS[name])
            x = module(x)
        x = x.mean((3, 4))  # (batch, 1024, time)
        if x.shape[2] > 1:
            x = (x[:, :, 1:] + x[:, :, :-1]) / 2
        features = x.mean(2)
        logits = self.logits(features[:, :, None, None, None])[:, :, 0, 0, 0]
        return logits, features

    def fold(self) -> I3D:
        """Fold every batch normalisation into its convolution, in place; for inference only. Returns itself.

        The function stays the same, with one pass over the data saved.
        """
        for unit in self.eval().modules():
            if isinstance(unit, Unit3D) and isinstance(unit.bn, nn.BatchNorm3d):
                kind = unit.conv3d.weight.dtype
                unit.conv3d, unit.bn = fuse_conv_bn_eval(unit.conv3d.double(), unit.bn.double()).to(kind), nn.Identity()
        return self.requires_grad_(False)


def load(tensors: Mapping[str, Tensor]) -> I3D:
    """I3D in evaluation mode, with weights in TensorFlow's or PyTorch's layout.

    Raises ValueError, RuntimeError: weights of another network.
    """
    state = from_tf(tensors) if any(key.startswith("params/") for key in tensors) else dict(tensors)
    if "logits.conv3d.weight" not in state:
        raise ValueError("no class layer: neither 'params/Logits/Conv3d_0c_1x1/...' nor 'logits.conv3d.weight'")
    network = I3D(classes=int(state["logits.conv3d.weight"].shape[0]))
    # TensorFlow's layout lacks the batch counters, which evaluation does not use.
    counters = {key: value for key, value in network.state_dict().items() if key.endswith("num_batches_tracked")}
    network.load_state_dict(counters | state)
    return network.eval()


_BRANCHES = {
    "Branch_0/Conv3d_0a_1x1": "b0",
    "Branch_1/Conv3d_0a_1x1": "b1a",
    "Branch_1/Conv3d_0b_3x3": "b1b",
    "Branch_2/Conv3d_0a_1x1": "b2a",
    "Branch_2/Conv3d_0b_3x3": "b2b",
    "Branch_2/Conv3d_0a_3x3": "b2b",  # the name in Mixed_5b of the first publication
    "Branch_3/Conv3d_0b_1x1": "b3b",
}

_TF_KEY = re.compile(
    r"(?:params|batch_stats)/(?P<block>Conv3d_\w+|Mixed_\w+|Logits)/(?P<unit>.*?/)?"
    r"(?P<layer>Conv_0|BatchNorm_0)/(?P<kind>kernel|bias|mean|var)"
)


def from_tf(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert TensorFlow's names and layouts to PyTorch's.

    Kernels (frame, row, column, in, out) become (out, in, frame, row, column). Statistics of any shape become
    (channel,). The published batch normalisation has no scale, so the scale becomes 1.

    Raises ValueError: an unknown key.
    """
    state: dict[str, Tensor] = {}
    for key, value in tensors.items():
        match = _TF_KEY.fullmatch(key)
        if match is None:
            raise ValueError(f"'{key}' is not a tensor of the published I3D")
        prefix, unit = match["block"].replace("Logits", "logits"), (match["unit"] or "").rstrip("/")
        if prefix.startswith("Mixed_"):
            if unit not in _BRANCHES:
                raise ValueError(f"'{key}' is not a tensor of the published I3D")
            prefix = f"{prefix}.{_BRANCHES[unit]}"
        if match["layer"] == "Conv_0":
            tensor = value.permute(4, 3, 0, 1, 2).contiguous() if match["kind"] == "kernel" else value.reshape(-1)
            state[f"{prefix}.conv3d.{'weight' if match['kind'] == 'kernel' else 'bias'}"] = tensor
        else:
            name = {"bias": "bias", "mean": "running_mean", "var": "running_var"}[match["kind"]]
            state[f"{prefix}.bn.{name}"] = value.reshape(-1)
            state[f"{prefix}.bn.weight"] = torch.ones(value.numel(), dtype=value.dtype)
    return state
