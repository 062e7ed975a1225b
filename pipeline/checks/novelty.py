"""Distance of a performance to the training performances, and the threshold above which it is flagged.

Five blocks of trial-level features describe each performance. Two have means and deviations of the primary and the
secondary agents over the observed steps. The others are the mean scene, the trial descriptors, and length with observed
shares. Columns are standardised by the training part. The distance of two performances is the root mean square over the
blocks. A block's distance is the root mean square over its columns, so 400 scene classes count as much as 3 lengths.
The distance of a performance is the mean over its `NEIGHBOURS` nearest training performances. The threshold comes from
held-out folds, whose distances are measured to their own training parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.store.arrays import Floats, Rows
from pipeline.checks.prediction_intervals import reach

if TYPE_CHECKING:  # torch, which its package imports, would make `extract` slower
    from pipeline.train.feature_set import FeatureSet

NEIGHBOURS = 5
LEVEL = 0.99
"""At most one exchangeable performance in a hundred is flagged (or one in G + 1, if that is more)."""

CUT = 10.0
"""Standardised columns are clipped to this on both sides, so that one nearly constant column does not dominate."""

STILL, STILL_CHANGE = 0.01, 0.25
"""Smallest deviation of the camera's channels in picture widths (rad, log scale) per second, since tripods differ only
by noise of the flow. For absolute rates of change, it is a change by `STILL` per frame at 25 frames per second."""

BLOCKS = (
    "the primary agent",
    "the secondary agents",
    "the whole picture",
    "the movement as a whole",
    "length and visibility",
)

WHOLE = "whole"
"""Name of the distance over all blocks, beside `BLOCKS`."""


def trial_level(features: FeatureSet) -> dict[str, Floats]:
    """Blocks of trial-level features, (n, columns) each; blocks without columns are left out."""
    primary, secondary = (np.concatenate(each, axis=1) for each in agents_over_steps(features))
    observed = (features.primary_mask.mean(1), features.secondary_mask.mean((1, 2)))
    length = np.log(np.maximum(features.duration, 1e-3))
    blocks = (
        primary,
        secondary,
        features.scene.astype(np.float64).mean(axis=1),
        features.trial.astype(np.float64),
        np.stack([length, *observed], axis=1),
    )
    named = zip(BLOCKS, blocks, strict=True)
    return {name: np.nan_to_num(values) for name, values in named if values.shape[1]}


def floors(features: FeatureSet) -> dict[str, Floats]:
    """Smallest deviation of every column of the agents' blocks of `trial_level`, (columns,) each; 0 without a limit."""
    least = {}
    for block, part in zip(BLOCKS[:2], ("primary", "secondary"), strict=True):
        names = features.names.get(part, ())
        if len(names) == getattr(features, part).shape[-1]:
            moving = [name.startswith(("motion.", "cell.")) for name in names]
            still = [STILL_CHANGE if name.endswith(".absdiff") else STILL for name in names]
            least[block] = np.tile(np.where(moving, still, 0.0), 2)
    return least


def neighbour_distances(
    reference: Mapping[str, Floats],
    new: Mapping[str, Floats],
    least: Mapping[str, Floats] | None = None,
) -> dict[str, Floats]:
    """Mean distance of each row of `new` to its nearest rows of `reference`, which also defines the standardisation.

    (m,) for each block, and over all (`WHOLE`). `reference` and `new` come from `trial_level`. `least` from `floors` is
    the minimum of the deviations.
    """
    least = least or {}
    squares = {name: _squares(reference[name], new[name], least.get(name, 0.0)) for name in reference}  # (m, n) each
    count = min(NEIGHBOURS, len(next(iter(reference.values()))))

    def nearest(square: Floats) -> Floats:
        return np.asarray(np.sqrt(np.partition(square, count - 1, axis=1)[:, :count]).mean(axis=1))

    squares[WHOLE] = np.mean(list(squares.values()), axis=0)
    return {name: nearest(square) for name, square in squares.items()}


@dataclass(frozen=True)
class Novelty:
    """The training performances of a model, and their distances."""

    features: Mapping[str, Floats]  # trial-level features of the training performances
    held_out_distances: Mapping[str, Floats]  # `neighbour_distances` to training parts without them
    group: Rows  # (n,) the independent performance; views and copies share one

    @classmethod
    def measure(cls, features: FeatureSet, folds: Sequence[tuple[Rows, Rows]], group: Rows) -> Novelty:
        """Held-out distances from (training rows, test rows) of folds that test every performance once."""
        blocks, least = trial_level(features), floors(features)
        distances = {name: np.zeros(len(features)) for name in (*blocks, WHOLE)}
        for train, test in folds:
            before, new = ({name: values[rows] for name, values in blocks.items()} for rows in (train, test))
            for name, values in neighbour_distances(before, new, least).items():
                distances[name][test] = values
        return cls(blocks, distances, group)

    @property
    def limit(self) -> float:
        """Distances above this are flagged; with too few performances for `LEVEL` it is their largest distance."""
        bound = reach(self.held_out_distances[WHOLE], self.group, LEVEL)
        return bound if math.isfinite(bound) else float(self.held_out_distances[WHOLE].max())

    def ratios(self, features: FeatureSet) -> list[tuple[float, str]]:
        """Distance of each performance in units of `limit`, and its most distant block."""
        measured = neighbour_distances(self.features, trial_level(features), floors(features))
        limits = {name: max(float(np.median(self.held_out_distances[name])), 1e-9) for name in self.features}
        limit = max(self.limit, 1e-9)
        out = []
        for row, whole in enumerate(measured[WHOLE]):
            block = max(limits, key=lambda name: measured[name][row] / limits[name])
            out.append((float(whole) / limit, block))
        return out


def agents_over_steps(features: FeatureSet) -> Iterator[tuple[Floats, Floats]]:
    """Of the primary, then of the secondary agents: means and deviations (n, N) over the observed steps and agents.

    Both are 0 without observations.
    """
    primary = features.primary[:, :, None], features.primary_mask[:, :, None]
    for values, mask in (primary, (features.secondary, features.secondary_mask)):
        observed = mask[..., None].astype(np.float64)
        count = np.maximum(observed.sum((1, 2)), 1.0)
        filled = np.where(mask[..., None], np.nan_to_num(values), 0.0).astype(np.float64)
        mean = filled.sum((1, 2)) / count
        yield mean, np.sqrt((((filled - mean[:, None, None]) * observed) ** 2).sum((1, 2)) / count)


def _squares(reference: Floats, new: Floats, least: Floats | float) -> Floats:
    """(m, n) mean squared standardised difference between every new and every reference row."""
    mean, deviation = reference.mean(axis=0), np.maximum(reference.std(axis=0), least)
    used = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-6)
    if not used.any():
        return np.zeros((len(new), len(reference)))
    a, b = (np.clip((v[:, used] - mean[used]) / deviation[used], -CUT, CUT) for v in (new, reference))
    # Row by row, without a matrix product: a performance's distance must not depend on its neighbours in the batch.
    return np.stack([((row - b) ** 2).mean(axis=1) for row in a])
