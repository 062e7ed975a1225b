"""The methods of `models.published_methods` as systems: one training loop, with AIM's features and protocols.

The recipe sets batches, number of networks and normalisation. Epochs, learning rates and weight decay are the same for
all methods (`published_systems`), since the recipe's are tuned to AIM's loss. The optimiser is AdamW. The networks
train as one stack; the random numbers of each depend only on the seed and its index.

A method reads the agents' channels, their masks and the scene of each step, but not trial-level descriptors. MUSDL
learns only from performances with scores of single judges. MUSDL and the choice of exemplars also read the difficulty,
which is announced before a performance. Methods read no other label of the test part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from data.errors import Cancelled
from data.store.arrays import Floats, Integers
from models.aim import AimInputs
from models.layers import Layers
from models.published_methods import (
    PUBLISHED_METHODS,
    VOTERS,
    LabelledSteps,
    PublishedConfig,
    PublishedNetwork,
    build_published,
    take_rows,
)
from models.stacked import MemberDropout
from pipeline.settings.train_config import TrainConfig
from pipeline.systems.system import NetworkSystem, Predict, Predictions
from pipeline.train import (
    Normaliser,
    Stop,
    TrainingControl,
    difficulties,
    fold_data,
    label_table,
    loss_epochs,
    training_set,
)
from pipeline.train.feature_set import FeatureSet
from pipeline.train.normalise import SCALE
from pipeline.train.stack_training import Member, begin_epoch

EPOCHS = 100
"""Maximum number of epochs of all methods; a recipe may have fewer."""

RATES = (1e-3, 3e-4)
"""Learning rates of all methods: for the first 70 % of the epochs, and for the rest."""

WEIGHT_DECAY = 0.05
"""Decoupled weight decay of all methods."""

JUDGED = 0.9
"""MUSDL needs judges' scores for this share of the labelled performances; published panels have misprints."""

PUBLISHED_ROWS = {entry.title: kind for kind, entry in PUBLISHED_METHODS.items()}
"""The kind of each method, by its leaderboard row."""


@dataclass(frozen=True)
class JudgesRule:
    """The final score from single judges' scores: factor x difficulty x sum of the middle judges + constant."""

    dropped: int  # judges left out at either end, after sorting
    divided: bool  # True: the rule has no difficulty
    factor: float  # fitted to the training part by least squares
    constant: float  # likewise

    @classmethod
    def fit(cls, judges: Floats, difficulty: Floats, score: Floats) -> JudgesRule:
        """The rule of least squared error for judges (n, J), difficulty (n,) and score (n,).

        It tries all numbers of dropped judges, each with and without the difficulty.
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
        multiplier = 1.0 if self.divided else difficulty
        return np.asarray(self.factor * multiplier * _middle(judges, self.dropped) + self.constant)


def _middle(judges: Floats, dropped: int) -> Floats:
    return np.asarray(np.sort(judges, axis=-1)[..., dropped : judges.shape[-1] - dropped].sum(-1))


def judges_of(features: FeatureSet) -> Floats:
    """(n, J) scores of single judges, NaN where unknown.

    If panels differ in size, larger panels are cut to the middle judges, sorted, to match the smallest.
    """
    panels = [record.labels.judges if record.labels else () for record in features.records]
    sizes = {len(panel) for panel in panels if panel}
    count = min(sizes, default=0)
    if len(sizes) > 1:
        panels = [tuple(sorted(panel))[(len(panel) - count) // 2 :][:count] for panel in panels]
    return np.array([panel or [np.nan] * count for panel in panels]).reshape(len(panels), count)


def has_judges(features: FeatureSet) -> bool:
    """Whether a share of at least `JUDGED` of the labelled performances has scores of single judges, as MUSDL needs."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    judges = judges_of(features)[labelled]
    return bool(judges.size and np.isfinite(judges).all(axis=1).mean() >= JUDGED)


