"""Compared systems without networks: support vector, ridge and nearest-neighbour regression on fixed descriptors.

The descriptors of a performance depend on no other performance; standardisation and regression are fitted on the
training part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.store.arrays import Floats, Rows
from pipeline.features import FeatureSet
from pipeline.systems.interface import HeldOut, Part, SimpleSystem, by_fold
from pipeline.train import Progress, Stop, label_table

Describe = Callable[[FeatureSet], Floats]
"""Features of n performances to descriptors (n, K)."""

COEFFICIENTS = 5
"""Lowest cosine or Fourier coefficients that are kept of each channel over the time steps."""


def scene_mean(features: FeatureSet) -> Floats:
    """(n, Nc) whole-scene feature averaged over the time steps, the input of I3D-SVR (table 4)."""
    return np.asarray(features.scene.mean(1), dtype=np.float64)


def scene_unit(features: FeatureSet) -> Floats:
    """(n, Nc) the same scaled to unit length, as C3D-SVR has it (Parmar and Morris 2017, reference 17)."""
    mean = scene_mean(features)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9))


def pose_dct(features: FeatureSet) -> Floats:
    """(n, K) lowest cosine coefficients of every agent's channels: Pose+DCT (Pirsiavash 2014, reference 20).

    Departure: the channels are our per-step statistics instead of every frame's joint positions.
    """
    from scipy.fft import dct

    return np.asarray(dct(_series(features), axis=1, norm="ortho")[:, :COEFFICIENTS].reshape(len(features), -1))


def frequency_and_entropy(features: FeatureSet) -> Floats:
    """(n, K) DCT, DFT magnitudes and approximate entropy: DCT+DFT+ApEn (Zia and Essa 2018, reference 30).

    Departure: over the T time steps of every channel instead of the full-rate kinematics.
    """
    from scipy.fft import dct

    series = _series(features)
    cosine = dct(series, axis=1, norm="ortho")[:, :COEFFICIENTS]
    fourier = np.abs(np.fft.rfft(series, axis=1))[:, 1 : COEFFICIENTS + 1]
    entropy = approximate_entropy(series)
    parts = [part.reshape(len(features), -1) for part in (cosine, fourier, entropy)]
    return np.concatenate(parts, axis=1)


def trial_descriptors(features: FeatureSet) -> Floats:
    """(n, K) trial-level descriptors; ours, for people without training performances."""
    return np.asarray(np.nan_to_num(features.trial), dtype=np.float64)


def approximate_entropy(series: Floats, m: int = 1, r: float = 0.2) -> Floats:
    """(n, channels) approximate entropy of series (n, T, channels) (Pincus 1991), tolerance r deviations."""
    tolerance = r * series.std(1, keepdims=True)  # (n, 1, channels)
    return np.asarray(_phi(series, m, tolerance) - _phi(series, m + 1, tolerance))


def _series(features: FeatureSet) -> Floats:
    """(n, T, channels) channels of all agents, 0 where unobserved."""
    count, steps = features.primary.shape[:2]
    agents = [features.primary, features.secondary.reshape(count, steps, -1)]
    return np.nan_to_num(np.concatenate(agents, axis=-1).astype(np.float64))


def _phi(series: Floats, m: int, tolerance: Floats) -> Floats:
    count = series.shape[1] - m + 1
    windows = np.stack([series[:, i : i + count] for i in range(m)], axis=-1)  # (n, count, channels, m)
    share = np.zeros((series.shape[0], count, series.shape[2]))
    for i in range(count):
        apart = np.abs(windows - windows[:, i : i + 1]).max(-1)  # (n, count, channels)
        share[:, i] = (apart <= tolerance).mean(1)
    return np.asarray(np.log(share).mean(1))


def regression_systems(features: FeatureSet) -> list[SimpleSystem]:
    """The regression systems that these features allow."""
    systems: list[SimpleSystem] = []
    if features.scene.shape[-1]:
        for short, kernel in (("L", "linear"), ("P", "poly"), ("RBF", "rbf")):
            systems.append(SimpleSystem(f"I3D-SVR-{short}", _Fitted(scene_mean, "svr", kernel)))
        systems.append(SimpleSystem("C3D-SVR (on our clips)", _Fitted(scene_unit, "svr", "linear")))
    if features.primary.shape[-1]:
        systems.append(SimpleSystem("Pose+DCT", _Fitted(pose_dct, "svr", "linear")))
        systems.append(SimpleSystem("DCT+DFT+ApEn", _Fitted(frequency_and_entropy, "nearest", "")))
    if features.trial.shape[-1]:
        systems.append(SimpleSystem("trial figures, ridge (ours)", _Fitted(trial_descriptors, "ridge", "")))
    return systems


@dataclass(frozen=True)
class PooledRidge:
    """Ridge regression on trial-level descriptors over all tasks of a fold at once; ours, for new users.

    Descriptors and scores are standardised within each task on its training part, so that tasks share the effect of a
    deviation; the penalty is chosen by leave-one-out inside the training part.
    """

    name: str = "trial figures, all tasks (ours)"
    baseline: bool = False

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Progress | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`."""
        from sklearn.linear_model import RidgeCV

        descriptors, scores = trial_descriptors(features), label_table(features.records)[:, 0]
        predicted: dict[int, Floats] = {}
        for group in by_fold(parts):
            model = RidgeCV(alphas=np.logspace(-1, 5, 13))
            learned = [(_standard(descriptors, parts[i].train), parts[i].train) for i in group]
            moments = [(float(scores[rows].mean()), float(scores[rows].std()) or 1.0) for _, rows in learned]
            targets = [
                (scores[rows] - mean) / spread for (_, rows), (mean, spread) in zip(learned, moments, strict=True)
            ]
            model.fit(np.concatenate([values[rows] for values, rows in learned]), np.concatenate(targets))
            for i, (values, _), (mean, spread) in zip(group, learned, moments, strict=True):
                predicted[i] = (model.predict(values[parts[i].test]) * spread + mean)[None]
        return HeldOut(tuple(predicted[i] for i in range(len(parts))))


