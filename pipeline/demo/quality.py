"""Quality of the demo: agreement of the poses with the rendered truth, the scorer against predictions without video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.leaks import LeakReport, audit
from data.splits import Fold
from data.video import Record
from models.metrics import mae, spearman
from pipeline.cache import Cache, fingerprints
from pipeline.demo.pose_truth import Agreement, compare
from pipeline.results import Score
from synthetic import read_truth

SEED = 7
"""Of the random scores."""


def pose_agreement(
    records: Sequence[Record], cache: Cache, keys: Mapping[str, Mapping[str, str]], dives: Path
) -> tuple[Agreement, ...]:
    """Agreement of detected and rendered divers per dive, on the frames that the pose stage read."""
    agreements = []
    for record in records:
        arrays = cache.read("pose", record.id, keys[record.id]["pose"]).output.arrays
        truth = read_truth(dives / "truth" / f"{Path(record.id).stem}.npz")
        rows = arrays["frame_index"].values.astype(int)
        keypoints = arrays["keypoints"].values.astype(np.float64)
        agreements.append(compare(keypoints, truth.keypoints[rows], truth.visible[rows]))
    return tuple(agreements)


def label_of(record: Record) -> float:
    """The final score of a labelled record."""
    if record.labels is None or record.labels.score is None:
        raise DataError("this performance has no final score", where=record.id)
    return record.labels.score


def leak_audit(learn: Sequence[Record], unseen: Sequence[Record], cache: Cache) -> LeakReport:
    """The audit of training and held-out dives. Raises DataError where a dive is on both sides."""
    fold = Fold("held out", tuple(r.id for r in learn), tuple(r.id for r in unseen))
    records = (*learn, *unseen)
    report = audit([fold], records, {record.id: fingerprints(record, cache).values() for record in records})
    report.require()
    return report


def compare_with_baselines(
    learn: Sequence[Record], unseen: Sequence[Record], scored: Sequence[Score], truth: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Metrics of the model and of predictions without video, on the same held-out dives."""
    training_scores = np.array([label_of(record) for record in learn])
    actual = np.asarray(truth)
    guesses = {
        "AIM": np.array([np.nan if row.score is None else row.score for row in scored]),
        "difficulty alone (not from video)": _from_difficulty(learn, unseen),
        "training mean": np.full(len(actual), training_scores.mean()),
        "random": np.random.default_rng(SEED).uniform(training_scores.min(), training_scores.max(), len(actual)),
    }
    return {name: {"spearman": spearman(guess, actual), "mae": mae(guess, actual)} for name, guess in guesses.items()}


def _from_difficulty(learn: Sequence[Record], unseen: Sequence[Record]) -> np.ndarray:
    """Scores by a straight line over the announced difficulty, which is known before the dive."""

    def difficulty(records: Sequence[Record]) -> np.ndarray:
        return np.array([r.labels.difficulty if r.labels and r.labels.difficulty else np.nan for r in records])

    line = np.polyfit(difficulty(learn), [label_of(record) for record in learn], 1)
    return np.polyval(line, difficulty(unseen))


def pooled(pose: Sequence[Agreement]) -> dict[str, float]:
    """The pose figures over all dives, weighted by frames; swaps are counted."""
    frames = np.array([one.frames for one in pose], dtype=float)

    def mean(name: str) -> float:
        return float(np.average([getattr(one, name) for one in pose], weights=frames))

    figures = {name: mean(name) for name in ("found_all", "found", "pck20", "pck50")}
    return figures | {"frames": float(frames.sum()), "swaps": float(sum(one.swaps for one in pose))}
