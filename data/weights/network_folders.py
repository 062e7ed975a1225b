"""Folders of networks in the format of `transformers`, local or from the Hugging Face Hub.

Weights are read from `.safetensors` files only, and no code of a folder runs.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data.errors import DataError, WeightsError, first_line, of_extra
from data.store import expanded, read_json
from data.store.scratch import working_folder
from data.weights.registry import Announce
from data.weights.weight_files import digest, read_weights, safetensors_metadata, weights_dir

CONFIG, PROCESSORS = "config.json", ("video_preprocessor_config.json", "preprocessor_config.json")
WEIGHTS = ("model.safetensors", "model-[0-9]*-of-[0-9]*.safetensors")  # one file, or its parts
MAX_CONFIG = 1 << 24  # bytes
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class NetworkFolder:
    """One network."""

    name: str  # as it was given
    config: Mapping[str, Any]  # of the network
    processor: Mapping[str, Any]  # how pictures become its input
    digest: str  # SHA-256 of the network's configuration and of the files of weights
    contents: Callable[[], Iterator[bytes]]  # the files of weights, one after another


def network_folder(name: str) -> NetworkFolder:
    """The network in a folder, or downloaded from the hub by `fetch_network`. Raises WeightsError."""
    folder = _place(name)
    if not folder.is_dir():
        raise WeightsError("no such model", where=name, fix="Give a folder, or a name on the hub such as owner/model")
    files = next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])
    if not files:
        fix = "Save the model again: model.save_pretrained(FOLDER) writes model.safetensors"
        raise WeightsError("no model.safetensors in this folder; other weights are not read", where=folder, fix=fix)
    for file in files:
        safetensors_metadata(file)  # raises for a damaged file or another format
    processor = next(
        (path for path in (folder / file_name for file_name in PROCESSORS) if path.is_file()), folder / PROCESSORS[0]
    )
    config, parts = _object(folder / CONFIG), [digest(str(path)) for path in (folder / CONFIG, *files)]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return NetworkFolder(name, config, _object(processor), key, partial(map, read_weights, files))


def fetch_network(name: str, announce: Announce) -> None:
    """Download a model of the hub, if missing. Raises UsageError: no library; WeightsError: failed."""
    folder = _place(name)
    if folder.exists() or not HUB_NAME.fullmatch(name):
        return
    with of_extra("transformers", "the hub", where=name):
        from huggingface_hub import snapshot_download
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with working_folder(folder.parent, ".weights-") as scratch:
            announce(f"downloading {name}")
            made = scratch / "model"
            # Any revision is safe: only safetensors are read, no code runs, and the key has their hash.
            snapshot_download(name, local_dir=made, allow_patterns=[CONFIG, *PROCESSORS, *WEIGHTS])  # nosec B615
            os.replace(made, folder)
    except Exception as error:  # errors of the downloader pass through the library
        fix = "Try again with a network connection, or give the folder of a copy"
        raise WeightsError(f"the model cannot be downloaded ({first_line(error)})", where=name, fix=fix) from error


def _place(name: str) -> Path:
    path = expanded(name)
    if path.exists() or not HUB_NAME.fullmatch(name):
        return path
    return weights_dir() / "hub" / name.replace("/", "--")


def _object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises WeightsError: a missing file, or not an object."""
    try:
        made = read_json(path, MAX_CONFIG)
    except (OSError, ValueError, DataError):
        made = None
    if not isinstance(made, dict):
        raise WeightsError("missing, or not a JSON object", where=path, fix="Save the model and its processor again")
    return made
