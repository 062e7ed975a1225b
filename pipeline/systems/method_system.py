"""The methods of `models.methods` as systems: one training loop for all, on the features and protocols of AIM.

Batches, number of networks and normalisation are those of the recipe. Epochs, learning rates and weight decay are the
same for all methods (`method_systems`), since the recipe's are tuned to AIM's loss; the optimiser is AdamW. The runs
of a fold train as one stack. Members draw from generators that depend on the seed, the training rows and the run
alone, so results do not depend on which folds train together, in which order, or where.

A method reads, for each step, the agents' channels, whether they were observed, and the scene; no trial descriptors.
MUSDL learns from the performances that have the scores of single judges. It and the choice of exemplars also read the
difficulty, which is announced before a performance, and nothing else about the test part.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import Cancelled
from data.store.arrays import Floats, Rows
from models.aim import AimInputs
from models.layers import Layers
from models.methods import Labelled, MethodConfig, MethodKind, MethodOutput, build_method, take_rows
from models.stacked import MemberDropout
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.recipes import TrainConfig
from pipeline.systems.baselines import difficulties
from pipeline.systems.interface import HeldOut, NetworkSystem, Part, sharing
from pipeline.train import Normaliser, Stop, label_table, loss_epochs, stack_data, training_set
from pipeline.train.checkpoint import digest_of, read_checkpoint, write_checkpoint
from pipeline.train.fit import cores, in_threads
from pipeline.train.normalise import SCALE
from pipeline.train.stack import Member, Report, draw_batches

EPOCHS = 100
"""Epochs of all methods, or fewer where the recipe has fewer."""

RATES = (1e-3, 3e-4)
"""Learning rates of all methods: in the first seven tenths of the epochs and in the rest."""

WEIGHT_DECAY = 0.05
"""Decoupled weight decay of all methods."""

JUDGED = 0.9
"""Least share of the labelled performances with single judges' scores: published sets have panels with misprints."""

METHODS: dict[str, MethodKind] = {
    "Transformer over steps": "transformer",
    "USDL": "usdl",
    "MUSDL": "musdl",
    "CoRe": "core",
    "GDLT": "gdlt",
    "TPT": "tpt",
    "RICA2": "rica2",
}
"""Rows of the leaderboard."""


