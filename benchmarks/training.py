"""Speed of stacked training: against one run after the other, and against plain autograd.

    python -m benchmarks.training [--epochs 8] [--rounds 3] [--runs 10] [--out FILE]
    python -m benchmarks.training --autograd [--epochs 8] [--rounds 3] [--out FILE]

188 training samples, batch 64, T = 10, 51 channels (17 joints x 3), 400 scene entries, width 512, multi-task.
Compared in one process, in turns, on all cores:

    plain loop     one run after the other: nn.Linear, nn.LSTM, the attention as in its equations, autograd,
                   torch.optim.Adam, torch's own threads
    stacked        `train` itself
    multiplications  the matrix products of the stacked training alone, on prepared arrays, one run per core at a
                     time as in `train`

`--autograd` compares the stacks of `train`, whose LSTM and attention have hand-written gradients compiled by Numba
(`models.layers`, `models.layers_kernels`, `models.fusion`), with the same stacks under plain autograd, at three sizes
(width 512 x 10 members, 128 x 40, 64 x 40). Both train in turns in one process; the ratio of a round compares
neighbours in time, and the median ratio counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.made_features import made_features
from models.aim import Aim, AimInputs
from models.aim_config import AimSizes
from models.layers import StackedLinear, StackedLSTM
from models.losses import aim_loss
from models.stacked import StackData
from pipeline.recipes import TrainConfig, model_for, paper
from pipeline.train import fit_members, fit_normaliser, run_members, sizes_of, stack_data
from pipeline.train.stack import Member, pick_device

SAMPLES, BATCH, STEPS, CHANNELS, SCENE, WIDTH, HEAD = 188, 64, 10, 51, 400, 512, 128
BATCHES = -(-SAMPLES // BATCH)

Product = tuple[Tensor, Tensor, Tensor]
"""Two matrices and the place of their product."""


def products() -> list[Product]:
    """Every matrix product of one step of one run: forward, input gradients where needed, weight gradients."""
    rows, four, draw = BATCH * STEPS, 4 * WIDTH, torch.randn
    layers = [(SCENE, WIDTH, False), (SCENE, WIDTH, False), (CHANNELS, CHANNELS, False), (2 * CHANNELS, four, True)]
    layers += [(WIDTH, HEAD, True)] * 3
    products: list[Product] = []
    for inputs, outputs, inner in layers:
        x, weight, slope = draw(rows, inputs), draw(outputs, inputs), draw(rows, outputs)
        products.append((x, weight.t(), draw(rows, outputs)))
        products.append((slope.t(), x, draw(outputs, inputs)))
        if inner:
            products.append((slope, weight, draw(rows, inputs)))
    weight, hidden, slopes = draw(four, WIDTH), draw(STEPS, BATCH, WIDTH), draw(STEPS, BATCH, four)
    for t in range(1, STEPS):
        products.append((hidden[t - 1], weight.t(), draw(BATCH, four)))
        products.append((slopes[t], weight, draw(BATCH, WIDTH)))
    later = slopes[1:].reshape(-1, four)
    products.append((later.t(), hidden[:-1].reshape(-1, WIDTH), draw(four, WIDTH)))
    return products


def operations(products: list[Product]) -> float:
    """Floating-point operations of these products."""
    return float(sum(2 * a.shape[0] * a.shape[1] * b.shape[1] for a, b, _ in products))


def plain_epochs(data: StackData, member: Member, config: TrainConfig, epochs: int) -> None:
    """The ordinary loop for one run, on the device of the settings."""
    device = pick_device(config)
    net = Aim(model_for("paper", multi_task=True), data_sizes(data)).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate(0), weight_decay=config.weight_decay)
    dropout = torch.nn.functional.dropout
    for epoch in range(epochs):
        order = torch.randperm(len(member.rows), generator=torch.Generator().manual_seed(epoch))
        for rows in order.chunk(BATCHES):
            x, targets, weights = data.gather(torch.zeros(1, dtype=torch.long, device=device), rows[None].to(device))
            output = net(AimInputs(**{k: v[0] for k, v in vars(x).items()}), lambda v, rate: dropout(v, rate))
            optimizer.zero_grad()
            aim_loss(output, targets[0], weights[0], config.theta).backward()
            optimizer.step()


def plain_attention(scene: Tensor, agents: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Equations 4 and 5 for autograd: the counterpart of `models.fusion.attend`."""
    weights = torch.softmax(torch.stack([(scene * key).sum(-1), (agents * key).sum(-1)], dim=-1), dim=-1)
    return weights[..., :1] * scene + weights[..., 1:] * agents, weights


def autograd_linear(layer: StackedLinear, x: Tensor) -> Tensor:
    """The counterpart of `StackedLinear.forward` without hand-written gradients."""
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    out = torch.baddbmm(layer.bias.unsqueeze(1), flat, layer.weight.transpose(1, 2))  # (M, R, out)
    return out.view(*x.shape[:-1], out.shape[-1])


