"""Weights published by torchvision and pytorchvideo: downloaded by these libraries, stored as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.weights.registry import Announce
from data.weights.weight_files import keep_download, library_version, weights_dir

FIX = "Try again with a network connection, or download the weights by hand and set clips.weights_file to it"


def published_path(library: str, network: str) -> Path:
    """The path for the weights that the installed version of a library offers for a network.

    Raises UsageError: the library is not installed.
    """
    return weights_dir() / f"{library}-{library_version(library)}-{network}.safetensors"


def keep_published(library: str, network: str, announce: Announce) -> None:
    """Download the weights of a network to `published_path`, if they are missing. Raises as `keep_download`."""
    path = published_path(library, network)
    keep_download(path, path.stem, partial(_download, library, network, path.name), FIX, announce)


def _download(library: str, network: str, name: str, folder: Path) -> Path:
    from safetensors.numpy import save

    made, tensors = folder / name, _tensors(library, network)
    made.write_bytes(save({key: np.ascontiguousarray(values) for key, values in tensors.items()}))
    return made


def _tensors(library: str, network: str) -> Mapping[str, NDArray[np.generic]]:
    """The tensors of a library's network with its published weights."""
    if library == "torchvision":
        from torchvision.models import get_model

        made = get_model(network, weights="DEFAULT")
    else:
        from pytorchvideo.models import hub

        made = getattr(hub, network)(pretrained=True)
    return {key: values.numpy() for key, values in made.state_dict().items()}