@dataclass(frozen=True)
class JudgesRule:
    """How single judges' scores make the final one: factor x difficulty x sum of the middle judges + constant."""

    dropped: int  # judges left out at either end, after sorting
    divided: bool  # the score is without the difficulty, which is left out then
    factor: float  # fitted to the training part by least squares, as `constant`
    constant: float

    @classmethod
    def fit(cls, judges: Floats, difficulty: Floats, score: Floats) -> JudgesRule:
        """The rule that fits best, over all numbers of judges left out and both uses of the difficulty.

        Args:
            judges: (n, J).
            difficulty, score: (n,).
        """
        fits = []
        for dropped, divided in product(range((judges.shape[1] + 1) // 2), (False, True)):
            total = (1.0 if divided else difficulty) * _middle(judges, dropped)
            line = np.stack([total, np.ones_like(total)], axis=1)
            solution = np.linalg.lstsq(line, score, rcond=None)[0]
            fits.append((float(np.square(line @ solution - score).sum()), dropped, divided, solution))
        _, dropped, divided, (factor, constant) = min(fits, key=lambda fit: fit[:3])
        return cls(dropped, divided, float(factor), float(constant))

    def __call__(self, judges: Floats, difficulty: Floats) -> Floats:
        """Final scores (...) of judges (..., J) and difficulty (...)."""
        level = 1.0 if self.divided else difficulty
        return np.asarray(self.factor * level * _middle(judges, self.dropped) + self.constant)


def _middle(judges: Floats, dropped: int) -> Floats:
    return np.asarray(np.sort(judges, axis=-1)[..., dropped : judges.shape[-1] - dropped].sum(-1))


def judges_of(features: FeatureSet) -> Floats:
    """(n, J) scores of single judges, NaN where unknown.

    Where panels differ in size, each is reduced to as many middle judges, sorted, as the smallest has.
    """
    given = [record.labels.judges if record.labels else () for record in features.records]
    sizes = {len(one) for one in given if one}
    count = min(sizes, default=0)
    if len(sizes) > 1:
        given = [tuple(sorted(one))[(len(one) - count) // 2 :][:count] for one in given]
    return np.array([one or [np.nan] * count for one in given]).reshape(len(given), count)


def has_judges(features: FeatureSet) -> bool:
    """Whether at least `JUDGED` of the labelled performances have the scores of single judges, as MUSDL needs."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    judges = judges_of(features)[labelled]
    return bool(judges.size and np.isfinite(judges).all(axis=1).mean() >= JUDGED)


@dataclass(frozen=True)
class MethodSystem(NetworkSystem):
    """A method as a system; the module's docstring says what it takes of the recipe. Finished folds are kept."""

    model: MethodConfig

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`; statistics, exemplars and the judges' rule come from each part's training rows."""
        learning = training_set(features, self.config)
        groups = sharing(parts)

        def run(number: int, report: Report, stopping: Stop) -> tuple[Floats, Floats, Floats]:
            mine = [parts[i] for i in groups[number]]
            tests = np.concatenate([part.test for part in mine])
            return self._part(learning.features, learning.rows(mine[0].train), tests, report, stopping)

        workers = min(cores(), len(groups))
        scored = in_threads(run, len(groups), self.config.epochs, progress, stop, workers=workers, threads=1)
        scores: dict[int, Floats] = {}
        deviations: dict[int, Floats] = {}
        for (score, deviation, _), group in zip(scored, groups, strict=True):
            ends = np.cumsum([len(parts[i].test) for i in group])[:-1]
            scores |= dict(zip(group, np.split(score, ends, axis=-1), strict=True))
            deviations |= dict(zip(group, np.split(deviation, ends, axis=-1), strict=True))
        return HeldOut(
            score=tuple(scores[i][-1] for i in range(len(parts))),
            losses=np.concatenate([losses for _, _, losses in scored], axis=1),
            loss_epochs=loss_epochs(self.config.epochs),
            by_epoch=tuple(scores[i] for i in range(len(parts))) if self.watch else (),
            deviation=tuple(deviations[i][-1] for i in range(len(parts))) if self.model.kind == "rica2" else (),
        )

    def _part(
        self, features: FeatureSet, train: Rows, test: Rows, report: Report, stop: Stop
    ) -> tuple[Floats, Floats, Floats]:
        """Scores and deviations (epochs watched, runs, m) of `test` in the units of the labels, and training losses.

        Trains on `train`, unless a checkpoint has the result.
        """
        if self.model.kind == "musdl":
            train = train[np.isfinite(judges_of(features)[train]).all(axis=1)]
        normaliser = Normaliser.fit(features, train, self.config)
        rows = np.concatenate([train, test])
        data = stack_data(features.take(rows), [normaliser])
        count, size = len(train), self.config.runs
        steps = _steps(data.inputs, count)
        judges = judges_of(features)[train] if self.model.kind == "musdl" else np.zeros((count, 0))
        low, span = (judges.min(), max(float(np.ptp(judges)), 1e-9)) if judges.size else (0.0, 1.0)
        scaled = torch.from_numpy((judges - low) / span * SCALE).float()
        bank = Labelled(
            steps[:, :count].expand(size, -1, -1, -1), data.targets[:, :count, 0].expand(size, -1),
            scaled.expand(size, -1, -1),
        )  # fmt: skip
        level = difficulties(features)[rows]
        place, identity = self._place([*vars(bank).values(), steps, torch.from_numpy(level)], train)
        done = read_checkpoint(place, identity)
        if done:
            report(self.config.epochs)
        tensors = done[1] if done else self._train(bank, steps[:, count:], level, train, report, stop)
        if place is not None and done is None:
            write_checkpoint(place, identity, self.config.epochs, tensors)
        values = {name: tensor.double().numpy() for name, tensor in tensors.items()}
        score = normaliser.unscale(values["score"], 0)
        if self.model.kind == "musdl":
            levels = np.where(np.isfinite(level), level, 1.0)
            rule = JudgesRule.fit(judges, levels[:count], label_table(features.records)[train, 0])
            score = rule(values["judges"] / SCALE * span + low, levels[count:])
        return score, normaliser.unscale(values["deviation"], 0, shift=False), values["losses"]

    def _train(
        self, bank: Labelled, asked: Tensor, level: Floats, train: Rows, report: Report, stop: Stop
    ) -> dict[str, Tensor]:
        """Losses and, of every watched epoch, the predictions for `asked` (1, m, T, F), in the training scale."""
        config, (size, count) = self.config, bank.score.shape
        base = [config.seed, zlib.crc32(train.tobytes())]
        seeds = np.random.SeedSequence(base).generate_state(size)
        members = [Member(run, 0, np.arange(count), int(seed)) for run, seed in enumerate(seeds)]
        net = build_method(self.model, asked.shape[-1], bank.judges.shape[-1], Layers(size))
        net.start([torch.Generator().manual_seed(member.seed) for member in members], bank.score[0])
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=config.learning_rate(0), weight_decay=config.weight_decay, fused=True
        )
        voters = _voters(level[:count], level[count:], members, self.model.voters)
        kept: list[MethodOutput] = []
        losses, watched = [], self.watch or (config.epochs,)
        for epoch in range(config.epochs):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate(epoch)
            generators = [np.random.Generator(np.random.SFC64([member.seed, epoch])) for member in members]
            batches = draw_batches(members, generators, config.batch)
            total = torch.zeros(size)
            for rows, counts in batches:
                chosen = rows[:, : int(counts[0])]  # members of a part have batches of one size
                partners = np.stack([_partners(level[mine], g) for mine, g in zip(chosen, generators, strict=True)])
                x = bank
                if len(batches) > 1:
                    x = Labelled(*(take_rows(values, torch.from_numpy(chosen)) for values in vars(bank).values()))
                drop = MemberDropout(generators, [chosen.shape[1]] * size)
                loss = net.loss(x, torch.from_numpy(partners), drop)
                optimizer.zero_grad(set_to_none=True)
                loss.sum().backward()
                optimizer.step()
                total += loss.detach()
            if epoch + 1 in loss_epochs(config.epochs):
                losses.append(total / len(batches))
            if epoch + 1 in watched:
                with torch.no_grad():
                    drop = MemberDropout(_fresh(members), [len(level) - count] * size)
                    kept.append(net.predict(asked.expand(size, -1, -1, -1), bank, voters, drop))
            report(epoch + 1)
            if stop():
                raise Cancelled
        named = {name: [getattr(one, name) for one in kept] for name in ("score", "deviation", "judges")}
        tensors = {name: torch.stack(values) for name, values in named.items() if values[0] is not None}
        return {"deviation": torch.zeros_like(tensors["score"]), **tensors, "losses": torch.stack(losses)}

    def _place(self, tensors: Sequence[Tensor], train: Rows) -> tuple[Path | None, str]:
        """Where this part's result is kept, and a digest of everything that it depends on."""
        settings = self.config.model_dump(mode="json", exclude={"checkpoint_every", "device"})
        digest = digest_of([asdict(self.model), settings, self.watch], [train, *tensors])
        return None if self.checkpoints is None else self.checkpoints / f"part-{digest[:16]}.safetensors", digest


def _partners(level: Floats, generator: np.random.Generator) -> NDArray[np.int64]:
    """(B,) another row for each of B rows at random, of the same difficulty where there is one."""
    order = generator.random((len(level), len(level))) + 2.0 * (level[:, None] == level)
    np.fill_diagonal(order, -1.0)
    return np.asarray(order.argmax(1))


def _voters(train: Floats, test: Floats, members: Sequence[Member], count: int) -> Tensor:
    """(M, m, V) training rows that vote on each test row, at random; those of the same difficulty come first."""
    picked = []
    for generator in _fresh(members):
        order = generator.random((len(test), len(train))) + 2.0 * (test[:, None] == train)
        first = np.argsort(-order, axis=1)[:, :count]
        same = (test[:, None] == train).sum(1)
        places = (
            np.arange(first.shape[1]) % np.where(same > 0, np.minimum(same, first.shape[1]), first.shape[1])[:, None]
        )
        picked.append(np.take_along_axis(first, places, 1))
    return torch.from_numpy(np.stack(picked))


def _fresh(members: Sequence[Member]) -> list[np.random.Generator]:
    """Generators for predictions, which are the same in every epoch."""
    return [np.random.Generator(np.random.SFC64([member.seed, 1, 1])) for member in members]


def _steps(inputs: AimInputs, trained: int) -> Tensor:
    """(1, n, T, F) all that a method reads of each step, without entries that are 0 in the first `trained` rows."""
    masks = inputs.primary_mask.unsqueeze(-1), inputs.secondary_mask
    steps = torch.cat([inputs.primary, inputs.secondary.flatten(-2), *masks, inputs.scene], dim=-1)
    return steps[..., steps[:, :trained].flatten(0, 2).any(0)]


def method_systems(features: FeatureSet, config: TrainConfig) -> list[MethodSystem]:
    """The methods that these features allow, with what they share in place of the recipe's values."""
    epochs = min(EPOCHS, config.epochs)
    schedule = {"learning_rates": RATES, "switch_epochs": (max(1, epochs * 7 // 10), epochs)}
    config = config.model_copy(update={"epochs": epochs, "weight_decay": WEIGHT_DECAY, **schedule})
    possible = {name: kind for name, kind in METHODS.items() if kind != "musdl" or has_judges(features)}
    return [MethodSystem(name, MethodConfig(kind), config) for name, kind in possible.items()]
