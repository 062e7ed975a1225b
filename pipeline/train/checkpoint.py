"""Checkpoints of training: one safetensors file per stack, written atomically.

Tensors: `value.*`, `mean.*`, `square.*`, `step.*` (a parameter, Adam's two moments and its step count), `losses`
(epochs kept, members), `loss_epochs`. Metadata: `identity`, a digest of data, members and settings, `epoch`, the
number of epochs done, and `content`, a digest of the tensors: a damaged checkpoint is not used. Random numbers have no
state: each epoch draws them from (seed, epoch).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from data.errors import UsageError
from data.store import atomic_path


@dataclass(frozen=True)
class Checkpoint:
    """State of a stack after `epoch` epochs of the training with this `identity`."""

    identity: str
    epoch: int
    tensors: dict[str, Tensor]


def write_checkpoint(place: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically. Where that fails, raises UsageError, and the previous one remains."""
    metadata = {"identity": checkpoint.identity, "epoch": str(checkpoint.epoch), "content": _digest(checkpoint)}
    try:
        with atomic_path(place) as temporary:
            save_file(checkpoint.tensors, temporary, metadata)
    except (SafetensorError, OSError) as error:
        raise UsageError(
            f"the checkpoint cannot be written ({error})",
            where=place,
            fix="Free space on that disk and run the same command again: it resumes from the last checkpoint",
        ) from None


def read_checkpoint(place: Path, identity: str) -> Checkpoint | None:
    """The checkpoint at `place`; None where it is missing, damaged or of another training."""
    if not place.is_file():
        return None
    try:
        with safe_open(place, framework="pt") as stored:
            metadata = stored.metadata() or {}
            if metadata.get("identity") != identity:
                return None
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
            checkpoint = Checkpoint(identity, int(metadata["epoch"]), tensors)
            return checkpoint if metadata.get("content") == _digest(checkpoint) else None
    except (SafetensorError, OSError, KeyError, ValueError):
        return None


def _digest(checkpoint: Checkpoint) -> str:
    digest = hashlib.sha256(f"{checkpoint.identity} {checkpoint.epoch}".encode())
    for name, values in sorted(checkpoint.tensors.items()):
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode() + values.numpy().tobytes())
    return digest.hexdigest()
