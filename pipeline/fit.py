"""Trains many members: grouped into stacks, each stack resumable to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.aim_config import AimConfig, AimSizes
from models.stacked import StackData
from pipeline.recipes import TrainConfig
from pipeline.stack import Member, Stack, Stop

Progress = Callable[[int, int], None]
"""Called with (epochs done, epochs in all)."""


@dataclass(frozen=True)
class Fitted:
    """Trained parameters of all members and their training loss by epoch.

    Attributes:
        state: parameter name to stacked values (M, ...), on the CPU.
        losses: (epochs kept, M) mean training loss of an epoch.
        loss_epochs: which epochs those are, counted from 1.
    """

    state: dict[str, Tensor]
    losses: NDArray[np.float64]
    loss_epochs: tuple[int, ...]


def fit_members(
    data: StackData,
    members: Sequence[Member],
    sizes: AimSizes,
    model: AimConfig,
    config: TrainConfig,
    *,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Fitted:
    """Train every member; those with as many batches an epoch train as one stack.

    Args:
        data: inputs and labels.
        members: what to train, at least one.
        sizes: of the inputs.
        model: the network.
        config: the recipe.
        checkpoints: folder that keeps unfinished training; a call with the same inputs and settings goes on there
            and ends with the same bits as an undisturbed one.
        progress: called after every epoch.
        stop: asked after every epoch; true ends training.

    Raises:
        Cancelled: `stop` said so; the state is in `checkpoints`.
        ValueError: the sizes do not allow the model.
    """
    groups = group_by_batches(members, config.batch)
    trained: dict[int, tuple[dict[str, Tensor], NDArray[np.float64]]] = {}
    kept: tuple[int, ...] = ()
    for number, indices in enumerate(groups):
        stack = Stack(data, [members[i] for i in indices], sizes, model, config)
        place = None if checkpoints is None else checkpoints / f"stack-{number:03d}.safetensors"
        for done in stack.run(place, stop):
            if progress is not None:
                progress(number * config.epochs + done, config.epochs * len(groups))
        kept = tuple(stack.loss_epochs)
        losses = np.array(stack.losses)  # (epochs kept, members of this stack)
        for position, index in enumerate(indices):
            trained[index] = (stack.state(position), losses[:, position])
    ordered = [trained[index] for index in range(len(members))]
    joined = {name: torch.stack([state[name] for state, _ in ordered]) for name in ordered[0][0]}
    return Fitted(joined, np.stack([losses for _, losses in ordered], axis=1), kept)


def group_by_batches(members: Sequence[Member], batch: int) -> list[list[int]]:
    """Indices of the members by their number of batches an epoch, so that each keeps those it would have alone."""
    found: dict[int, list[int]] = {}
    for index, member in enumerate(members):
        count = 1 if batch == 0 else -(-len(member.rows) // batch)
        found.setdefault(count, []).append(index)
    return [indices for _, indices in sorted(found.items())]
