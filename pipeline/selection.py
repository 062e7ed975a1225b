"""Choosing between systems by inner validation, on the training part only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.splits import TIED, kfold
from models.metrics import fisher_average, spearman
from pipeline.features import FeatureSet
from pipeline.fit import Progress
from pipeline.normalise import label_table
from pipeline.stack import Stop
from pipeline.systems import HeldOut, Part, System

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Selected:
    """For every outer fold the candidate that ranks best inside its training part.

    The training part of a fold (over all its tasks) is cut into inner folds; every candidate trains on the inner
    training parts of all folds at once; the one with the highest Spearman's rho, over all inner predictions of a
    task ranked together and averaged over the tasks by Fisher's z, is trained on the whole training part.

    Attributes:
        name: shown in tables.
        candidates: with different names.
        kinds: groups that stay on one side of an inner fold: those of the outer protocol, so that the inner question
            is the outer one (("subject",) for leave-one-user-out).
        folds: inner folds.
        seed: of the cut.
    """

    name: str
    candidates: tuple[System, ...]
    kinds: tuple[str, ...] = TIED
    folds: int = 3
    seed: int = 0
    baseline: bool = False

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Progress | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`; `HeldOut.chosen` names the candidate of each part."""
        chosen = self.choose(features, parts, progress, stop)
        scores: dict[int, Floats] = {}
        for candidate in self.candidates:
            mine = [i for i, name in enumerate(chosen) if name == candidate.name]
            if mine:
                found = candidate.held_out(features, [parts[i] for i in mine], progress, stop)
                scores |= dict(zip(mine, found.score, strict=True))
        return HeldOut(tuple(scores[i] for i in range(len(parts))), chosen=tuple(chosen))

    def choose(
        self, features: FeatureSet, parts: Sequence[Part], progress: Progress | None = None, stop: Stop | None = None
    ) -> list[str]:
        """Name of the best candidate for each part; the first where the training part cannot be cut."""
        true = label_table(features.records)[:, 0]
        inner = {name: self._inner(features, [p for p in parts if p.fold == name]) for name in _names(parts)}
        every = [part for found in inner.values() for part in found]
        if not every:
            return [self.candidates[0].name] * len(parts)
        values: dict[str, dict[str, float]] = {name: {} for name in inner}
        for candidate in self.candidates:
            held_out = candidate.held_out(features, every, progress, stop)
            means = [scores.mean(0) for scores in held_out.score]
            for name in values:
                mine = [(p, m) for p, m in zip(every, means, strict=True) if p.fold.startswith(f"{name}/")]
                values[name][candidate.name] = _sortable(_agreement(mine, true))
        best = {name: max(told, key=told.__getitem__) for name, told in values.items() if told}
        return [best.get(part.fold, self.candidates[0].name) for part in parts]

    def _inner(self, features: FeatureSet, outer: Sequence[Part]) -> list[Part]:
        rows = np.unique(np.concatenate([part.train for part in outer]))
        records = [features.records[row] for row in rows]
        try:
            cuts = kfold(records, k=self.folds, seed=self.seed, kinds=self.kinds)
        except DataError:
            return []
        parts = []
        for cut in cuts:
            held = set(cut.test)
            for part in outer:
                test = np.array([row for row in part.train if features.ids[row] in held], dtype=np.intp)
                train = np.setdiff1d(part.train, test)
                if len(test) and len(train) >= 2:
                    parts.append(Part(part.task, f"{part.fold}/{cut.name}", train, test))
        return parts


def _names(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.fold for part in parts))


def _agreement(pairs: Sequence[tuple[Part, Floats]], true: Floats) -> float:
    each = []
    for task in dict.fromkeys(part.task for part, _ in pairs):
        rows = np.concatenate([part.test for part, _ in pairs if part.task == task])
        each.append(spearman(np.concatenate([values for part, values in pairs if part.task == task]), true[rows]))
    return fisher_average(each).value


def _sortable(value: float) -> float:
    return value if np.isfinite(value) else -2.0
