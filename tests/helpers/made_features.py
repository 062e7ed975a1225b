"""Synthetic feature sets with a planted asymmetry, for tests and benchmarks of the scorer."""

from dataclasses import replace

import numpy as np

from data.video import Labels, Record
from pipeline.cache import StageDescription
from pipeline.train.feature_set import FeatureSet


def stages(**settings):
    """Stages of version 1 with these settings."""
    return {name: StageDescription(1, given, {}) for name, given in settings.items()}


def made_features(
    count=96,
    *,
    steps=10,
    channels=24,
    agents=1,
    scene=40,
    trial=0,
    seed=0,
    missing=0.05,
    lag=True,
    noise=0.1,
):
    """Performances whose score is known from how the secondary follows the primary, and from the scene.

    The primary moves freely. The secondary is the primary through a fixed rotation plus an error whose size, drawn
    per performance, lowers the synchronisation score. A quality, drawn per performance, shows weakly in the scene
    and sets the execution score. Final = execution + synchronisation.

    Args:
        count: n. steps: T. channels: Np = Ns. agents: A. scene: Nc. trial: K.
        missing: share of steps in which an agent is not observed.
        lag: the secondary is rotated against the primary (an asymmetric relation), else it only has the error.
        noise: standard deviation of the score's unexplained part, in score units.
    """
    rng = np.random.default_rng(seed)
    error, quality = rng.uniform(0, 1, count), rng.uniform(0, 1, count)
    primary = rng.normal(size=(count, steps, channels))
    rotation = np.linalg.qr(rng.normal(size=(channels, channels)))[0] if lag else np.eye(channels)
    wrong = rng.normal(size=(count, steps, agents, channels)) * error[:, None, None, None]
    secondary = (primary @ rotation)[:, :, None] + wrong
    direction = rng.normal(size=scene)
    shown = rng.normal(size=(count, steps, scene)) + 1.5 * (quality[:, None, None] - 0.5) * direction
    execution, synchronisation = 5 + 5 * quality, 10 - 5 * error
    final = execution + synchronisation + rng.normal(size=count) * noise
    primary_mask = rng.uniform(size=(count, steps)) >= missing
    secondary_mask = rng.uniform(size=(count, steps, agents)) >= missing
    labels = zip(final, execution, synchronisation, strict=True)
    records = tuple(
        Record(
            id=f"dive/{i:03d}.mp4",
            path=None,
            task="made",
            labels=Labels(float(a), float(b), float(c)),
            groups={"subject": f"s{i % 8}"},
        )
        for i, (a, b, c) in enumerate(labels)
    )
    names = tuple(f"channel_{c}" for c in range(channels))
    return FeatureSet(
        records=records,
        primary=np.where(primary_mask[..., None], primary * 3 + 7, 0).astype(np.float32),
        primary_mask=primary_mask,
        secondary=np.where(secondary_mask[..., None], secondary * 3 + 7, 0).astype(np.float32),
        secondary_mask=secondary_mask,
        scene=shown.astype(np.float32),
        trial=rng.normal(size=(count, trial)).astype(np.float32) + quality[:, None].astype(np.float32),
        duration=rng.uniform(3, 4, count),
        stages=stages(pose={"backend": "movenet", "long_side": 384}, timesteps={"count": steps}),
        names={"primary": names, "secondary": names},
    )


def with_records(features, change):
    """The features whose records have other fields, which `change` gives for a record and its row."""
    records = tuple(replace(record, **change(record, row)) for row, record in enumerate(features.records))
    return replace(features, records=records)
