"""A video's section from what the stages stored and what the scorer said.

parts = observed(record.id, record.path, outputs, page=Path("report.html"))
video = dataclasses.replace(parts, score=71.2, steps=steps(bounds, step_scores, attention))
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import VideoError
from data.store import StageOutput
from data.video import embed_video, key_frames, probe
from data.video.media import DEFAULT_LIMIT
from pipeline.report import motion_charts as motion
from pipeline.report.page_data import KeyFrame, Media, Step, Traces, VideoReport

Row = Sequence[float] | NDArray[np.floating]

ROLES = ("primary", "secondary")
"""Names of the first two agents; further ones are numbered."""


def observed(
    video_id: str,
    path: Path | None,
    outputs: Mapping[str, StageOutput],
    *,
    page: Path,
    limit_bytes: int = DEFAULT_LIMIT,
    names: tuple[str, ...] = ROLES,
) -> VideoReport:
    """Everything of a video's section but the scores: video, key frames, skeletons, curves, quality.

    Args:
        video_id: the record's id.
        path: the video, or None where there is none.
        outputs: outputs by stage name; any stage may be absent.
        page: where the report will lie, so that a linked video is found from it.
        limit_bytes: larger videos are linked; 0 links all.
        names: what the agents are called.
    """
    media, duration = _media(path, page, limit_bytes)
    bounds = outputs["timesteps"].arrays["bounds"].values if "timesteps" in outputs else np.empty((0, 2))
    quality = {f"{stage}: {name}": value for stage, out in outputs.items() for name, value in out.quality.items()}
    pose, flow, tools = (outputs.get(name) for name in ("pose", "camera_flow", "kinematics"))
    return VideoReport(
        id=video_id,
        duration=duration if duration is not None else _last(bounds),
        media=media,
        key_frames=_stills(path if media else None, bounds, duration),
        skeleton=motion.skeleton(pose, names) if pose else None,
        difference=_difference(pose, tools),
        camera=motion.camera_path(flow) if flow else None,
        kinematics=motion.tool_traces(tools) if tools else (),
        quality=quality,
    )


def steps(
    bounds: NDArray[np.floating] | Sequence[Row],
    scores: Row,
    attention: Sequence[Row] | NDArray[np.floating] | None = None,
    expected: Row | None = None,
    spread: Row | None = None,
) -> tuple[Step, ...]:
    """Steps of a section.

    Args:
        bounds: (T, 2) seconds.
        scores: (T,) share of each step in the score.
        attention: (T, 2) weights of the scene and of the interaction.
        expected, spread: (T,) mean and standard deviation of the step over the training videos.
    """
    made = []
    for i, (start, end) in enumerate(bounds):
        weights = None if attention is None or len(attention) == 0 else attention[i]
        made.append(
            Step(
                float(start),
                float(end),
                float(scores[i]),
                None if expected is None else float(expected[i]),
                None if spread is None else float(spread[i]),
                None if weights is None else float(weights[0]),
                None if weights is None else float(weights[1]),
            )
        )
    return tuple(made)


def _media(path: Path | None, page: Path, limit_bytes: int) -> tuple[Media | None, float | None]:
    """The video for the page and its duration; None where it cannot be read, which never stops a report."""
    if path is None:
        return None, None
    link = _link(path, page)
    try:
        info, times = probe(path)
        embedded = embed_video(path, limit_bytes)
    except (VideoError, OSError):
        return None, None
    duration = float(times[-1]) + (float(np.median(np.diff(times))) if len(times) > 1 else 0.04)
    note = "The video is too large to embed: keep it where it is." if embedded is None else embedded.note
    return Media(embedded.uri if embedded else None, link, info.width, info.height, note), duration


def _link(path: Path, page: Path) -> str:
    """The video's address from the page's folder; absolute where there is no way from one to the other."""
    try:
        return os.path.relpath(path.resolve(), page.resolve().parent)
    except ValueError:  # another drive
        return path.resolve().as_uri()


def _stills(path: Path | None, bounds: NDArray[np.generic], duration: float | None) -> tuple[KeyFrame, ...]:
    """One still in the middle of every step, or eight over the video."""
    if path is None:
        return ()
    if len(bounds):
        times = [float(t) for t in np.asarray(bounds, dtype=np.float64).mean(axis=1)]
    else:
        times = [float(t) for t in (np.arange(8) + 0.5) / 8 * (duration or 0.0)]
    try:
        stills = key_frames(path, times)
    except (VideoError, OSError):
        return ()
    return tuple(KeyFrame(time, uri) for time, uri in zip(times, stills, strict=True))


def _difference(pose: StageOutput | None, tools: StageOutput | None) -> tuple[Traces, ...]:
    found = []
    if pose:
        found.append(motion.pose_difference(pose) or motion.body_speed(pose))
    if tools:
        found.append(motion.tool_difference(tools))
    return tuple(chart for chart in found if chart is not None)


def _last(bounds: NDArray[np.generic]) -> float | None:
    return float(np.asarray(bounds, dtype=np.float64).max()) if len(bounds) else None