def _standard(descriptors: Floats, rows: Rows) -> Floats:
    """(n, K) in deviations of the training rows, cut to +-5; constant columns become 0."""
    mean, spread = descriptors[rows].mean(0), descriptors[rows].std(0)
    return np.asarray(np.clip((descriptors - mean) / np.where(spread > 1e-9, spread, np.inf), -5, 5))


class _Fitted:
    """Description, standardisation, regression."""

    def __init__(self, describe: Describe, kind: str, kernel: str) -> None:
        self.describe, self.kind, self.kernel = describe, kind, kernel

    def __call__(self, features: FeatureSet, train: Rows, test: Rows, run: int) -> Floats:
        """(m,) predicted scores of the test rows."""
        values = np.nan_to_num(self.describe(features.take(np.concatenate([train, test]))))
        learned, new = values[: len(train)], values[len(train) :]
        spread = learned.std(0)
        kept = spread > 1e-9 * np.maximum(np.abs(learned).mean(0), 1e-9)
        scores = label_table(features.records)[train, 0]
        if not kept.any():  # constant descriptors, such as without any detection
            return np.full(len(test), scores.mean())
        scale = spread[kept]
        learned, new = ((x[:, kept] - values[: len(train), kept].mean(0)) / scale for x in (learned, new))
        low, span = float(scores.min()), float(np.ptp(scores)) or 1.0
        model = self._regressor(len(train))
        model.fit(learned, (scores - low) / span)
        return np.asarray(model.predict(new) * span + low)

    def _regressor(self, samples: int) -> Any:
        from sklearn.linear_model import RidgeCV
        from sklearn.neighbors import KNeighborsRegressor
        from sklearn.svm import SVR

        if self.kind == "ridge":
            return RidgeCV(alphas=np.logspace(-1, 5, 13))
        if self.kind == "nearest":
            return KNeighborsRegressor(n_neighbors=min(5, samples), weights="distance")
        return SVR(kernel=self.kernel, C=1.0, epsilon=0.05, gamma="scale")
