"""The training of one stack of networks: batches, steps, losses, checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from data.errors import Cancelled
from data.store.arrays import Integers, Rows
from models.aim import AimInputs
from models.aim_config import AimConfig, AimSizes
from models.comparisons import NetworkConfig, build_network
from models.layers import Layers
from models.losses import aim_loss
from models.stacked import FoldData, MemberDropout, predict_members
from pipeline.settings.train_config import TrainConfig
from pipeline.train.checkpoint import digest_of, read_checkpoint, write_checkpoint
from pipeline.train.feature_set import FeatureSet

Stop = Callable[[], bool]
"""Called after every epoch; true stops training after a checkpoint."""

EpochsDone = Callable[[int], None]
"""Takes the number of finished epochs."""

CHECKPOINT_S = 10.0
"""Seconds between checkpoints. The first follows the first epoch, so that a full disk shows early."""

HISTORY = 200
"""Approximate number of training losses kept per member."""

CPU = torch.device("cpu")

NO_ROWS: Rows = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True)
class Member:
    """One network to train."""

    number: int  # among the networks of its fold
    fold: int  # index of its normalisation in the `FoldData`
    rows: Rows  # (k,) its training rows
    seed: int  # of its start values, batches and dropout
    start: float = float("nan")  # initial bias of the last layer, in the training scale; NaN keeps the random value
    test: Rows = field(default_factory=lambda: NO_ROWS)  # (m,) rows to score after every watched epoch


Batch = tuple[Integers, Integers]
"""Rows (M, B), padded for shorter batches, and the number of real rows (M,) of each member."""


def draw_batches(members: Sequence[Member], generators: Sequence[np.random.Generator], batch: int) -> list[Batch]:
    """Each member's rows in random order, split into as few batches as `batch` allows.

    Batch sizes of a member differ by at most one, so that no step has only a few rows: 188 rows at 64 give 63, 63 and
    62. With one batch, or `batch` 0, the rows keep their order.
    """
    steps = max(batch_count(member, batch) for member in members)
    parts = []
    for member, generator in zip(members, generators, strict=True):
        order = member.rows if steps == 1 else generator.permutation(member.rows)
        parts.append(np.array_split(order, steps))
    longest = max(len(part) for split in parts for part in split)
    return [(_padded(split, longest), np.array(list(map(len, split)))) for split in zip(*parts, strict=True)]


def begin_epoch(
    optimizer: torch.optim.Optimizer, members: Sequence[Member], config: TrainConfig, epoch: int
) -> tuple[list[np.random.Generator], list[Batch]]:
    """Set the learning rate of an epoch; returns each member's generator and the batches."""
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate(epoch)
    generators = [np.random.Generator(np.random.SFC64([member.seed, epoch])) for member in members]
    return generators, draw_batches(members, generators, config.batch)


