"""The numbers of the page's charts as JSON-ready values: thinned, rounded, NaN as None."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import PROGRAM, quoted
from data.keypoints.skeletons import COCO17
from pipeline.checks.accuracy import Interval
from pipeline.checks.flag_checks import TRAINED_ON
from pipeline.evaluate.evaluation_results import Losses
from pipeline.report import page_data as page
from pipeline.report.performers import performer_scores

MAX_POINTS = 800
"""Most points of one curve, more than the pixels of a screen."""

TRUE_AXIS, PREDICTED_AXIS, EPOCH_AXIS, LOSS_AXIS = "judges' score", "predicted score", "epoch", "training loss"
LEAD_AXIS = "difference of rank correlations"
"""Titles of the axes on the page and in the figures of `plot`."""

MAX_POSES = 3000
"""Most frames of one skeleton overlay; longer videos are drawn at a lower rate."""


def video_payload(video: page.VideoSection) -> dict[str, Any]:
    """Duration, steps, score, skeleton and charts of one video."""
    result = video.result
    shown = ("start", "end", "score", "interaction", "phase")
    scored = ("quantity", "score", "difficulty", "interval80", "interval95", "model", "decimals", "why")
    return {
        "duration": axis_seconds(video),
        "timed": result.timed,
        "steps": [{name: getattr(step, name) for name in shown} for step in result.steps],
        "phases": [asdict(phase) for phase in result.phases],
        "typed": {"program": PROGRAM, "video": quoted(Path(video.name))},
        "scored": {"name": video.name, **{name: getattr(result, name) for name in scored},
                   "held_out": video.held_out_score, "known": is_known(video),
                   "within": None if result.accuracy is None else result.accuracy.within},
        "skeleton": _skeleton(video.skeleton) if video.skeleton else None,
        "charts": [_traces(chart) for chart in (*charts(video), *video.angles)],
        "moments": [_moment(observation) for observation in video.better.observations] if video.better else [],
        "identity": identity(video),
        "frames": [round(float(time), 4) for time in frame_times(video)],
    }  # fmt: skip


def identity(video: page.VideoSection) -> str:
    """Equal for all pages of a video: the key under which a browser keeps its drawings."""
    seen = "".join(frame.uri for frame in video.key_frames) or video.name
    return hashlib.sha256(seen.encode("utf-8", "replace")).hexdigest()[:16]


def frame_times(video: page.VideoSection) -> Sequence[float]:
    """Start of each frame in seconds, from the video, else from the skeletons."""
    if video.media is not None and len(video.media.times):
        return video.media.times
    return () if video.skeleton is None else video.skeleton.time.tolist()


def _moment(observation: page.Observation) -> dict[str, Any]:
    start, end = map(rounded, observation.span)
    return {"start": start, "end": end, "joints": observation.joints}


def is_known(video: page.VideoSection) -> bool:
    """Whether the model was trained on this video, so that the page does not compare its score."""
    return video.held_out_score is not None or any(flag.kind == TRAINED_ON for flag in video.result.flags)


def charts(video: page.VideoSection) -> tuple[page.Traces, ...]:
    """The charts over time except the angles, in the order of the page."""
    pan = () if video.camera is None or is_static(video.camera) else (video.camera,)
    return (*video.difference, *pan, *video.kinematics)


def axis_seconds(video: page.VideoSection) -> float:
    """Length of the time axis in seconds: the video's duration, or the end of the last step or curve."""
    ends = [end for _, end in video.time_steps]
    ends += [float(chart.time[-1]) for chart in charts(video) if len(chart.time)]
    ends.append(video.duration or 0.0)
    return max([*(end for end in ends if math.isfinite(end)), 1e-3])


def batch_payload(batch: page.BatchSection) -> dict[str, Any]:
    """Valid scores of the batch, at most 5000 scores of training videos, and scores of performers by day."""
    training = sorted(score for score in batch.training_scores if math.isfinite(score))
    return {
        "scores": [
            row.shown_score
            for row in batch.rows
            if row.shown_score is not None and row.result.quantity == page.quantity_of(batch.rows)
        ],
        "training": [training[i] for i in _evenly(len(training), 5000)],
        "progress": [
            {"subject": subject, "day": video.day, "score": video.shown_score, "name": video.name}
            | dict(zip(("low", "high"), video.result.interval80 or (None, None), strict=True))
            for subject, videos in performer_scores(batch).items()
            for video in videos
        ],
    }


