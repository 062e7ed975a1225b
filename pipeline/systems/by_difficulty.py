"""Scores learnt without the difficulty, which multiplies the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.video import Record
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.systems.aim_system import AimSystem
from pipeline.systems.baselines import difficulties
from pipeline.systems.interface import HeldOut, Part
from pipeline.train import Stop, label_table


@dataclass(frozen=True)
class TimesDifficulty:
    """A network that learns score / difficulty; its prediction times the announced difficulty is the score."""

    system: AimSystem
    baseline: bool = False

    @property
    def name(self) -> str:
        """The name of the network."""
        return self.system.name

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`."""
        divided = replace(features, records=tuple(map(_without_difficulty, features.records)))
        held, level = self.system.held_out(divided, parts, progress, stop), difficulties(features)
        return replace(held, score=tuple(s * level[p.test] for s, p in zip(held.score, parts, strict=True)))

    def cost(self, parts: Sequence[Part]) -> int:
        """As of the network."""
        return self.system.cost(parts)


def can_divide(features: FeatureSet) -> bool:
    """Whether every labelled performance has a difficulty above 0."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    return bool(labelled.any() and (difficulties(features)[labelled] > 0).all())


def _without_difficulty(record: Record) -> Record:
    labels = record.labels
    if labels is None or labels.score is None:
        return record
    return replace(record, labels=replace(labels, score=labels.score / (labels.difficulty or 1.0)))
