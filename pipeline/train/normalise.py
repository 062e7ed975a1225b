"""Standardises inputs and scales scores with statistics of the training part alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.store.arrays import Bools, Floats, Rows, Singles
from data.video import Record
from data.video.records import MAX_LABEL
from pipeline.settings.train_config import TrainConfig
from pipeline.train.feature_set import FeatureSet

SCORES = ("score", "execution", "synchronisation")
"""The label columns, in their order."""

NO_LABELS_FIX = "Give the labels of the data set, or check that they name these videos"

SCALE = 10.0
"""Scores are trained as (s - min) / (max - min) * 10."""

CONSTANT = 1e-6
"""A channel with a deviation below this share of its absolute mean (at least 1e-6) is constant and becomes 0."""


def label_table(records: tuple[Record, ...]) -> Floats:
    """(n, 3) final, execution and synchronisation score, NaN where missing. Raises DataError above `MAX_LABEL`."""
    labels = [[getattr(record.labels, name, None) for name in SCORES] for record in records]
    table = np.array(labels, dtype=np.float64).reshape(len(records), len(SCORES))
    for row, column in np.argwhere(np.abs(table) > MAX_LABEL):
        what = f"the label {SCORES[column]} is {labels[row][column]}, too large for a score"
        raise DataError(what, where=records[row].id, fix="Correct the label")
    return table


@dataclass(frozen=True)
class Normaliser:
    """Means and deviations of one training part."""

    primary: Floats  # (2, Np) mean and deviation of each channel over the observed steps
    secondary: Floats  # (2, Ns), over steps and agents
    scene: Floats  # (2, Nc)
    score_range: Floats  # (3, 2) lowest and highest training label of each of `SCORES`; NaN without labels
    score_mean: Floats  # (3,) mean training label; NaN without labels
    clip: Floats  # () standardised values are clipped to +- this; inf clips nothing
    scene_map: Floats  # (Nc, Nc) applied to the standardised scene, (0, 0) for none: see `_principal_map`

    @classmethod
    def fit(cls, features: FeatureSet, rows: Rows, config: TrainConfig) -> Normaliser:
        """Statistics of the training part `rows` alone. Raises DataError if none of its performances has a score."""
        part = features.take(rows)
        primary = part.primary[part.primary_mask]  # (observed, Np)
        secondary = part.secondary[part.secondary_mask]  # (observed, Ns)
        if config.same_scale and same_channels(features):
            primary = secondary = np.concatenate([primary, secondary])  # their difference keeps its meaning
        scores = label_table(part.records)
        if not np.isfinite(scores[:, 0]).any():
            raise DataError("no performance of the training part has a score", fix=NO_LABELS_FIX)
        steps = part.scene.reshape(len(part) * part.scene.shape[1], part.scene.shape[-1])
        scene = _statistics(steps)
        return cls(
            primary=_statistics(primary),
            secondary=_statistics(secondary),
            scene=scene,
            score_range=np.stack([_ignoring_nan(np.min, scores), _ignoring_nan(np.max, scores)], axis=1),
            score_mean=_ignoring_nan(np.mean, scores),
            clip=np.array(np.inf if config.clip is None else config.clip),
            scene_map=_principal_map((steps - scene[0]) / scene[1], config.scene_components, config.scene_gain),
        )

    def apply(self, features: FeatureSet) -> dict[str, Singles]:
        """Standardised arrays by the names of `models.aim.AimInputs`; unobserved entries 0, masks 1 where observed."""
        scene = self._scaled(features.scene, self.scene)
        return {
            "primary": self._scaled(features.primary, self.primary, features.primary_mask),
            "primary_mask": features.primary_mask.astype(np.float32),
            "secondary": self._scaled(features.secondary, self.secondary, features.secondary_mask),
            "secondary_mask": features.secondary_mask.astype(np.float32),
            "scene": scene if self.scene_map.size == 0 else (scene @ self.scene_map).astype(np.float32),
        }

    def scale_scores(self, scores: Floats) -> Floats:
        """(n, 3) labels to the training scale 0..10; NaN stays NaN."""
        return (scores - self.score_range[:, 0]) / self._spans() * SCALE

    def unscale(self, scaled: Floats, column: int, *, shift: bool = True) -> Floats:
        """Network outputs back to the units of label `column`; `shift=False` for differences."""
        low = self.score_range[column, 0] if shift else 0.0
        span = float(self._spans()[column])
        return np.asarray(scaled / SCALE * span + low)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Normaliser:
        """The normaliser of these arrays by the names of its fields."""
        return cls(**{field.name: np.asarray(arrays[field.name], dtype=np.float64) for field in fields(cls)})

    def _scaled(self, values: Singles, statistics: Floats, mask: Bools | None = None) -> Singles:
        out = (values.astype(np.float64) - statistics[0]) / statistics[1]
        out = np.clip(np.nan_to_num(out, nan=0.0, posinf=0.0, neginf=0.0), -self.clip, self.clip)
        if mask is not None:
            out *= mask[..., None]
        return np.asarray(out, dtype=np.float32)

    def _spans(self) -> Floats:
        span = self.score_range[:, 1] - self.score_range[:, 0]
        return np.where(span > 0, span, 1.0)


def same_channels(features: FeatureSet) -> bool:
    """Whether both agents have channels of the same names (or, unnamed, of the same number)."""
    names = features.names.get("primary"), features.names.get("secondary")
    if names[0] and names[1]:
        return bool(names[0] == names[1])
    return bool(features.primary.shape[-1] == features.secondary.shape[-1])


def _statistics(values: NDArray[np.floating[Any]]) -> Floats:
    """(2, channels) mean and deviation over rows, without NaN; an infinite deviation marks a constant channel."""
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    count = np.maximum(finite.sum(0), 1)
    mean = np.where(finite, numbers, 0.0).sum(0) / count
    deviation = np.sqrt((np.where(finite, numbers - mean, 0.0) ** 2).sum(0) / count)
    constant = deviation <= CONSTANT * np.maximum(np.abs(mean), 1e-6)
    return np.stack([mean, np.where(constant, np.inf, deviation)])


def _principal_map(rows: Floats, components: int | None, gain: float) -> Floats:
    """(Nc, Nc) matrix from the standardised scene to its leading principal components, each of deviation `gain`.

    The columns after the components are 0. Without `components` the matrix only scales; an identity is (0, 0). 400
    entries over a few dozen performances can fit any scores. A few components of small deviation learn slowly, which
    keeps the network from memorising scenes.
    """
    size = rows.shape[1]
    if size == 0 or (components is None and gain == 1.0):
        return np.zeros((0, 0))
    if components is None:
        return np.eye(size) * gain
    finite = np.nan_to_num(rows)
    values, vectors = np.linalg.eigh(finite.T @ finite / max(1, len(rows)))  # ascending
    order = np.argsort(values)[::-1][:components]
    values, vectors = values[order], vectors[:, order]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(len(order))])
    kept = values > CONSTANT * max(float(values[0]), CONSTANT)
    out = np.zeros((size, size))
    out[:, : len(order)] = vectors * np.where(kept, gain / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return out


def _ignoring_nan(reduce: Any, table: Floats) -> Floats:
    columns = (column[np.isfinite(column)] for column in table.T)
    return np.array([reduce(column) if len(column) else np.nan for column in columns])
