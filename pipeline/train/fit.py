"""Trains many members in stacks; a resumed stack ends with the same bits."""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from data.store.arrays import Floats
from models.aim_config import AimSizes
from models.comparisons import NetworkConfig, build
from models.layers import Layers
from models.stacked import FoldData
from pipeline.observer import CountDone
from pipeline.settings.machine import Device
from pipeline.settings.recipes import TrainConfig
from pipeline.train.checkpoint import digest_of
from pipeline.train.stack_training import EpochsDone, Member, StackTraining, Stop, batch_count, sizes_of

T = TypeVar("T")

STACK_PARAMETERS = 3_000_000
"""Parameters of a CPU stack are kept below this number (12 MB, and as much for the gradient and each moment)."""


@dataclass(frozen=True)
class TrainingControl:
    """Where a training runs, and how it is followed and ended: nothing of the method."""

    checkpoints: Path | None = None  # their folder: the same training resumes from them and ends with the same bits
    progress: CountDone | None = None  # called with the epochs done and to do
    stop: Stop | None = None
    device: Device = "auto"
    cores: int = 0  # stacks that train side by side on a CPU; 0: torch's number of threads

    def torch_device(self) -> torch.device:
        """The device; "auto" takes a GPU where there is one."""
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

    Raises Cancelled after `control.stop`, with the state in the checkpoints, and ValueError where the sizes do not fit
    the model.
    """
    control = control or TrainingControl()
    device, place = control.torch_device(), control.checkpoints
    parts = split_members(members, sizes_of(data.inputs), model, config.batch, device)
    inputs = [] if place is None else [*vars(data.inputs).values(), data.targets, data.weights]
    digest = digest_of("", inputs)

    def train(number: int, report: EpochsDone, stopping: Stop) -> Fitted:
        """Train one stack, created here so that only stacks in training are in memory."""
        stack = StackTraining(data, [members[i] for i in parts[number]], model, config, device, digest, watch)
        stack.run(place and place / f"stack-{number:03d}.safetensors", report, stopping)
        state = {name: values.detach().cpu() for name, values in stack.net.state_dict().items()}
        return Fitted(state, np.array(stack.losses), stack.watched_scores())

    workers = 1
    if device.type == "cpu":
        _keep_memory()
        workers = min(control.cores or torch.get_num_threads(), len(parts))
    threads = max(1, torch.get_num_threads() // workers)
    reported = _mean_of(control.progress or (lambda done, total: None), len(parts), config.epochs)
    trained = in_threads(train, len(parts), reported, control.stop, workers=workers, threads=threads)
    return _in_order(trained, parts)


def _in_order(trained: Sequence[Fitted], parts: Sequence[Sequence[int]]) -> Fitted:
    """The results of the stacks as one, members in their original order."""
    places = np.argsort(np.concatenate([np.array(part) for part in parts]))
    order = torch.from_numpy(places)
    state = {name: torch.cat([fitted.state[name] for fitted in trained])[order] for name in trained[0].state}
    losses = np.concatenate([fitted.losses for fitted in trained], axis=1)[:, places]
    watched = [scores for fitted in trained for scores in fitted.watched]
    return Fitted(state, np.ascontiguousarray(losses), tuple(watched[place] for place in places))


def split_members(
    members: Sequence[Member], sizes: AimSizes, model: NetworkConfig, batch: int, device: torch.device
) -> list[list[int]]:
    """The members of each stack, as indices; a restart of the same training gives the same stacks.

    Members of a stack have the same number of batches per epoch, so that each has the batches of a training alone. On
    a GPU this is the only rule. On a CPU the parameters of a stack fit into the caches. Four or more members are at
    least two stacks, so that two cores need not wait for each other. Members of a stack have similar numbers of rows,
    so that little is padded.
    """
    by_batches: dict[int, list[int]] = {}
    for index, member in enumerate(members):
        by_batches.setdefault(batch_count(member, batch), []).append(index)
    groups = [sorted(one, key=lambda i: len(members[i].rows)) for _, one in sorted(by_batches.items())]
    if device.type != "cpu":
        return groups
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in build(model, sizes, Layers()).parameters())
    largest = max(1, STACK_PARAMETERS // count)
    parts = []
    for group in groups:
        pieces = max(-(-len(group) // largest), min(2, len(group) // 2), 1)
        parts += [list(map(int, piece)) for piece in np.array_split(group, pieces)]
    return parts


@contextmanager
def one_thread() -> Iterator[None]:
    """Give linear algebra one thread: the bits of a sum depend on the number of threads."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def in_threads(
    work: Callable[[int, Callable[[float], None], Stop], T],
    count: int,
    reported: Callable[[int, float | None], None],
    stop: Stop | None,
    *,
    workers: int,
    threads: int,
) -> list[T]:
    """The results of `work(number, report, stop)` for `count` numbers, `workers` at a time on `threads` threads each.

    With one thread each, no core waits for another within a step. `reported` is called in this thread with a number and
    the value that its work reports, or None at its end. The first work that fails stops the others.
    """
    aborted = threading.Event()
    events: queue.SimpleQueue[tuple[int, float | None]] = queue.SimpleQueue()

    def stopping() -> bool:
        return aborted.is_set() or (stop is not None and stop())

    def run(number: int) -> T:
        try:
            return work(number, lambda done: events.put((number, done)), stopping)
        finally:
            events.put((number, None))

    before, ended = torch.get_num_threads(), 0
    torch.set_num_threads(threads)
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
            futures = [pool.submit(run, number) for number in range(count)]
            try:
                while ended < count:
                    number, done = events.get()
                    if done is None:
                        futures[number].result()
                        ended += 1
                    reported(number, done)
            except BaseException:
                aborted.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return [future.result() for future in futures]
    finally:
        torch.set_num_threads(before)


def _mean_of(progress: CountDone, count: int, epochs: int) -> Callable[[int, float | None], None]:
    """A function that takes a stack's number and its epochs done, and gives `progress` the mean over `count` stacks."""
    done = [0] * count
    shown = 0

    def reported(number: int, epoch: float | None) -> None:
        nonlocal shown
        done[number] = max(done[number], int(epoch or 0))
        if sum(done) // count > shown:
            shown = sum(done) // count
            progress(shown, epochs)

    return reported


def _keep_memory() -> None:
    """Make the C library keep freed memory for the next step.

    A training step frees and allocates the same arrays of some megabytes. To map and clear them each time takes as long
    as the optimiser. Only glibc has this setting.
    """
    top_pad, trim, map_threshold, arenas = -2, -1, -3, -8  # names M_... in malloc.h
    try:
        libc = ctypes.CDLL("libc.so.6")
        for name, value in ((map_threshold, 1 << 30), (trim, (1 << 31) - 1), (top_pad, 1 << 26), (arenas, 1)):
            libc.mallopt(name, value)
    except (OSError, AttributeError):
        return
