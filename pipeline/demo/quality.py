"""Quality of the demo: agreement of the poses with the rendered truth, and the model beside trivial baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from data.errors import DataError
from data.leaks import LeakAudit, audit
from data.splits import Fold
from data.store.arrays import Floats
from data.video import Record
from models.estimate import Estimate
from models.metrics import mae
from pipeline.cache import Cache, input_hashes, readable
from pipeline.checks.held_out import HeldOut
from pipeline.evaluate import rank_agreement
from pipeline.score.score import Score
from synthetic import read_truth

SEED = 7
"""Seed of the random scores."""

SHOULDERS, HIPS = (5, 6), (11, 12)

FOUND_TORSOS = 0.5
"""A person counts as detected where the median joint error is below this many torso lengths."""

MIN_TORSO = 8.0
"""Smallest torso length in pixels: a torso that points at the camera is short and would make every error large."""

FAR_TORSOS = 10.0
"""Largest error in torso lengths, so that missing joints and far ones count the same."""


@dataclass(frozen=True)
class Metrics:
    """How predictions agree with the judges' scores."""

    rho: Estimate
    mae: float


@dataclass(frozen=True)
class PoseAgreement:
    """How detected people agree with the rendered truth."""

    frames: int  # in which all people are visible
    found_all: float  # share of these frames in which all people were detected
    found: float  # share of (frame, person) pairs that were detected
    swaps: int  # identity switches: changes of a person's agent from one detection to the next
    pck20: float  # share of joints within .2 of a torso length; missing joints count as errors
    pck50: float  # the same within .5


def pose_agreement(
    records: Sequence[Record], cache: Cache, keys: Mapping[str, Mapping[str, str]], dives: Path
) -> PoseAgreement:
    """Means over all dives, on the frames of the pose stage, weighted by `frames`, and sums of the counts."""
    videos = []
    for record in records:
        arrays = cache.read("pose", record.id, keys[record.id]["pose"]).output.arrays
        truth = read_truth(dives / "truth" / f"{Path(record.id).stem}.npz")
        rows = arrays["frame_index"].values.astype(int)
        keypoints = arrays["keypoints"].values.astype(np.float64)
        videos.append(compare_keypoints(keypoints, truth.keypoints[rows], truth.visible[rows]))
    table = np.array([astuple(video) for video in videos])
    means = np.average(table, axis=0, weights=table[:, 0]).tolist()
    return replace(PoseAgreement(*means), frames=sum(v.frames for v in videos), swaps=sum(v.swaps for v in videos))


def compare_keypoints(keypoints: Floats, truth: Floats, visible: NDArray[np.bool_]) -> PoseAgreement:
    """Compare the detected people of one video with the truth.

    Args:
        keypoints: (N, A, 17, 3) detected x px, y px, score; NaN where there is no detection.
        truth: (N, P, 17, 2) true x px, y px.
        visible: (N, P, 17) whether that joint is inside the picture and above the water. A person counts in a
            frame where at least half of their joints are visible.
    """
    errors = np.linalg.norm(keypoints[:, None, :, :, :2] - truth[:, :, None], axis=-1)  # (N, P, A, 17)
    length = np.linalg.norm(truth[:, :, SHOULDERS].mean(axis=2) - truth[:, :, HIPS].mean(axis=2), axis=-1)
    torso = np.maximum(np.maximum(length, np.median(length, axis=0)), MIN_TORSO)  # (N, P)
    relative = np.where(np.isnan(errors), np.inf, errors) / torso[:, :, None, None]
    distances = np.where(visible[:, :, None, :], np.minimum(relative, FAR_TORSOS), np.nan)
    present = visible.mean(axis=-1) >= 0.5  # (N, P)
    cost = np.full(relative.shape[:3], FAR_TORSOS)
    cost[present] = np.nanmedian(distances[present], axis=-1)
    assigned = np.full(present.shape, -1)
    for n in range(len(cost)):
        rows = np.flatnonzero(present[n])
        people, agents = linear_sum_assignment(cost[n, rows])
        good = cost[n, rows[people], agents] < FOUND_TORSOS
        assigned[n, rows[people[good]]] = agents[good]
    taken = np.take_along_axis(relative, np.maximum(assigned, 0)[:, :, None, None], axis=2)[:, :, 0]
    best = np.where(assigned[..., None] >= 0, taken, np.inf)  # (N, P, 17)
    joints = visible & present[..., None]
    everyone = present.all(axis=1)
    return PoseAgreement(
        frames=int(everyone.sum()),
        found_all=float((assigned[everyone] >= 0).all(axis=1).mean()) if everyone.any() else float("nan"),
        found=float((assigned[present] >= 0).mean()) if present.any() else float("nan"),
        swaps=sum(int(np.count_nonzero(np.diff(agents[agents >= 0]))) for agents in assigned.T),
        pck20=float((best[joints] <= 0.2).mean()),
        pck50=float((best[joints] <= 0.5).mean()),
    )


def label_of(record: Record) -> float:
    """The final score of a record. Raises DataError without one."""
    if record.labels is None or record.labels.score is None:
        raise DataError("this performance has no final score", where=record.id, fix="Label it, or leave it out")
    return record.labels.score


def leak_audit(learn: Sequence[Record], unseen: Sequence[Record], cache: Cache) -> LeakAudit:
    """The audit of training and held-out dives. Raises DataError where a dive is on both sides."""
    fold = Fold("held out", tuple(r.id for r in learn), tuple(r.id for r in unseen))
    records = (*learn, *unseen)
    audited = audit([fold], records, {record.id: readable(input_hashes(record, cache).values()) for record in records})
    audited.require()
    return audited


def compare_with_baselines(
    learn: Sequence[Record], unseen: Sequence[Record], scored: Sequence[Score], truth: Sequence[float]
) -> dict[str, Metrics]:
    """Metrics of the model and of predictions without video, on the same held-out dives: those with a score."""
    training_scores = np.array([label_of(record) for record in learn])
    kept = [place for place, row in enumerate(scored) if row.score is not None]
    actual = np.asarray(truth)[kept]
    guesses = {
        "AIM": np.array([scored[place].score for place in kept], dtype=np.float64),
        "difficulty alone (not from video)": _from_difficulty(learn, [unseen[place] for place in kept]),
        "training mean": np.full(len(actual), training_scores.mean()),
        "random": np.random.default_rng(SEED).uniform(training_scores.min(), training_scores.max(), len(actual)),
    }
    return {name: _agreement(guess, actual) for name, guess in guesses.items()} if len(kept) > 1 else {}


def _agreement(guess: Floats, actual: Floats) -> Metrics:
    """The rank correlation with its 95 % interval, and the mean absolute error."""
    rows = np.arange(len(actual))
    return Metrics(rank_agreement([HeldOut(actual, guess, np.zeros_like(rows), rows)]), mae(guess, actual))


def _from_difficulty(learn: Sequence[Record], unseen: Sequence[Record]) -> np.ndarray:
    """Scores of the `unseen` dives by a straight line over the announced difficulty, which is known before the dive."""

    def difficulty(records: Sequence[Record]) -> np.ndarray:
        return np.array([r.labels.difficulty if r.labels and r.labels.difficulty else np.nan for r in records])

    line = np.polyfit(difficulty(learn), [label_of(record) for record in learn], 1)
    return np.polyval(line, difficulty(unseen))