def autograd_lstm(layer: StackedLSTM, x: Tensor, constant: int = 0) -> Tensor:
    """The counterpart of `StackedLSTM.forward` without hand-written gradients."""
    members, batch, steps, inputs = x.shape
    flat = x.transpose(1, 2).reshape(members, steps * batch, inputs)
    bias = (layer.bias_ih_l0 + layer.bias_hh_l0).unsqueeze(1)
    gates = torch.baddbmm(bias, flat, layer.weight_ih_l0.transpose(1, 2)).view(members, steps, batch, -1)
    recurrent = layer.weight_hh_l0.transpose(1, 2)
    hidden = cell = x.new_zeros(members, batch, recurrent.shape[1])
    states = []
    for raw in gates.unbind(1):
        i, f, g, o = torch.baddbmm(raw, hidden, recurrent).chunk(4, dim=-1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        states.append(hidden)
    return torch.stack(states, dim=2)  # (M, B, T, d)


@contextmanager
def plain_autograd() -> Iterator[None]:
    """Stacks without hand-written gradients."""
    with (
        patch.object(StackedLinear, "forward", autograd_linear),
        patch.object(StackedLSTM, "forward", autograd_lstm),
        patch("models.aim.attend", plain_attention),
    ):
        yield


def data_sizes(data: StackData) -> AimSizes:
    """Sizes of the inputs."""
    x = data.inputs
    return AimSizes(x.primary.shape[-1], x.secondary.shape[-1], x.secondary.shape[-2], x.scene.shape[-1], 0)


def bare_multiplications(runs: int, epochs: int, device: torch.device) -> Callable[[], None]:
    """All products of `runs` runs over `epochs` epochs; on a CPU one core works on one run at a time."""
    cores = torch.get_num_threads() if device.type == "cpu" else 1
    sets = [[tuple(x.to(device) for x in product) for product in products()] for _ in range(runs)]

    def one(number: int) -> None:
        torch.set_num_threads(1)
        for _ in range(epochs * BATCHES):
            for a, b, place in sets[number]:
                torch.mm(a, b, out=place)

    def every() -> None:
        before = torch.get_num_threads()
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(one, range(runs)))
        torch.set_num_threads(before)
        _wait(device)

    return every


def measure(runs: int, epochs: int, rounds: int) -> dict[str, object]:
    """Best of `rounds` turns of each, in milliseconds per step of all runs."""
    config = paper(runs=runs, epochs=epochs)
    model, device = model_for("paper", multi_task=True), pick_device(config)
    features = made_features(SAMPLES, channels=CHANNELS, scene=SCENE)
    rows = np.arange(SAMPLES)
    normaliser = fit_normaliser(features, rows, config)
    data, members = stack_data(features, [normaliser]), run_members(rows, 0, normaliser, config)
    there = data.to(device, torch.float32)

    def plain() -> None:
        with patch("models.aim.attend", plain_attention):
            for member in members:
                plain_epochs(there, member, config, epochs)
        _wait(device)

    def stacked() -> None:
        fit_members(data, members, sizes_of(features), model, config)
        _wait(device)

    bare = bare_multiplications(runs, epochs, device)
    times: dict[str, list[float]] = {"plain loop": [], "stacked": [], "multiplications": []}
    for _ in range(rounds):
        for name, work in (("plain loop", plain), ("stacked", stacked), ("multiplications", bare)):
            start = time.perf_counter()
            work()
            times[name].append((time.perf_counter() - start) * 1e3 / (epochs * BATCHES))
    best = {name: min(values) for name, values in times.items()}
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else f"cpu, {torch.get_num_threads()} cores",
        "runs": runs,
        "gflop_per_run_step": operations(products()) / 1e9,
        "ms_per_step_of_all_runs": best,
        "all_rounds": times,
        "speed_up_over_plain": best["plain loop"] / best["stacked"],
        "times_the_multiplications": best["stacked"] / best["multiplications"],
    }


SIZES = ((512, 10), (128, 40), (64, 40))
"""(width, members) of `--autograd`."""


def compare_autograd(epochs: int, rounds: int) -> dict[str, object]:
    """Seconds of both kinds of stack at `SIZES`, and the median ratio of each size."""
    features, rows = made_features(SAMPLES, channels=CHANNELS, scene=SCENE), np.arange(SAMPLES)
    sizes: dict[str, object] = {}
    for width, members in SIZES:
        config, model = paper(runs=members, epochs=epochs), model_for("paper", multi_task=True, width=width)
        normaliser = fit_normaliser(features, rows, config)
        data, networks = stack_data(features, [normaliser]), run_members(rows, 0, normaliser, config)

        def seconds(settings: TrainConfig) -> float:
            start = time.perf_counter()
            fit_members(data, networks, sizes_of(features), model, settings)  # noqa: B023 -- called in this round
            _wait(pick_device(settings))
            return time.perf_counter() - start

        short = config.model_copy(update={"epochs": 1})
        seconds(short)  # compiles
        pairs = []
        for _ in range(rounds):
            by_hand = seconds(config)
            with plain_autograd():
                pairs.append((by_hand, seconds(config)))
        ratio = median(plain / by_hand for by_hand, plain in pairs)
        sizes[f"{width} x {members}"] = {"hand_written_s, autograd_s": pairs, "times_as_fast": ratio}
    return {"cores": torch.get_num_threads(), "epochs": epochs, "sizes": sizes}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/training.json"))
    parser.add_argument("--autograd", action="store_true", help="compare with plain autograd at three sizes")
    given = parser.parse_args()
    if given.autograd:
        compared = compare_autograd(given.epochs, given.rounds)
        Console().print_json(json.dumps(compared))
        _write(given.out.with_name("training_autograd.json"), compared)
        return
    measured = measure(given.runs, given.epochs, given.rounds)
    best = measured["ms_per_step_of_all_runs"]
    assert isinstance(best, dict)
    work = f"{measured['gflop_per_run_step']:.1f} GFLOP a run and step"
    table = Table(title=f"{given.runs} runs, {work}, {measured['device']}")
    for column in ("", "ms a step, all runs", "ms a run and step", "against stacked"):
        table.add_column(column, justify="left" if not column else "right")
    for name, value in best.items():
        table.add_row(name, f"{value:.0f}", f"{value / given.runs:.1f}", f"{value / best['stacked']:.2f}")
    Console().print(table)
    _write(given.out, measured)


def _write(place: Path, values: dict[str, object]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
