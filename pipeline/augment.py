"""More training performances out of those that are there; never applied to a test part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError
from pipeline.features import FeatureSet
from pipeline.normalise import same_channels
from pipeline.recipes import TrainConfig


def with_copies(features: FeatureSet, config: TrainConfig) -> FeatureSet:
    """The features, with their copies behind them where the recipe asks for copies; the first n stay as they are.

    Raises:
        UsageError: the agents cannot be exchanged.
    """
    return with_exchanged(features) if config.exchange_copies else features


def with_copied_rows(rows: NDArray[np.intp], count: int, config: TrainConfig) -> NDArray[np.intp]:
    """Training rows among `count` performances, with those of their copies in `with_copies`."""
    return np.concatenate([rows, rows + count]) if config.exchange_copies else rows


def with_exchanged(features: FeatureSet) -> FeatureSet:
    """2n performances: the given ones, then each with primary and secondary exchanged (section 4: "any of the two").

    Whole-performance figures named `primary.*` and `secondary.*` change places too.

    Raises:
        UsageError: several secondary agents, or agents of different channels.
    """
    if features.secondary.shape[2] != 1 or not same_channels(features):
        raise UsageError(
            "exchanged copies need one secondary agent with the channels of the primary one",
            fix="Set train.exchange_copies=false",
        )
    places = {name: index for index, name in enumerate(features.names.get("trial", ()))}
    order = list(range(features.trial.shape[1]))
    for name, index in places.items():
        role, _, figure = name.partition(".")
        other = {"primary": f"secondary.{figure}", "secondary": f"primary.{figure}"}.get(role)
        order[index] = places.get(other, index) if other is not None else index
    return replace(
        features,
        records=features.records * 2,
        primary=np.concatenate([features.primary, features.secondary[:, :, 0]]),
        primary_mask=np.concatenate([features.primary_mask, features.secondary_mask[:, :, 0]]),
        secondary=np.concatenate([features.secondary, features.primary[:, :, None]]),
        secondary_mask=np.concatenate([features.secondary_mask, features.primary_mask[:, :, None]]),
        scene=np.concatenate([features.scene, features.scene]),
        trial=np.concatenate([features.trial, features.trial[:, order]]),
        duration=np.concatenate([features.duration, features.duration]),
    )
