"""Descriptors of whole performances for the regressions; each depends on its performance alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from data.store.arrays import Floats
from pipeline.checks.novelty import agents_over_steps
from pipeline.train.feature_set import FeatureSet

COEFFICIENTS = 5
"""Number of lowest cosine or Fourier coefficients per channel."""


def trial_descriptors(features: FeatureSet) -> Floats:
    """(n, K) trial-level descriptors."""
    return np.asarray(np.nan_to_num(features.trial), dtype=np.float64)


def whole_descriptors(features: FeatureSet) -> Floats:
    """(n, K) trial-level descriptors, then means of agents' channels and the scene over the (observed) steps."""
    primary, secondary = (means for means, _ in agents_over_steps(features))
    return np.concatenate([trial_descriptors(features), primary, secondary, scene_mean(features)], axis=1)


def scene_mean(features: FeatureSet) -> Floats:
    """(n, Nc) whole-scene feature averaged over the time steps, the input of I3D-SVR (table 4)."""
    return np.asarray(np.nan_to_num(features.scene.mean(1)), dtype=np.float64)


def scene_unit(features: FeatureSet) -> Floats:
    """(n, Nc) `scene_mean` scaled to unit length, as in C3D-SVR (Parmar and Morris 2017, reference 17)."""
    mean = scene_mean(features)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9))


def cosines(features: FeatureSet) -> Floats:
    """(n, K) lowest cosine coefficients of every agent's channels: Pose+DCT (Pirsiavash 2014, reference 20).

    Departure: the channels are our per-step statistics instead of every frame's joint positions.
    """
    from scipy.fft import dct

    return _lowest(dct(_series(features), axis=1, norm="ortho"))


def frequency_and_entropy(features: FeatureSet) -> Floats:
    """(n, K) DCT, DFT magnitudes and approximate entropy: DCT+DFT+ApEn (Zia and Essa 2018, reference 30).

    Departure: they describe the T time steps of every channel instead of the full-rate kinematics.
    """
    series = _series(features)
    fourier = _lowest(np.abs(np.fft.rfft(series, axis=1))[:, 1:])
    return np.concatenate([cosines(features), fourier, approximate_entropy(series)], axis=1)


DESCRIPTORS: Mapping[str, Callable[[FeatureSet], Floats]] = {
    "trial": trial_descriptors,
    "whole": whole_descriptors,
    "scene": scene_mean,
    "scene_unit": scene_unit,
    "cosines": cosines,
    "frequencies": frequency_and_entropy,
}
"""Functions from features to descriptors (n, K), by the names in saved models."""


def approximate_entropy(series: Floats) -> Floats:
    """(n, channels) approximate entropy of series (n, T, channels) (Pincus 1991): m = 1, r = 0.2 deviations."""
    tolerance = 0.2 * series.std(1, keepdims=True)  # (n, 1, channels)
    return np.asarray(_phi(series, 1, tolerance) - _phi(series, 2, tolerance))


def _lowest(coefficients: Floats) -> Floats:
    """(n, any, channels) to (n, COEFFICIENTS x channels), zero-padded."""
    count, length, channels = coefficients.shape
    out = np.zeros((count, COEFFICIENTS, channels))
    out[:, :length] = coefficients[:, :COEFFICIENTS]
    return out.reshape(count, -1)


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
