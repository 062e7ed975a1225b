"""Trains many members in stacks; a resumed stack ends with the same bits."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.store.arrays import Floats
from models.aim_config import AimSizes
from models.comparisons import NetworkConfig, build_network
from models.layers import Layers
from models.stacked import FoldData
from pipeline.observer import CountDone
from pipeline.pool import Pool, Start, Tell, ThreadPool, run_items
from pipeline.settings.machine import Device
from pipeline.settings.train_config import TrainConfig
from pipeline.train.checkpoint import digest_of
from pipeline.train.stack_training import Member, StackTraining, Stop, batch_count, input_sizes

STACK_PARAMETERS = 3_000_000
"""Parameters of a CPU stack are kept below this number (12 MB, and as much for the gradient and each moment)."""


@dataclass(frozen=True)
class TrainingControl:
    """Where a training runs, its progress and its stop; independent of the method."""

    checkpoints: Path | None = None  # their folder: the same training resumes from them and ends with the same bits
    progress: CountDone | None = None  # called with the epochs done and to do
    stop: Stop | None = None
    device: Device = "auto"
    cores: int = 0  # of the CPU, for parallel stacks, or threads of a single stack; 0: torch's number of threads

    def torch_device(self) -> torch.device:
        """The device; "auto" prefers a GPU."""
        auto = "cuda" if torch.cuda.is_available() else "cpu"
        return torch.device(auto if self.device == "auto" else self.device)


@dataclass(frozen=True)
class Fitted:
    """Trained parameters of all members and their training loss by epoch."""

    state: dict[str, Tensor]  # parameter name to stacked values (M, ...), on the CPU
    losses: Floats  # (epochs kept, M) mean training loss of each of `loss_epochs`
    watched: tuple[Tensor, ...]  # per member (epochs watched, m): scores of its `test` rows, in the training scale


def fit_members(
    data: FoldData,
    members: Sequence[Member],
    model: NetworkConfig,
    config: TrainConfig,
    control: TrainingControl | None = None,
    *,
    watch: Sequence[int] = (),
) -> Fitted:
    """Train every member (at least one), in the stacks of `split_members`.

    Args:
        watch: epochs, counted from 1, after which every member scores its `test` rows.

    Raises Cancelled after `control.stop`, with the state in the checkpoints, and ValueError if the sizes do not fit the
    model.
    """
    control = control or TrainingControl()
    device, folder = control.torch_device(), control.checkpoints
    parts = split_members(members, input_sizes(data.inputs), model, config.batch, device)
    inputs = [] if folder is None else [*vars(data.inputs).values(), data.targets, data.weights]
    digest = digest_of("", inputs)
    cores, workers = control.cores or torch.get_num_threads(), 1
    if device.type == "cpu":
        _keep_memory()
        workers = min(cores, len(parts))
    threads = max(1, min(cores, torch.get_num_threads()) // workers)  # with one thread each, no core waits for another

    def start(halted: threading.Event, tell: Tell) -> Callable[[int], Fitted]:
        torch.set_num_threads(threads)
        return lambda number: train(number, tell, lambda: halted.is_set() or bool(control.stop and control.stop()))

    def train(number: int, tell: Tell, stop: Stop) -> Fitted:
        """Train one stack, created here so that only stacks in training are in memory."""
        stack = StackTraining(data, [members[i] for i in parts[number]], model, config, device, digest, watch)
        stack.run(folder and folder / f"stack-{number:03d}.safetensors", tell, stop)
        state = {name: values.detach().cpu() for name, values in stack.net.state_dict().items()}
        return Fitted(state, np.array(stack.losses), stack.watched_scores())

    with torch_threads(threads):
        trained = _train_stacks(ThreadPool(workers), start, len(parts), config.epochs, control.progress)
    return _in_order(trained, parts)


def _train_stacks(
    pool: Pool, start: Start[int, Fitted], count: int, epochs: int, progress: CountDone | None
) -> list[Fitted]:
    """The results of `count` stacks; `progress` gets their mean epoch. A failed stack stops the others."""
    done, shown, trained = [0] * count, 0, dict[int, Fitted]()

    def told(number: int, epoch: int) -> None:
        nonlocal shown
        done[number] = epoch
        if progress is not None and sum(done) // count > shown:
            shown = sum(done) // count
            progress(shown, epochs)

    for number, fitted in run_items(pool, start, deque(range(count)), lambda: False, told=told):
        trained[number] = fitted
    return [trained[number] for number in range(count)]


def _in_order(trained: Sequence[Fitted], parts: Sequence[Sequence[int]]) -> Fitted:
    """The results of the stacks as one, members in their original order."""
    positions = np.argsort(np.concatenate([np.array(part) for part in parts]))
    order = torch.from_numpy(positions)
    state = {name: torch.cat([fitted.state[name] for fitted in trained])[order] for name in trained[0].state}
    losses = np.concatenate([fitted.losses for fitted in trained], axis=1)[:, positions]
    watched = [scores for fitted in trained for scores in fitted.watched]
    return Fitted(state, np.ascontiguousarray(losses), tuple(watched[position] for position in positions))


def split_members(
    members: Sequence[Member], sizes: AimSizes, model: NetworkConfig, batch: int, device: torch.device
) -> list[list[int]]:
    """The members of each stack, as indices; a restart of the same training gives the same stacks.

    Members of a stack have the same number of batches per epoch, so that each gets the same batches as when trained
    alone. On a GPU this is the only rule. On a CPU the parameters of a stack fit into the caches. Four or more members
    form at least two stacks, so that two cores need not wait for each other. Members of a stack have similar numbers of
    rows, to limit padding.
    """
    by_batches: dict[int, list[int]] = {}
    for index, member in enumerate(members):
        by_batches.setdefault(batch_count(member, batch), []).append(index)
    groups = [sorted(indices, key=lambda i: len(members[i].rows)) for _, indices in sorted(by_batches.items())]
    if device.type != "cpu":
        return groups
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in build_network(model, sizes, Layers()).parameters())
    largest = max(1, STACK_PARAMETERS // count)
    parts = []
    for group in groups:
        pieces = max(-(-len(group) // largest), min(2, len(group) // 2), 1)
        parts += [list(map(int, piece)) for piece in np.array_split(group, pieces)]
    return parts


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Give torch `count` threads inside the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit linear algebra to one thread: the bits of a sum depend on the number of threads."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    with torch_threads(1), threadpool_limits(1):
        yield


def _keep_memory() -> None:
    """Make the C library keep freed memory for the next step.

    A training step frees and allocates the same arrays of some megabytes. Mapping and clearing them each time takes as
    long as the optimiser. Only glibc has this setting.
    """
    top_pad, trim, map_threshold, arenas = -2, -1, -3, -8  # names M_... in malloc.h
    try:
        libc = ctypes.CDLL("libc.so.6")
        for name, value in ((map_threshold, 1 << 30), (trim, (1 << 31) - 1), (top_pad, 1 << 26), (arenas, 1)):
            libc.mallopt(name, value)
    except (OSError, AttributeError):
        return
