"""Clip networks by name: the input and the outputs of each, and how it is built.

Every network takes uint8 clips and gives class logits and a pooled feature, whichever library it comes from. torch and
the libraries are imported when a network is built, so that the table can be read at no cost.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from data.errors import DataError, UsageError, nearest
from data.weights import weight_files as weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.clip_network import ClipNetwork

RANDOM = "random"  # value of the weights setting that asks, explicitly, for seeded random weights (tests and trials)
HUB = "hub"  # value of the weights setting that lets the network's library download the weights it publishes
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Backbone:
    """One clip network."""

    library: Literal["aim", "pytorchvideo", "torchvision"]  # that builds it; aim: this repository
    features: int  # channels of the pooled feature
    size: int = 224  # side of its square input in pixels
    short_side: int = 256  # the picture's short side before the centre of `size` is cut out
    least_frames: int = 1  # fewest frames it accepts
    mean: Triple = (0.45, 0.45, 0.45)  # of RGB in 0..1, subtracted
    std: Triple = (0.225, 0.225, 0.225)  # divided by
    head: str = "blocks.6.proj"  # dotted name of its last linear layer, whose input is the feature


_KINETICS: tuple[Triple, Triple] = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
_IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF: Triple = (0.5, 0.5, 0.5)


def _resnet18() -> Backbone:
    return Backbone("torchvision", 512, 112, 128, mean=_KINETICS[0], std=_KINETICS[1], head="fc")


def _swin(features: int) -> Backbone:
    return Backbone("torchvision", features, mean=_IMAGENET[0], std=_IMAGENET[1], head="head")


BACKBONES: dict[str, Backbone] = {
    "i3d_inception": Backbone("aim", 1024, mean=_HALF, std=_HALF, head=""),
    "i3d_r50": Backbone("pytorchvideo", 2048, least_frames=8),
    "c2d_r50": Backbone("pytorchvideo", 2048, least_frames=8),
    "slow_r50": Backbone("pytorchvideo", 2048, least_frames=8, head="blocks.5.proj"),
    "x3d_xs": Backbone("pytorchvideo", 2048, 160, 182, least_frames=4, head="blocks.5.proj"),
    "x3d_s": Backbone("pytorchvideo", 2048, 160, 182, least_frames=13, head="blocks.5.proj"),
    "x3d_m": Backbone("pytorchvideo", 2048, least_frames=16, head="blocks.5.proj"),
    "r3d_18": _resnet18(),
    "mc3_18": _resnet18(),
    "r2plus1d_18": _resnet18(),
    "swin3d_t": _swin(768),
    "swin3d_s": _swin(768),
    "swin3d_b": _swin(1024),
}
"""Networks by the name of the `backbone` setting, which is also their name in their library."""


def backbone(name: str) -> Backbone:
    """The entry of the table. Raises UsageError: no such network; names the nearest known one."""
    if name not in BACKBONES:
        raise UsageError(f"unknown clip network '{name}'", fix=nearest(name, BACKBONES))
    return BACKBONES[name]


def weights_identity(name: str, given: str, seed: int) -> str:
    """Identity of the weights: a SHA-256, the seed, or the library's own choice. Raises DataError: no such file."""
    if given == RANDOM:
        return f"{RANDOM}:{seed}"
    return f"{HUB}:{backbone(name).library}/{name}" if given == HUB else weights.digest(given)


def build(name: str, given: str, seed: int) -> ClipNetwork:
    """A network in evaluation mode: uint8 (batch, frame, row, column, RGB) to logits and features, see `ClipNetwork`.

    `given` is the name or path of the weights, `random` (by `seed`) or `hub`.

    Raises DataError: the weights are missing, unreadable, or belong to another network.
    """
    from models.clip_network import ClipNetwork, Tapped

    entry = backbone(name)
    if entry.library == "aim":
        network: nn.Module = _inception(given, seed)
    else:
        network = Tapped(_library_network(name, entry, given, seed), entry.head)
    built = ClipNetwork(network, entry.mean, entry.std)
    built.eval()
    return built


def _inception(given: str, seed: int) -> nn.Module:
    from models import i3d

    if given == RANDOM:
        with _seeded(seed):
            return i3d.I3D().fold()
    path = weights.whole(given)
    try:
        return i3d.load(_tensors(given)).fold()
    except ValueError as error:
        raise DataError(str(error), where=path, fix="Set clips.weights to a file of Inception I3D") from error


def _library_network(name: str, entry: Backbone, given: str, seed: int) -> nn.Module:
    if given == HUB:
        try:
            return _constructor(name, entry)(None)
        except Exception as error:  # the libraries raise whatever their downloader raises
            what = f"{entry.library} could not download its weights for {name} ({error})"
            raise DataError(what, fix="Download them by hand and set clips.weights to the file") from error
    if given == RANDOM:
        with _seeded(seed):
            return _constructor(name, entry)(400)
    path, state = weights.whole(given), _tensors(given)
    classes = state.get(f"{entry.head}.weight")
    if classes is None:
        fix = "Set clips.backbone to the network that this file belongs to"
        raise DataError(f"not the weights of {name}: '{entry.head}.weight' is missing", where=path, fix=fix)
    network = _constructor(name, entry)(int(classes.shape[0]))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[:2][-1].strip()
        raise DataError(f"not the weights of {name}: {first}", where=path) from error
    return network


def _constructor(name: str, entry: Backbone) -> Callable[[int | None], nn.Module]:
    """A function of the number of classes; None means the library's published weights."""
    if entry.library == "torchvision":
        from torchvision.models import get_model

        make = partial(get_model, name)
        return lambda classes: make(weights="DEFAULT") if classes is None else make(num_classes=classes)
    from pytorchvideo.models import hub

    make = getattr(hub, name)
    return lambda classes: make(pretrained=True) if classes is None else make(pretrained=False, model_num_class=classes)


def _tensors(given: str) -> Mapping[str, Tensor]:
    return weights.read_tensors(weights.locate(given))


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let torch draw from `seed`; outside, its generator is as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
