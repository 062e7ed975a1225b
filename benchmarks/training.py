"""Speed of stacked training against one run after the other.

    python -m benchmarks.training [--epochs 8] [--rounds 3] [--runs 10] [--out FILE]

188 training samples, batch 64, T = 10, 51 channels (17 joints x 3), 400 scene entries, width 512, multi-task.
Compared in one process, in turns, on all cores:

    plain loop     one run after the other: nn.Linear, nn.LSTM, the attention as in its equations, autograd,
                   torch.optim.Adam, torch's own threads
    stacked        `train` itself
    multiplications  the matrix products of the stacked training alone, on prepared arrays, one run per core at a
                     time as in `train`
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.made_features import made_features
from models.aim import Aim, AimInputs
from models.aim_config import AimSizes
from models.losses import aim_loss
from models.stacked import StackData
from pipeline.recipes import TrainConfig, model_for, paper
from pipeline.train import Normaliser, fit_members, run_members, stack_data
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
    normaliser = Normaliser.fit(features, rows, config)
    data, members = stack_data(features, [normaliser]), run_members(rows, 0, normaliser, config)
    there = data.to(device, torch.float32)

    def plain() -> None:
        for member in members:
            plain_epochs(there, member, config, epochs)
        _wait(device)

    def stacked() -> None:
        fit_members(data, members, model, config)
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


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/training.json"))
    given = parser.parse_args()
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
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
