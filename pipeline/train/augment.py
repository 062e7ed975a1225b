"""More training performances out of those that are there; never applied to a test part.

Copies are made of features, after the split: of the training rows of a fold and of nothing else, so that no copy of a
held-out performance is ever learnt, and none is predicted. The same holds for inner validation and calibration.
Copies that a data set itself brings as videos (TASD-2) carry the group `original`, which every split keeps together
and the leak audit checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError
from data.store.arrays import Rows
from extractors.timesteps import exchange_plan, mirror_plan
from extractors.timesteps.mirror import Plan
from pipeline.features import FeatureSet
from pipeline.recipes import TrainConfig
from pipeline.train.normalise import same_channels


def with_copies(features: FeatureSet, config: TrainConfig) -> FeatureSet:
    """The features, with their copies behind them where the recipe asks for copies; the first n stay as they are.

    Raises:
        UsageError: the agents cannot be exchanged, or have no mirror image.
    """
    if config.exchange_copies:
        features = with_exchanged(features)
    if config.mirror_copies:
        features = with_mirrored(features)
    return features


def with_copied_rows(rows: Rows, count: int, config: TrainConfig) -> Rows:
    """Training rows among `count` performances, with those of their copies in `with_copies`."""
    times = (2 if config.exchange_copies else 1) * (2 if config.mirror_copies else 1)
    return np.concatenate([rows + count * time for time in range(times)])


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
    other = replace(
        features,
        primary=features.secondary[:, :, 0],
        primary_mask=features.secondary_mask[:, :, 0],
        secondary=features.primary[:, :, None],
        secondary_mask=features.primary_mask[:, :, None],
    )
    names = features.names.get("trial", ())
    try:
        plan = exchange_plan(names) if names else None
    except ValueError as error:
        raise UsageError(f"figures cannot be exchanged: {error}", fix="Set train.exchange_copies=false") from error
    return _joined(features, replace(other, trial=_planned(other.trial, plan)))


def with_mirrored(features: FeatureSet) -> FeatureSet:
    """2n performances: the given ones, then each as its mirrored video gives it, left and right joints swapped.

    Equal to extracting the mirrored video (`extractors.timesteps.mirror`), with two departures: who is primary stays
    primary, where the pose stage would number two people the other way round; and the whole-scene feature stays that
    of the plain video, about as near to the mirrored one's as a neighbouring time step (`docs/training.md`).

    Raises:
        UsageError: channels without a mirror image, such as tools or the camera's border cells.
    """
    plans: dict[str, Plan] = {}
    for part in ("primary", "secondary"):
        names = features.names.get(part, ())
        try:
            if len(names) != getattr(features, part).shape[-1]:
                raise ValueError(f"the channels of '{part}' have no names")
            plans[part] = mirror_plan(names)
        except ValueError as error:
            raise UsageError(f"no mirrored copies: {error}", fix="Set train.mirror_copies=false") from error
    other = replace(
        features,
        primary=_planned(features.primary, plans["primary"]),
        secondary=_planned(features.secondary, plans["secondary"]),
    )
    return _joined(features, other)


def _planned(values: NDArray[np.float32], plan: Plan | None) -> NDArray[np.float32]:
    """The last axis rearranged and signed by a plan."""
    return values if plan is None else np.asarray(plan[1] * values[..., plan[0]], dtype=np.float32)


def _joined(first: FeatureSet, second: FeatureSet) -> FeatureSet:
    names: Sequence[str] = ("primary", "primary_mask", "secondary", "secondary_mask", "scene", "trial", "duration")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    return replace(first, records=first.records + second.records, **arrays)
