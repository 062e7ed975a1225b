"""Quality of the demo: agreement of the poses with the rendered truth, and the model compared with baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from data.errors import counted, significant
from data.splits import Fold
from data.store.arrays import Bools, Floats
from data.video import Record
from pipeline.cache import Cache
from pipeline.checks.accuracy import estimate_text
from pipeline.evaluate import EvaluationResults, Protocol, cross_validate
from pipeline.evaluate.evaluation_notes import beside_guessing
from pipeline.evaluate.evaluation_results import Note
from pipeline.evaluate.significance import separation_line
from pipeline.score import TrainedModel
from pipeline.score.video_score import Score
from pipeline.systems import SimpleSystem, trivial_baselines
from pipeline.train.feature_set import FeatureSet
from synthetic import read_truth

MODEL = "AIM"

BASELINES = ("difficulty", "training mean", "random")
"""Predictions without video beside the model."""

SHOULDERS, HIPS = (5, 6), (11, 12)

FOUND_TORSOS = 0.5
"""A person counts as detected if the median joint error is below this many torso lengths."""

MIN_TORSO = 8.0
"""Smallest torso length in pixels: a torso that points at the camera is short and would make every error large."""

FAR_TORSOS = 10.0
"""Maximum error in torso lengths, so that missing and distant joints count the same."""


@dataclass(frozen=True)
class PoseAgreement:
    """Agreement of detected people with the rendered truth."""

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


def compare_keypoints(keypoints: Floats, truth: Floats, visible: Bools) -> PoseAgreement:
    """Compare the detected people of one video with the truth.

    Args:
        keypoints: (N, A, 17, 3) detected x px, y px, score; NaN without a detection.
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


def held_out_results(
    features: FeatureSet, model: TrainedModel, scored: Sequence[Score], cache: Cache
) -> EvaluationResults:
    """The model and baselines without video on every dive: training dives by fold, the others by the model.

    Args:
        features: of all dives.
        scored: the held-out dives.
        cache: has the hashes of the dives' files.

    Raises DataError if a dive is on both sides of a fold.
    """
    calibration = model.calibration
    assert calibration is not None
    predicted = dict(zip(model.train_ids, calibration.predicted.tolist(), strict=True))
    predicted |= {row.id: row.raw_score for row in scored}
    tests = [tuple(np.array(model.train_ids)[calibration.fold == fold]) for fold in np.unique(calibration.fold)]
    folds = [
        Fold(str(number), tuple(name for name in model.train_ids if name not in test), test)
        for number, test in enumerate([*tests, tuple(row.id for row in scored)], start=1)
    ]
    protocol = Protocol.audited(folds, features, cache, "kfold")
    assert protocol.audit is not None
    protocol.audit.require()
    ours = SimpleSystem(
        MODEL, lambda _: lambda test, repeat: np.array([predicted[name] for name in test.ids]), kind="ours"
    )
    baselines = [baseline for baseline in trivial_baselines(features) if baseline.name in BASELINES]
    results = cross_validate(features, protocol, [ours, *baselines], against=MODEL)
    learnt = f"{len(model.train_ids)} training dives, held out in {counted(len(tests), 'fold')}"
    which = f"{learnt}, and {len(scored)} new dives as one more fold; the errors below Scores are of the training dives"
    cautions = separation_line(results), "optimistic: the recipe 'fast' was chosen by results on rendered dives"
    notes = (*beside_guessing(results), *(Note("caution", text) for text in cautions), Note("fact", which))
    return replace(results, notes=notes)


def summary(results: EvaluationResults, *, times_difficulty: bool) -> str:
    """The model's error, the references, and what the model is."""
    found = [results.systems[name].average for name in (MODEL, *BASELINES[:2])]
    ours, difficulty, mean = (significant(average.mae or 0.0) for average in found)
    ranks = [estimate_text(average.rho, 2).replace(" (", ", ").rstrip(")") for average in found]
    times = " whose predictions are multiplied by the announced difficulty" if times_difficulty else ""
    return (
        f"On {results.performances} dives, each predicted by networks that did not see it, {MODEL} errs by {ours} on "
        f"average (rank correlation with judges {ranks[0]}). A line by difficulty errs by {difficulty} ({ranks[1]}), "
        f"the mean by {mean}. {MODEL} is a network trained on rendered dives{times}."
    )
