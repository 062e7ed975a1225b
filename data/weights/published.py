"""Weights that a library publishes and downloads by itself, kept as one file that can be hashed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError, UsageError
from data.store import write_bytes
from data.weights.registry import Progress
from data.weights.weight_files import weights_dir


def library_version(package: str) -> str:
    """The version of an installed package, without the part that names a device. Raises UsageError: not installed."""
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        what = f"package '{package}' is not installed for {sys.executable}"
        raise UsageError(what, fix=f"Type: python -m pip install {package}") from None


def published_path(library: str, version: str, network: str) -> Path:
    """The file of the weights that this version of a library publishes for a network."""
    return weights_dir() / f"{library}-{version}-{network}.safetensors"


def keep_published(path: Path, load: Callable[[], Mapping[str, NDArray[np.generic]]], progress: Progress) -> None:
    """Write the tensors of `load`, which downloads them, to `path` where it is not there yet.

    Raises DataError where the download fails or the folder cannot be written.
    """
    if path.is_file():
        return
    from safetensors.numpy import save

    fix = "Try again with a network connection, or download the weights by hand and set clips.weights to the file"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        progress(f"downloading {path.stem}")
        tensors: dict[str, Any] = {name: np.ascontiguousarray(values) for name, values in load().items()}
        write_bytes(path, save(tensors))
    except Exception as error:  # the libraries raise whatever their downloader raises
        cause = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DataError(f"these weights cannot be downloaded ({cause})", where=path, fix=fix) from error