def evaluation_payload(evaluation: page.EvaluationSection) -> dict[str, Any]:
    """Predictions, leads, the training curve and the titles of their axes."""
    return {
        "axes": {"true": TRUE_AXIS, "predicted": PREDICTED_AXIS, "epoch": EPOCH_AXIS, "loss": LOSS_AXIS},
        "range": prediction_range(evaluation.predictions),
        "predictions": [asdict(prediction) for prediction in evaluation.predictions],
        "bars": {"unit": LEAD_AXIS, "bars": bars} if (bars := leads(evaluation)) else None,
        "curve": _curve(evaluation.losses) if evaluation.losses else None,
    }


def leads(evaluation: page.EvaluationSection) -> list[dict[str, Any]]:
    """The reference's leads over the other systems, the smallest first; baselines are grey."""
    baselines = {row.name for row in evaluation.table.rows if row.kind == "baseline"} if evaluation.table else set()
    rows = evaluation.comparison.rows if evaluation.comparison else {}
    bars = [{"name": name, "baseline": name in baselines, **asdict(lead.difference)} for name, lead in rows.items()]
    return sorted(bars, key=lambda bar: bar["value"] or 0.0)


def prediction_range(predictions: Sequence[page.ScatterPoint]) -> Interval:
    """The range of both axes of predicted against true scores: all scores and intervals with a margin of 3 %."""
    values = [
        v for p in predictions for v in (p.true, *vars(p.predicted).values()) if v is not None and math.isfinite(v)
    ]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def _curve(losses: Losses) -> list[dict[str, Any]]:
    parts = {"y": losses.mean, "low": losses.low, "high": losses.high}
    return [
        {"x": float(losses.epochs[i])} | {name: rounded(values[i]) for name, values in parts.items()}
        for i in _evenly(len(losses.epochs), MAX_POINTS)
    ]


def is_static(pan: page.Traces) -> bool:
    """Whether the camera's pan stays within 2 % of the picture."""
    ranges = [float(np.nanmax(v) - np.nanmin(v)) if np.isfinite(v).any() else 0.0 for v in pan.series.values()]
    return max(ranges) < pan.least / 5


def _traces(traces: page.Traces) -> dict[str, Any]:
    series = []
    for name, values in traces.series.items():
        rows = _thin(np.asarray(values, dtype=float))
        time, shown = ([rounded(of[i]) for i in rows] for of in (traces.time, values))
        series.append({"name": name, "t": time, "v": shown, "arc": traces.arcs.get(name)})
    return {"unit": traces.unit, "least": traces.least, "series": series}


def _thin(values: NDArray[np.floating[Any]]) -> list[int]:
    """Rows to draw: all, or the minimum, maximum and first gap of every bucket, which keeps peaks and gaps."""
    if len(values) <= MAX_POINTS:
        return list(range(len(values)))
    rows: set[int] = {0, len(values) - 1}
    for bucket in np.array_split(np.arange(len(values)), MAX_POINTS // 3):
        part = values[bucket]
        missing = np.flatnonzero(~np.isfinite(part))
        if missing.size:
            rows.add(int(bucket[missing[0]]))
        if missing.size < part.size:
            rows.update((int(bucket[np.nanargmin(part)]), int(bucket[np.nanargmax(part)])))
    return sorted(rows)


def _skeleton(skeleton: page.Skeleton) -> dict[str, Any]:
    """Keypoints as whole tenths of a pixel and hundredths of score, flat per frame; score -1 where undetected."""
    kept = _evenly(len(skeleton.time), MAX_POSES)
    points = np.asarray(skeleton.keypoints, dtype=float)[kept]
    detected = np.isfinite(points).all(axis=-1)
    points = np.where(detected[..., None], points, 0.0)
    scaled = np.rint(points * np.array([10.0, 10.0, 100.0])).astype(int)
    scaled[..., 2] = np.where(detected, scaled[..., 2], -1)
    return {
        "t": [rounded(skeleton.time[i]) for i in kept],
        "size": [float(side) for side in skeleton.size],
        "names": list(skeleton.names) or [str(person + 1) for person in range(points.shape[1])],
        "joints": COCO17,
        "points": [frame.ravel().tolist() for frame in scaled],
    }


def _evenly(count: int, most: int) -> list[int]:
    """At most `most` evenly spaced indices below `count`, including the first and last."""
    if count <= most:
        return list(range(count))
    return [int(i) for i in np.unique(np.rint(np.linspace(0, count - 1, most)))]


def rounded(value: Any) -> float | None:
    """The value with five significant digits, which keeps pages small; None if not finite."""
    number = math.nan if value is None else float(f"{float(value):.5g}")  # the largest numbers become infinite
    return number if math.isfinite(number) else None
