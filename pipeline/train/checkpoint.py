"""Checkpoints of training: one safetensors file per stack, written atomically.

Tensors: `value.*`, `mean.*`, `square.*`, `step.*` (a parameter, Adam's two moments and its step count), `losses`
(epochs kept, members), `loss_epochs`. Metadata: `identity`, a digest of data, members and settings, `epoch`, the
number of finished epochs, `code`, and `content`, a digest of the tensors. A damaged checkpoint, or one of other code,
is ignored. Random numbers have no state: each epoch draws them from (seed, epoch).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from data.errors import UsageError
from data.store import atomic_path
from pipeline.settings.environment import installed_version

Tensors = dict[str, Tensor]

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]

CODE = (
    "data",
    "extractors/timesteps",
    "models",
    "pipeline/settings",
    "pipeline/train",
    "pipeline/systems",
    "pipeline/folds",
)
"""Folders whose modules a training runs; a test lists their imports from elsewhere."""

LIBRARIES = ("torch", "scikit-learn", "numpy", "scipy")
"""Libraries whose code a training runs."""


def write_checkpoint(path: Path, identity: str, epoch: int, tensors: Tensors) -> None:
    """Write the state after `epoch` epochs atomically. Raises UsageError if that fails; the previous state remains."""
    metadata = {"identity": identity, "epoch": str(epoch), "content": _content(identity, epoch, tensors)}
    metadata["code"] = code_digest()
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata)
    except (SafetensorError, OSError) as error:
        raise UsageError(
            f"the checkpoint cannot be written ({error})",
            where=path,
            fix="Free space on that disk and run the same command again: it resumes from the last checkpoint",
        ) from None


def read_checkpoint(path: Path | None, identity: str) -> tuple[int, Tensors] | None:
    """Epoch and tensors of the checkpoint at `path`; None if it is missing, damaged, of another training or code."""
    if path is None or not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
            if (metadata.get("identity"), metadata.get("code")) != (identity, code_digest()):
                return None
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
            epoch = int(metadata["epoch"])
            return (epoch, tensors) if metadata.get("content") == _content(identity, epoch, tensors) else None
    except (SafetensorError, OSError, KeyError, ValueError):
        return None


@cache
def code_digest() -> str:
    """SHA-256 of the code of trainings and of the versions of `LIBRARIES`."""
    digest = hashlib.sha256(json.dumps([installed_version(name) for name in LIBRARIES]).encode())
    for folder in CODE:
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _content(identity: str, epoch: int, tensors: Tensors) -> str:
    names = sorted(tensors)
    return digest_of([identity, epoch, names], [tensors[name] for name in names])


def digest_of(description: Any, arrays: Iterable[Tensor | NDArray[Any]]) -> str:
    """SHA-256 of JSON types and of arrays with their shapes and types."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for array in arrays:
        values = np.ascontiguousarray(array.cpu() if isinstance(array, Tensor) else array)
        digest.update(f"{values.dtype} {values.shape}".encode() + values.tobytes())
    return digest.hexdigest()


def with_prefix(values: Mapping[str, T], prefix: str) -> dict[str, T]:
    """The values whose names start with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
