"""The training rows of networks: every trial once, and copies that are mirrored or have exchanged agents.

A fold trains only on copies of its own training rows, also in inner validation and calibration. So no network learns
from or predicts a copy of a held-out performance. Copies that a data set contains as videos (TASD-2) have the group
`original`, which every split keeps together and the leak audit checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.errors import UsageError
from data.store.arrays import Rows, Singles
from extractors.timesteps import exchange_map, mirror_map
from extractors.timesteps.mirror import ChannelMap
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

    Raises as `with_exchanged` and `with_mirrored`.
    """
    trials, became = one_per_trial(features)
    count, more = len(trials), trials
    if config.exchange_copies:
        more = with_exchanged(more)
    if config.mirror_copies:
        more = with_mirrored(more)
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
        channels = exchange_map(names)
    except ValueError as error:
        raise UsageError(f"no exchanged copies: {error}", fix=NO_EXCHANGE) from error
    other = replace(
        features,
        primary=features.secondary[:, :, 0],
        primary_mask=features.secondary_mask[:, :, 0],
        secondary=features.primary[:, :, None],
        secondary_mask=features.primary_mask[:, :, None],
        trial=_mapped(features.trial, channels) if names else features.trial,
    )
    return features.followed_by(other)


def with_mirrored(features: FeatureSet) -> FeatureSet:
    """2n performances: the given ones, then each mirrored, with left and right joints swapped.

    A copy equals the features of the mirrored video (`extractors.timesteps.mirror`), with two exceptions. The primary
    agent stays primary, while the pose stage would swap the numbers of two people. The whole-scene feature stays
    unchanged; it is about as similar to the mirrored feature as a neighbouring time step (`docs/scores.md`).

    Raises UsageError for channels without a mirror image, such as tools or the camera's border cells.
    """
    mirrored: dict[str, Any] = {}
    for part in ("primary", "secondary"):
        names, values = features.names.get(part, ()), getattr(features, part)
        try:
            if len(names) != values.shape[-1]:
                raise ValueError(f"the channels of '{part}' have no names")
            channels = mirror_map(names)
        except ValueError as error:
            raise UsageError(f"no mirrored copies: {error}", fix="Add --set train.mirror_copies=false") from error
        mirrored[part] = _mapped(values, channels)
    return features.followed_by(replace(features, **mirrored))


def _mapped(values: Singles, channels: ChannelMap) -> Singles:
    """`values` with the last axis permuted and signed by a map."""
    return np.asarray(channels[1] * values[..., channels[0]], dtype=np.float32)
