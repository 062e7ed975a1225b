"""Clip networks by name, with their inputs and outputs, and their construction.

torch and the libraries are imported only to build a network, so reading the table is fast.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import TYPE_CHECKING, Literal, cast

from data.errors import UsageError, WeightsError, nearest
from data.stage_files import StageFiles
from data.weights.published_weights import published_path
from data.weights.registry import Announce
from data.weights.weight_files import library_version
from extractors.clips import transformer_models
from extractors.state_dicts import read_tensors

if TYPE_CHECKING:
    from torch import nn

    from models.clip_network import ClipNetwork

RANDOM = "random"  # setting for seeded random weights (tests and trials)
HUB = "hub"  # setting for the published weights, downloaded by the network's library
Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Backbone:
    """One clip network."""

    library: Literal["aim", "pytorchvideo", "torchvision", "transformers"]  # source of the network; aim: this program
    features: int  # channels of the pooled feature
    size: int = 224  # side of its square input in pixels
    short_side: int = 256  # the picture's short side before the centre crop of `size`
    resized_first: bool = False  # whether the whole picture is resized before the crop, not only the crop
    least_frames: int = 1  # minimum number of frames
    mean: Rgb = (0.45, 0.45, 0.45)  # of RGB in 0..1, subtracted
    std: Rgb = (0.225, 0.225, 0.225)  # divided by
    fps: float = 0.0  # frame rate of its clips; 0: that of the video
    head: str = "blocks.6.proj"  # dotted name of its last linear layer, whose input is the feature


_RESNET18 = Backbone(
    "torchvision", 512, 112, 128, mean=(0.43216, 0.394666, 0.37645), std=(0.22803, 0.22145, 0.216989), head="fc"
)
_SWIN = Backbone("torchvision", 768, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), head="head")

BACKBONES: dict[str, Backbone] = {
    "i3d_inception": Backbone("aim", 1024, mean=(0.5,) * 3, std=(0.5,) * 3, head=""),
    "i3d_r50": Backbone("pytorchvideo", 2048, least_frames=8),
    "c2d_r50": Backbone("pytorchvideo", 2048, least_frames=8),
    "slow_r50": Backbone("pytorchvideo", 2048, least_frames=8, head="blocks.5.proj"),
    "x3d_xs": Backbone("pytorchvideo", 2048, 160, 182, least_frames=4, head="blocks.5.proj"),
    "x3d_s": Backbone("pytorchvideo", 2048, 160, 182, least_frames=13, head="blocks.5.proj"),
    "x3d_m": Backbone("pytorchvideo", 2048, least_frames=16, head="blocks.5.proj"),
    "r3d_18": _RESNET18,
    "mc3_18": _RESNET18,
    "r2plus1d_18": _RESNET18,
    "swin3d_t": _SWIN,
    "swin3d_s": _SWIN,
    "swin3d_b": replace(_SWIN, features=1024),
    "transformers": Backbone("transformers", 0, size=0),  # the model's own configurations have the rest
}
"""Networks by the name of the `backbone` setting, which is also their name in their library."""


def backbone(name: str) -> Backbone:
    """The entry of the table. Raises UsageError, which suggests a similar name: an unknown network."""
    if name not in BACKBONES:
        raise UsageError(f"unknown clip network '{name}'", fix=nearest(name, BACKBONES))
    return BACKBONES[name]


def network_identity(name: str, weights: str, seed: int, files: StageFiles) -> dict[str, str]:
    """The identity of a network: a SHA-256 of its weights, or their seed, and the library with its version.

    Raises WeightsError: no such file; UsageError: the library is not installed.
    """
    entry = backbone(name)
    if entry.library == "transformers":
        folder = files.network_folder(weights)
        identity = {"weights": folder.digest, "input": json.dumps(transformer_models.input_of(folder))}
    else:
        identity = {"weights": f"{RANDOM}:{seed}" if weights == RANDOM else files.digest(_file(name, weights))}
    if entry.library != "aim":
        identity["library"] = f"{entry.library} {library_version(entry.library)}"
    return identity


def with_input(name: str, weights: str, files: StageFiles) -> Backbone:
    """The entry of a network; a model of `transformers` states its input. Raises WeightsError."""
    entry = backbone(name)
    return replace(entry, **transformer_models.input_of(files.network_folder(weights))) if entry.size == 0 else entry


def fetch_published(name: str, weights: str, files: StageFiles, announce: Announce) -> None:
    """Download the weights of `hub`, or a model of the Hugging Face Hub. Raises WeightsError if that fails."""
    if backbone(name).library == "transformers":
        files.fetch_network(weights, announce)
    if weights == HUB:
        files.fetch_published(backbone(name).library, name, announce)


def _file(name: str, weights: str) -> str:
    """The name or path of a file of weights; for `hub`, the file that `fetch_published` keeps."""
    return str(published_path(backbone(name).library, name)) if weights == HUB else weights


def build(name: str, weights: str, seed: int, files: StageFiles) -> ClipNetwork:
    """A network in evaluation mode: uint8 (batch, frame, row, column, RGB) to logits and features, see `ClipNetwork`.

    `weights` is the name or path of the weights, `random` (by `seed`) or `hub`; for `transformers` a folder or a name.

    Raises WeightsError: the weights are missing, unreadable, or belong to another network.
    """
    import torch

    from models import i3d
    from models.clip_network import ClipNetwork, Tapped

    entry = with_input(name, weights, files)
    with torch.random.fork_rng(devices=[]):
        if entry.library == "transformers":
            network = transformer_models.build(files.network_folder(weights))
        elif weights != RANDOM:
            network = _with_weights(name, entry, _file(name, weights), files)
        else:
            torch.manual_seed(seed)
            network = i3d.I3D() if entry.library == "aim" else _construct(name, entry, 400)
        if entry.library != "transformers":
            network = network.fold() if isinstance(network, i3d.I3D) else Tapped(network, entry.head)
    built = ClipNetwork(network, entry.mean, entry.std)
    built.eval()
    return built


def _with_weights(name: str, entry: Backbone, file: str, files: StageFiles) -> nn.Module:
    from models import i3d

    state, head = read_tensors(files.content(file), file), f"{entry.head}.weight"
    try:
        if entry.library == "aim":
            return i3d.load(state)
        if head not in state:
            raise ValueError(f"'{head}' is missing")
        network = _construct(name, entry, int(state[head].shape[0]))
        network.load_state_dict(state)
    except (ValueError, RuntimeError) as error:
        reason = shorten(str(error).splitlines()[:2][-1].rstrip(". "), 160)
        fix = f"Set clips.weights_file to a file of {name}, or clips.backbone to the network of this file"
        raise WeightsError(f"not the weights of {name}: {reason}", where=file, fix=fix) from error
    return network


def _construct(name: str, entry: Backbone, classes: int) -> nn.Module:
    """A library's network with this number of classes and random weights."""
    if entry.library == "torchvision":
        from torchvision.models import get_model

        return cast("nn.Module", get_model(name, num_classes=classes))
    from pytorchvideo.models import hub

    return cast("nn.Module", getattr(hub, name)(model_num_class=classes))
