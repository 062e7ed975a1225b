"""Selects systems and epochs by inner validation, on the training part only.

The paper does not name the epoch of its results, and public code of this field often takes the best one on the test
part. Here the last epoch is the result; the chosen epoch and, on request, the best on the test part are further rows.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from data.splits import TIED, kfold, tied
from data.store.arrays import Floats, Rows
from models.metrics import fisher_average, spearman
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.systems.interface import HeldOut, NetworkSystem, Part, System, errors_and_deviations
from pipeline.train import Stop, label_table

T = TypeVar("T")

INNER_FOLDS = 3
"""Number of inner folds of a training part."""

INNER_RUNS = 2
"""Most networks per candidate and inner fold: selection needs fewer than the final result."""

WATCHED = 20
"""About this many epochs, evenly spread, can be chosen."""

CHOSEN, ORACLE = "epoch by inner validation", "best epoch on the test part (oracle)"
"""Name endings of the rows."""


@dataclass(frozen=True)
class Selected(System):
    """For every outer fold the candidate that ranks best inside its training part.

    The training part of a fold (over all its tasks) is split into inner folds; every candidate trains on the inner
    training parts of all folds at once; the one with the highest Spearman's rho, over all inner predictions of a
    task ranked together and averaged over the tasks by Fisher's z, is trained on the whole training part.

    Attributes:
        kinds: groups that stay on one side of an inner fold, as in the outer protocol (("subject",) for
            leave-one-user-out).
        seed: of the inner folds.
    """

    name: str
    candidates: tuple[System, ...]
    kinds: tuple[str, ...] = TIED
    seed: int = 0

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`; `HeldOut.chosen` names the candidate of each part."""
        chosen = self.choose(features, parts, progress, stop)
        scores: dict[int, Floats] = {}
        for candidate in self.candidates:
            mine = [i for i, name in enumerate(chosen) if name == candidate.name]
            if mine:
                predicted = candidate.held_out(features, [parts[i] for i in mine], progress, stop)
                scores |= dict(zip(mine, predicted.score, strict=True))
        return HeldOut(as_many_runs([scores[i] for i in range(len(parts))]), chosen=tuple(chosen))

    def choose(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> list[str]:
        """Name of the best candidate for each part; the first where the training part cannot be split."""
        inner, true = inner_parts(features, parts, self.kinds, self.seed), label_table(features.records)[:, 0]
        rhos: dict[str, dict[str, float]] = {fold: {} for fold, cuts in inner.items() if cuts}
        for candidate in self.candidates if rhos else ():
            held = candidate.inner(INNER_RUNS).held_out(features, flattened(inner), progress, stop)
            means = by_outer(inner, [scores.mean(0) for scores in held.score])
            for fold, values in rhos.items():
                values[candidate.name] = sortable(agreement(list(zip(inner[fold], means[fold], strict=True)), true))
        best = {fold: max(values, key=values.__getitem__) for fold, values in rhos.items()}
        return [best.get(part.fold, self.candidates[0].name) for part in parts]


def watched_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs, counted from 1, that can be chosen, including the last."""
    return tuple(sorted({max(1, round(epochs * share / WATCHED)) for share in range(1, WATCHED + 1)}))


@dataclass(frozen=True)
class WithEpochs(System):
    """A network by its last epoch, with a second row for the epoch that inner validation chooses.

    The training part of each fold, over all its tasks, is split into inner folds; the epoch with the highest Spearman's
    rho of all inner predictions of a task ranked together, averaged over the tasks by Fisher's z, is chosen for
    the fold. Its predictions come from the same training as the last epoch's.

    Attributes:
        kinds: groups that stay on one side of an inner fold, as in `Selected`.
        oracle: a third row takes, for each part, the epoch that ranks its test part best. It reads the test labels, so
            it is an upper bound for comparison with published numbers, and no result.
    """

    system: NetworkSystem
    kinds: tuple[str, ...] = TIED
    oracle: bool = False
    seed: int = 0

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the system."""
        return self.system.name

    def inner(self, runs: int) -> NetworkSystem:
        """The system by its last epoch; it watches the same epochs as inside `trainings`, so that both train once."""
        return self._watching().inner(runs)

    def trainings(self, features: FeatureSet, parts: Sequence[Part]) -> list[tuple[System, Sequence[Part]]]:
        """The system on the parts and, with fewer runs, on the inner folds of their training parts."""
        watching = self._watching()
        every = flattened(inner_parts(features, parts, self.kinds, self.seed))
        return [(watching, parts), *([(watching.inner(INNER_RUNS), every)] if every else [])]

    def joined(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> HeldOut:
        """The row of the last epoch and its variants, from the results of `trainings`."""
        last, *inside = held
        inner, true = inner_parts(features, parts, self.kinds, self.seed), label_table(features.records)[:, 0]
        epochs = self._watching().watch
        best = dict.fromkeys(inner, len(epochs) - 1)  # index of the chosen epoch; the last where a fold cannot be split
        for one in inside:
            if last.deviation:
                last = replace(last, inside=_errors_inside(parts, inner, one, true))
            for fold, by_epoch in by_outer(inner, one.by_epoch).items():
                means = [values.mean(1) for values in by_epoch]  # (epochs watched, m) each
                cuts_by_epoch = [list(zip(inner[fold], column, strict=True)) for column in zip(*means, strict=True)]
                if cuts_by_epoch:
                    best[fold] = _latest_best([agreement(cuts, true) for cuts in cuts_by_epoch])
        rows = [(CHOSEN, [best[part.fold] for part in parts])]
        if self.oracle:
            ranked = [
                _latest_best([spearman(values.mean(0), true[part.test]) for values in by_epoch])
                for part, by_epoch in zip(parts, last.by_epoch, strict=True)
            ]
            rows.append((ORACLE, ranked))
        variants: list[tuple[System, HeldOut]] = []
        for ending, places in rows:
            score = tuple(values[place] for values, place in zip(last.by_epoch, places, strict=True))
            chosen = tuple(f"epoch {epochs[place]}" for place in places)
            variants.append((replace(self.system, name=f"{self.name}, {ending}"), HeldOut(score, chosen=chosen)))
        return replace(last, variants=tuple(variants))

    def _watching(self) -> NetworkSystem:
        return replace(self.system, watch=watched_epochs(self.system.config.epochs))


def _errors_inside(
    parts: Sequence[Part], inner: Mapping[str, Sequence[Part]], held: HeldOut, true: Floats
) -> tuple[tuple[Rows, Floats], ...]:
    """`HeldOut.inside` of each part, by the last epoch."""
    pairs = [errors_and_deviations(held, i, true[cut.test]) for i, cut in enumerate(flattened(inner))]
    by_fold = by_outer(inner, [error / deviation for error, deviation in pairs])
    of_parts: list[tuple[Rows, Floats]] = []
    for part in parts:
        rows, ratios = [part.train[:0]], [np.zeros(0)]
        for cut, ratio in zip(inner[part.fold], by_fold[part.fold], strict=True):
            if cut.task == part.task:
                rows.append(cut.test)
                ratios.append(ratio)
        of_parts.append((np.concatenate(rows), np.concatenate(ratios)))
    return tuple(of_parts)


def _latest_best(correlations: Sequence[float]) -> int:
    """Index of the highest correlation, the latest of equal ones."""
    backwards = [sortable(value) for value in reversed(correlations)]
    return len(backwards) - 1 - int(np.argmax(backwards))


def as_many_runs(scores: Sequence[Floats]) -> tuple[Floats, ...]:
    """(runs, m) of every part with the runs of the part that has most.

    Where candidates of several networks and of a single one are chosen for different parts, the single one counts in
    every run, because the result of a run needs a prediction for every part.
    """
    most = max((len(values) for values in scores), default=0)
    return tuple(values[np.arange(most) % len(values)] for values in scores)


def inner_parts(
    features: FeatureSet,
    parts: Sequence[Part],
    kinds: tuple[str, ...],
    seed: int = 0,
    *,
    folds: int = INNER_FOLDS,
    shared: bool = True,
) -> dict[str, list[Part]]:
    """The training part of every outer fold, split into inner folds; empty where it cannot be split.

    Where the outer folds test every performance in turn, they are dealt into `folds` + 1 blocks. The inner folds of a
    fold are then the blocks that it is not in, and inner training leaves out both blocks. So the same training serves
    the folds of both blocks: six trainings in place of three for every outer fold. The other folds of its own block
    are tested in the first inner fold.

    `kinds` are the groups that stay on one side of an inner fold; `shared` False splits every training part by itself.
    """
    blocks = _blocks(parts, folds + 1, seed) if shared else []
    return {
        name: _between(parts, name, blocks)
        if blocks
        else _cut(features, [part for part in parts if part.fold == name], kinds, folds, seed)
        for name in fold_names(parts)
    }


def _blocks(parts: Sequence[Part], count: int, seed: int) -> list[list[str]]:
    """The folds in `count` blocks, about equal in every task; none where too few or some rows untested."""
    for part in parts:
        others = [other.test for other in parts if other.task == part.task and other is not part]
        if len(others) + 1 < count or not np.isin(np.concatenate(others), part.train).all():
            return []
    order = fold_names(parts)
    random.Random(seed).shuffle(order)  # noqa: S311 -- no secret
    tasks = list(dict.fromkeys(part.task for part in parts))
    sizes = {name: np.zeros(len(tasks)) for name in order}
    for part in parts:
        sizes[part.fold][tasks.index(part.task)] = len(part.test)
    blocks: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(order, key=lambda name: -sizes[name].sum()):
        loads = [sum((sizes[one] for one in block), np.zeros(len(tasks))) for block in blocks]
        blocks[min(range(count), key=lambda i: (loads[i] @ sizes[name], loads[i].sum()))].append(name)
    return blocks


def _between(parts: Sequence[Part], name: str, blocks: Sequence[Sequence[str]]) -> list[Part]:
    """The inner folds of the fold `name`."""
    separate = next(block for block in blocks if name in block)
    inner = []
    for number, block in enumerate(block for block in blocks if block is not separate):
        asked = [*block, *(one for one in separate if one != name)] if number == 0 else block
        for part in (part for part in parts if part.fold == name):
            tests = {other.fold: other.test for other in parts if other.task == part.task}
            test, out = ([tests[one] for one in folds if one in tests] for folds in (asked, (*separate, *block)))
            train = np.setdiff1d(part.train, np.concatenate(out))
            if test and len(train) >= 2:
                inner.append(Part(part.task, f"{name}/{number + 1}", train, np.concatenate(test)))
    return inner


def _cut(features: FeatureSet, outer: Sequence[Part], kinds: tuple[str, ...], folds: int, seed: int) -> list[Part]:
    rows = np.unique(np.concatenate([part.train for part in outer]))
    records = [features.records[row] for row in rows]
    folds = min(folds, len(tied(records, kinds)))
    if folds < 2:
        return []
    parts = []
    for cut in kfold(records, k=folds, seed=seed, kinds=kinds):
        held = set(cut.test)
        for part in outer:
            test = np.array([row for row in part.train if features.ids[row] in held], dtype=np.intp)
            train = np.setdiff1d(part.train, test)
            if len(test) and len(train) >= 2:
                parts.append(Part(part.task, f"{part.fold}/{cut.name}", train, test))
    return parts


def flattened(inner: Mapping[str, Sequence[Part]]) -> list[Part]:
    """All inner parts, in order."""
    return [part for cuts in inner.values() for part in cuts]


def by_outer(inner: Mapping[str, Sequence[Part]], values: Sequence[T]) -> dict[str, list[T]]:
    """`values`, one per inner part in order, by outer fold."""
    remaining = iter(values)
    return {name: [next(remaining) for _ in cuts] for name, cuts in inner.items()}


def fold_names(parts: Sequence[Part]) -> list[str]:
    """The folds, in order."""
    return list(dict.fromkeys(part.fold for part in parts))


def agreement(pairs: Sequence[tuple[Part, Floats]], true: Floats) -> float:
    """Spearman's rho of all predictions (m,) of a task ranked together, averaged over the tasks by Fisher's z."""
    each = []
    for task in dict.fromkeys(part.task for part, _ in pairs):
        rows = np.concatenate([part.test for part, _ in pairs if part.task == task])
        each.append(spearman(np.concatenate([values for part, values in pairs if part.task == task]), true[rows]))
    return fisher_average(each).value


def sortable(value: float) -> float:
    """`value`, below every correlation where it is undefined."""
    return value if np.isfinite(value) else -2.0
