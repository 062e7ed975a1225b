"""The training rows of networks: every trial once, and copies with exchanged agents.

A fold trains only on copies of its own training rows, also in inner validation and calibration. So no network learns
from or predicts a copy of a held-out performance. Copies that a data set contains as videos (TASD-2) have the group
`original`, which every split keeps together and the leak audit checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.errors import UsageError
from data.store.arrays import Rows
from extractors.timesteps import exchange_map
from pipeline.settings.train_config import TrainConfig
from pipeline.train.feature_set import FeatureSet, one_per_trial
from pipeline.train.normalise import same_channels

NO_EXCHANGE = "Add --set train.exchange_copies=false"


@dataclass(frozen=True)
class TrainingSet:
    """Performances, and the rows to train on in their place."""

    features: FeatureSet  # the n given performances, then trials with joined views, then copies
    stand_ins: Rows  # (c, n) rows of `features` to train on in place of each given performance

    def rows(self, rows: Rows) -> Rows:
        """The rows of `features` to train on for a training part `rows` of the given performances."""
        return np.array(list(dict.fromkeys(self.stand_ins[:, rows].ravel().tolist())), dtype=np.intp)


def training_set(features: FeatureSet, config: TrainConfig) -> TrainingSet:
    """Every trial once (`pipeline.train.feature_set.one_per_trial`), followed by the recipe's copies.

    Raises as `with_exchanged`.
    """
    trials, became = one_per_trial(features)
    count, more = len(trials), trials
    if config.exchange_copies:
        more = with_exchanged(more)
    rows = np.arange(0, len(more), count)[:, None] + became
    if trials is features:
        return TrainingSet(more, rows)
    return TrainingSet(features.followed_by(more), rows + len(features))


def with_exchanged(features: FeatureSet) -> FeatureSet:
    """2n performances: the given ones, then each with primary and secondary exchanged (section 4: "any of the two").

    Trial-level descriptors named `primary.*` and `secondary.*` are exchanged too. Raises UsageError for several
    secondary agents, or agents with different channels.
    """
    if features.secondary.shape[2] != 1 or not same_channels(features):
        raise UsageError(
            "no exchanged copies: they need one secondary agent with the channels of the primary agent",
            fix=NO_EXCHANGE,
        )
    names = features.names.get("trial", ())
    try:
        index, factor = exchange_map(names)
    except ValueError as error:
        raise UsageError(f"no exchanged copies: {error}", fix=NO_EXCHANGE) from error
    other = replace(
        features,
        primary=features.secondary[:, :, 0],
        primary_mask=features.secondary_mask[:, :, 0],
        secondary=features.primary[:, :, None],
        secondary_mask=features.primary_mask[:, :, None],
        trial=factor * features.trial[:, index] if names else features.trial,
    )
    return features.followed_by(other)