@dataclass(frozen=True)
class PublishedSystem(NetworkSystem):
    """A method as a system; see the module's docstring for the recipe's settings that it uses."""

    model: PublishedConfig

    def device(self, control: TrainingControl) -> str:
        """See `System.device`."""
        return "cpu"

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`. A stopped training leaves no checkpoint."""
        learning = training_set(train, self.config)
        part = learning.features.take(learning.rows(np.arange(len(train))))
        if self.model.kind == "musdl":
            part = part.take(np.flatnonzero(np.isfinite(judges_of(part)).all(axis=1)))
        learner = _Learner.start(self, part)
        by_epoch: list[Predictions] = []

        def done(epoch: int) -> None:
            if watched is not None and epoch in self.watch:
                by_epoch.append(learner.predict(watched))
            if control.progress is not None:
                control.progress(epoch, self.config.epochs)

        losses = learner.train(done, control.stop)
        scores = np.stack([predictions.score for predictions in by_epoch]) if by_epoch else None
        kept = loss_epochs(self.config.epochs)
        return lambda features: replace(learner.predict(features), losses=losses, loss_epochs=kept, by_epoch=scores)


@dataclass(frozen=True)
class _Learner:
    """All networks and their training part; n performances, J judges.

    Attributes:
        used: (F,) entries of a step that are not always 0 in the training part.
        bank: the training part for each member, in the training scale.
        difficulty: (n,), NaN where unknown.
        judges: (n, J) scores of single judges in their own units; J is 0 for methods without judges.
        rule: the final score from the judges' scores; None for methods without judges.
    """

    system: PublishedSystem
    normaliser: Normaliser
    members: Sequence[Member]
    net: PublishedNetwork
    used: Tensor
    bank: LabelledSteps
    difficulty: Floats
    judges: Floats
    rule: JudgesRule | None

    @property
    def config(self) -> TrainConfig:
        """The recipe."""
        return self.system.config

    @classmethod
    def start(cls, system: PublishedSystem, part: FeatureSet) -> _Learner:
        """Initialised networks, with the statistics and exemplars of the training part."""
        config, model, count = system.config, system.model, len(part)
        normaliser = Normaliser.fit(part, np.arange(count), config)
        data = fold_data(part, [normaliser])
        steps = _steps(data.inputs)
        used = steps.flatten(0, 2).any(0)
        judges = judges_of(part) if model.kind == "musdl" else np.zeros((count, 0))
        low, span = _range(judges)
        scaled = torch.from_numpy((judges - low) / span * SCALE).float()
        bank = LabelledSteps(
            steps[..., used].expand(config.networks, -1, -1, -1), data.targets[..., 0].expand(config.networks, -1),
            scaled.expand(config.networks, -1, -1),
        )  # fmt: skip
        seeds = np.random.SeedSequence([config.seed, 0]).generate_state(config.networks)
        members = [Member(number, 0, np.arange(count), int(seed)) for number, seed in enumerate(seeds)]
        net = build_published(model, bank.steps.shape[-1], judges.shape[1], Layers(config.networks))
        net.start([torch.Generator().manual_seed(member.seed) for member in members], bank.score[0])
        difficulty, score = difficulties(part), label_table(part.records)[:, 0]
        rule = JudgesRule.fit(judges, _known(difficulty), score) if judges.size else None
        return cls(system, normaliser, members, net, used, bank, difficulty, judges, rule)

    def train(self, done: Callable[[int], None], stop: Stop | None) -> Floats:
        """Losses (epochs kept, networks); `done` is called after every epoch. Raises Cancelled after `stop`."""
        config, size, losses = self.config, len(self.members), []
        optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=config.learning_rate(0), weight_decay=config.weight_decay, fused=True
        )
        for epoch in range(config.epochs):
            generators, batches = begin_epoch(optimizer, self.members, config, epoch)
            total = torch.zeros(size)
            for rows, counts in batches:
                chosen = rows[:, : int(counts[0])]  # members have batches of one size
                pairs = zip(chosen, generators, strict=True)
                partners = np.stack([_partners(self.difficulty[mine], g) for mine, g in pairs])
                x = self.bank
                if len(batches) > 1:
                    x = LabelledSteps(*(take_rows(values, torch.from_numpy(chosen)) for values in vars(x).values()))
                loss = self.net.loss(x, torch.from_numpy(partners), MemberDropout(generators, [chosen.shape[1]] * size))
                optimizer.zero_grad(set_to_none=True)
                loss.sum().backward()
                optimizer.step()
                total += loss.detach()
            if epoch + 1 in loss_epochs(config.epochs):
                losses.append((total / len(batches)).double().numpy())
            done(epoch + 1)
            if stop is not None and stop() and epoch + 1 < config.epochs:
                raise Cancelled
        return np.stack(losses)

    def predict(self, features: FeatureSet) -> Predictions:
        """Scores by the networks in their current state."""
        difficulty, size = difficulties(features), len(self.members)
        steps = _steps(fold_data(features, [self.normaliser]).inputs)[..., self.used]
        voters = _voters(self.difficulty, difficulty, self.members, VOTERS)
        with torch.no_grad():
            drop = MemberDropout(_fresh(self.members), [len(difficulty)] * size)
            judges = self.net.predict(steps.expand(size, -1, -1, -1), self.bank, voters, drop)
        score = self.normaliser.unscale(judges.mean(-1).double().numpy(), 0)
        if self.rule is not None:
            low, span = _range(self.judges)
            score = self.rule(judges.double().numpy() / SCALE * span + low, _known(difficulty))
        return Predictions(score)


def _known(difficulty: Floats) -> Floats:
    """Difficulties, 1 where unknown."""
    return np.where(np.isfinite(difficulty), difficulty, 1.0)


def _range(judges: Floats) -> tuple[float, float]:
    """The lowest of the judges' scores, and their span; (0, 1) without judges."""
    return (float(judges.min()), max(float(np.ptp(judges)), 1e-9)) if judges.size else (0.0, 1.0)


def _partners(difficulty: Floats, generator: np.random.Generator) -> Integers:
    """(B,) a random other row for each of B rows, of the same difficulty if possible."""
    order = generator.random((len(difficulty), len(difficulty))) + 2.0 * (difficulty[:, None] == difficulty)
    np.fill_diagonal(order, -1.0)
    return np.asarray(order.argmax(1))


def _voters(train: Floats, test: Floats, members: Sequence[Member], count: int) -> Tensor:
    """(M, m, V) random training rows that vote on each test row, of the same difficulty if possible."""
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
    """Generators for predictions, the same in every epoch."""
    return [np.random.Generator(np.random.SFC64([member.seed, 1, 1])) for member in members]


def _steps(inputs: AimInputs) -> Tensor:
    """(1, n, T, F) everything that a method reads of each step."""
    masks = inputs.primary_mask.unsqueeze(-1), inputs.secondary_mask
    return torch.cat([inputs.primary, inputs.secondary.flatten(-2), *masks, inputs.scene], dim=-1)


def published_systems(features: FeatureSet, config: TrainConfig) -> list[PublishedSystem]:
    """The methods that can learn from these features, with their shared epochs, rates and weight decay."""
    epochs = min(EPOCHS, config.epochs)
    schedule = {"learning_rates": RATES, "switch_epochs": (max(1, epochs * 7 // 10), epochs)}
    config = config.model_copy(update={"epochs": epochs, "weight_decay": WEIGHT_DECAY, **schedule})
    possible = {name: kind for name, kind in PUBLISHED_ROWS.items() if kind != "musdl" or has_judges(features)}
    return [PublishedSystem(name, PublishedConfig(kind), config) for name, kind in possible.items()]
