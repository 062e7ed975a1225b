"""Selects the epoch of a result: the last, one chosen by inner validation or, on request, the best on the test part.

The paper does not name the epoch of its results, and public code of this field often takes the best one on the test
part. Here the last epoch is the result; the two others are further rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.splits import TIED
from data.store.arrays import Floats, Rows
from models.metrics import spearman
from pipeline.features import FeatureSet
from pipeline.systems.interface import HeldOut, NetworkSystem, Part, System, errors_and_deviations
from pipeline.systems.selection import INNER_RUNS, agreement, by_outer, inner_parts, joined, sortable
from pipeline.train import label_table

WATCHED = 20
"""About this many epochs, evenly spread, can be chosen."""

CHOSEN, ORACLE = "epoch by inner validation", "best epoch on the test part (oracle)"
"""Name endings of the rows."""


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
        kinds: groups that stay on one side of an inner fold, as in `pipeline.systems.selection.Selected`.
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
        every = joined(self._inner(features, parts))
        return [(watching, parts), *([(watching.inner(INNER_RUNS), every)] if every else [])]

    def joined(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> HeldOut:
        """The row of the last epoch and its variants, from the results of `trainings`."""
        last, *inside = held
        if last.deviation and inside:
            last = replace(last, inside=self._errors_inside(features, parts, inside[0]))
        rows = [(CHOSEN, self._inside(features, parts, inside))]
        if self.oracle:
            true = label_table(features.records)[:, 0]
            best = [
                _latest_best([spearman(values.mean(0), true[part.test]) for values in by_epoch])
                for part, by_epoch in zip(parts, last.by_epoch, strict=True)
            ]
            rows.append((ORACLE, best))
        return replace(last, variants=tuple(self._row(ending, last, places) for ending, places in rows))

    def _watching(self) -> NetworkSystem:
        return replace(self.system, watch=watched_epochs(self.system.config.epochs))

    def _inner(self, features: FeatureSet, parts: Sequence[Part]) -> dict[str, list[Part]]:
        return inner_parts(features, parts, self.kinds, self.seed)

    def _inside(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> list[int]:
        """Index of the watched epoch that inner validation chooses for each part; the last where it cannot."""
        last = len(self._watching().watch) - 1
        if not held:
            return [last] * len(parts)
        inner, true = self._inner(features, parts), label_table(features.records)[:, 0]
        by_epoch = by_outer(inner, held[0].by_epoch)
        best = dict.fromkeys(inner, last)
        for fold, cuts in inner.items():
            ensembles = [values.mean(1) for values in by_epoch[fold]]  # (epochs watched, m) each
            rhos = [agreement([(p, v[k]) for p, v in zip(cuts, ensembles, strict=True)], true) for k in range(last + 1)]
            best[fold] = _latest_best(rhos) if cuts else last
        return [best[part.fold] for part in parts]

    def _errors_inside(
        self, features: FeatureSet, parts: Sequence[Part], held: HeldOut
    ) -> tuple[tuple[Rows, Floats], ...]:
        """`HeldOut.inside` of each part, by the last epoch."""
        inner, true = self._inner(features, parts), label_table(features.records)[:, 0]
        pairs = [errors_and_deviations(held, i, true[part.test]) for i, part in enumerate(joined(inner))]
        by_fold = by_outer(inner, [error / deviation for error, deviation in pairs])
        of_parts: list[tuple[Rows, Floats]] = []
        for part in parts:
            mine = [
                (c.test, r) for c, r in zip(inner[part.fold], by_fold[part.fold], strict=True) if c.task == part.task
            ]
            rows, ratios = zip(*mine, strict=True) if mine else ([part.train[:0]], [np.zeros(0)])
            of_parts.append((np.concatenate(rows), np.concatenate(ratios)))
        return tuple(of_parts)

    def _row(self, ending: str, held: HeldOut, places: Sequence[int]) -> tuple[System, HeldOut]:
        """One more row: part i by the epoch at `places[i]`."""
        score = tuple(values[place] for values, place in zip(held.by_epoch, places, strict=True))
        chosen = tuple(f"epoch {self._watching().watch[place]}" for place in places)
        return replace(self.system, name=f"{self.name}, {ending}"), HeldOut(score, chosen=chosen)


def _latest_best(correlations: Sequence[float]) -> int:
    """Index of the highest correlation, the latest of equal ones."""
    backwards = [sortable(value) for value in reversed(correlations)]
    return len(backwards) - 1 - int(np.argmax(backwards))
