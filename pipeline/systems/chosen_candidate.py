"""One of several systems, chosen by inner validation on the training part only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.systems.inner_folds import mean_rho, sortable
from pipeline.systems.interface import FoldPredictions, Predictions, ResultRow, System


@dataclass(frozen=True)
class Selected(ResultRow):
    """The candidate with the highest `mean_rho` on inner folds, trained on the whole training part.

    It is the first candidate where the training part cannot be split.
    """

    name: str
    candidates: tuple[System, ...]

    @property
    def systems(self) -> tuple[System, ...]:
        """See `ResultRow.systems`: none before inner validation."""
        return ()

    @property
    def inner_systems(self) -> tuple[System, ...]:
        """See `ResultRow.inner_systems`."""
        return tuple(one.inner() for one in self.candidates)

    def picked(self, fold: FoldPredictions) -> tuple[System, ...]:
        """See `ResultRow.picked`: the candidate alone, so that no other trains on the whole training part."""
        if not fold.inner:
            return self.candidates[:1]
        rows = np.concatenate([part.test for part in fold.inner])
        each = [np.concatenate([one.score.mean(0) for one in fold.inside(system)]) for system in self.inner_systems]
        values = [sortable(mean_rho(fold.train, rows, predicted)) for predicted in each]
        return (self.candidates[int(np.argmax(values))],)

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`; `Predictions.chosen` names the candidate."""
        (best,) = self.picked(fold)
        return Predictions(fold.test(best).score, chosen=(best.name,))