def loss_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs, counted from 1, whose training loss is kept, including the last."""
    every = max(1, epochs // HISTORY)
    return tuple(sorted({*range(every, epochs + 1, every), epochs}))


def batch_count(member: Member, batch: int) -> int:
    """Number of batches per epoch."""
    return 1 if batch == 0 else -(-len(member.rows) // batch)


class StackTraining:
    """A stack of members with the same number of batches per epoch, their optimiser and their losses.

    Args:
        device: where the stack trains.
        digest: hash of `data`; only checkpoints need it. A checkpoint of the same `identity` is resumed.
        watch: epochs, counted from 1, after which every member scores its `test` rows. `watched` has (members, most
            test rows) per epoch, in the training scale; members with fewer test rows are padded.
    """

    def __init__(
        self,
        data: FoldData,
        members: Sequence[Member],
        model: NetworkConfig,
        config: TrainConfig,
        device: torch.device = CPU,
        digest: str = "",
        watch: Sequence[int] = (),
    ) -> None:
        self.device, self.members, self.config = device, members, config
        self.data = _narrow(data, model).to(self.device, torch.float32)
        sizes = input_sizes(data.inputs)
        self.net = build_network(model, sizes, Layers(len(members)))
        steps = data.inputs.scene.shape[2]
        starts = torch.tensor([member.start / steps for member in members])
        self.net.start([torch.Generator().manual_seed(member.seed) for member in members], starts)
        self.net.to(self.device)
        self.folds = torch.tensor([member.fold for member in members], device=self.device)
        self.optimizer = torch.optim.Adam(
            self.net.parameters(), lr=config.learning_rate(0), weight_decay=config.weight_decay, fused=True
        )
        self.losses: list[list[float]] = []
        self.watch, self.watched = frozenset(watch), list[Tensor]()
        tests = [member.test for member in members]
        self.tested = torch.from_numpy(_padded(tests, max(map(len, tests)))).to(self.device)
        numbers = [(member.number, member.fold, member.seed, member.start) for member in members]
        self.identity = digest_of(
            [digest, config.dump(), asdict(model), asdict(sizes), sorted(watch), numbers, device.type],
            [rows for member in members for rows in (member.rows, member.test)],
        )

    def run(self, path: Path | None, tell: EpochsDone, stop: Stop) -> None:
        """Train to the end, resuming from the checkpoint at `path` if it is of the same training.

        Raises Cancelled if `stop` returns true before the end; the checkpoint at `path` then holds the state.
        """
        first, written = self._resume(path), float("-inf")
        tell(first)
        for epoch in range(first, self.config.epochs):
            loss, done = self.epoch(epoch), epoch + 1
            last = done == self.config.epochs
            if done in loss_epochs(self.config.epochs):
                self.losses.append(loss.tolist())
            if done in self.watch:
                self.watched.append(predict_members(self.net, self.data, self.folds, rows=self.tested).score.cpu())
            stopping = not last and stop()
            if path is not None and (last or stopping or monotonic() - written >= CHECKPOINT_S):
                write_checkpoint(path, self.identity, done, self._snapshot())
                written = monotonic()
            tell(done)
            if stopping:
                raise Cancelled

    def epoch(self, epoch: int) -> Tensor:
        """One pass over every member's training rows; returns the mean loss (M,)."""
        generators, batches = begin_epoch(self.optimizer, self.members, self.config, epoch)
        total = torch.zeros(len(self.members), device=self.device)
        for rows, counts in batches:
            total += self.step(rows, counts, MemberDropout(generators, counts.tolist()))
        return (total / len(batches)).cpu()

    def step(self, rows: Integers, counts: Integers, dropout: MemberDropout) -> Tensor:
        """One step of Adam on rows (M, B), the first `counts` (M,) of them real; returns the loss (M,) before it."""
        x, targets, weights = self.data.gather(self.folds, torch.from_numpy(rows).to(self.device))
        if (counts < rows.shape[1]).any():
            real = torch.arange(rows.shape[1]) < torch.from_numpy(counts).unsqueeze(1)  # (M, B)
            weights = weights * real.to(self.device).unsqueeze(-1)
        loss = aim_loss(self.net(x, dropout), targets, weights, self.config.theta, self.config.rank_weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        self.optimizer.step()
        return loss.detach()

    def watched_scores(self) -> tuple[Tensor, ...]:
        """Per member (epochs watched, m), the scores of its `test` rows."""
        scores = torch.stack(self.watched) if self.watched else torch.zeros(0, *self.tested.shape)
        return tuple(scores[:, m, : len(member.test)] for m, member in enumerate(self.members))

    def _snapshot(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.net.named_parameters():
            moments = self.optimizer.state[parameter]
            tensors |= {f"value.{name}": parameter.detach(), f"mean.{name}": moments["exp_avg"]}
            tensors |= {f"square.{name}": moments["exp_avg_sq"], f"step.{name}": moments["step"]}
        kept = torch.tensor(self.losses, dtype=torch.float64).reshape(len(self.losses), len(self.members))
        epochs = torch.tensor(loss_epochs(self.config.epochs)[: len(self.losses)], dtype=torch.int64)
        tensors |= {"losses": kept, "loss_epochs": epochs}
        tensors |= {"watched": torch.stack(self.watched)} if self.watched else {}
        return {name: values.cpu().contiguous() for name, values in tensors.items()}

    @torch.no_grad()
    def _resume(self, path: Path | None) -> int:
        epoch, tensors = read_checkpoint(path, self.identity) or (0, {})
        if not tensors:
            return 0
        for name, parameter in self.net.named_parameters():
            parameter.copy_(tensors[f"value.{name}"])
            self.optimizer.state[parameter] = {
                "step": tensors[f"step.{name}"].to(self.device),
                "exp_avg": tensors[f"mean.{name}"].to(self.device),
                "exp_avg_sq": tensors[f"square.{name}"].to(self.device),
            }
        self.losses = tensors["losses"].tolist()
        self.watched = list(tensors.get("watched", ()))
        return epoch


def input_sizes(inputs: FeatureSet | AimInputs) -> AimSizes:
    """The sizes of a network that reads these inputs."""
    agents, secondary = inputs.secondary.shape[-2:]
    trial = inputs.trial.shape[-1] if isinstance(inputs, FeatureSet) else 0
    return AimSizes(inputs.primary.shape[-1], secondary, agents, inputs.scene.shape[-1], trial)


def _narrow(data: FoldData, model: NetworkConfig) -> FoldData:
    """The data without trailing scene entries that are 0 in all rows (`scene_components`), if the network allows it."""
    if isinstance(model, AimConfig) and model.variant == "scene_agents":
        return data
    used = data.inputs.scene.flatten(0, -2).any(0).nonzero()
    width = int(used.max()) + 1 if len(used) else min(1, data.inputs.scene.shape[-1])
    return replace(data, inputs=replace(data.inputs, scene=data.inputs.scene[..., :width]))


def _padded(rows: Sequence[Rows], longest: int) -> Integers:
    """(len(rows), longest) padded with each first entry, or with 0 if empty."""
    out = np.zeros((len(rows), longest), dtype=np.int64)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
        out[number, len(row) :] = row[0] if len(row) else 0
    return out
