"""A video's section of a report page, from its score and the outputs of the stages.

video = video_report(score, record, outputs, page=Path("report.html"))
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from data.errors import VideoError
from data.store import StageOutput
from data.video import FrameFolder, Record, embed_video, key_frames, probe
from data.video.media import DEFAULT_LIMIT, frame_length
from pipeline.report import motion_charts as motion
from pipeline.report.page_data import KeyFrame, Media, Traces, VideoReport
from pipeline.results import Score, StepScore

ROLES = ("primary", "secondary")
"""Names of the first two agents; further ones are numbered."""

STILLS = 8
"""Key frames of a video without time steps."""


def batch_row(result: Score, record: Record, *, name: str | None = None) -> VideoReport:
    """The line of a scored video in the batch table; `name` replaces the id."""
    labels = vars(record.labels) if record.labels else {}
    return VideoReport(
        name=result.id if name is None else name,
        result=result,
        truth={label: value for label, value in labels.items() if value is not None},
        duration=result.steps[-1].end if result.steps else None,
        task=record.task,
    )


def video_report(
    result: Score,
    record: Record,
    outputs: Mapping[str, StageOutput],
    *,
    page: Path,
    name: str | None = None,
    expected: Sequence[tuple[float, float]] = (),
    limit_bytes: int = DEFAULT_LIMIT,
) -> VideoReport:
    """A video's section: score, video, key frames, skeletons and curves. An unreadable video is left out.

    Args:
        result: the video's score.
        record: the video, with its labels where known.
        outputs: outputs by stage name; any stage may be absent.
        page: path of the report, to which the address of a linked video is relative.
        name: what the page calls the video; the id where left out.
        expected: mean and standard deviation of each step's score over the training videos.
        limit_bytes: larger videos are linked; 0 links all.
    """
    media, duration = _media(record.video, page, limit_bytes)
    pose, flow, tools = (outputs.get(stage) for stage in ("pose", "camera_flow", "kinematics"))
    row = batch_row(result, record, name=name)
    return replace(
        row,
        duration=row.duration if duration is None else duration,
        expected=tuple(expected),
        media=media,
        key_frames=_stills(record.video, result.steps, duration or 0.0) if media else (),
        skeleton=motion.skeleton(pose, ROLES) if pose else None,
        difference=_difference(pose, tools),
        camera=motion.camera_path(flow) if flow else None,
        kinematics=motion.tool_traces(tools) if tools else (),
    )


def _media(path: Path | FrameFolder | None, page: Path, limit_bytes: int) -> tuple[Media | None, float | None]:
    """The video for the page and its duration in seconds; None for both where it cannot be read."""
    if path is None:
        return None, None
    try:
        info, times = probe(path)
        embedded = embed_video(path, limit_bytes)
    except (VideoError, OSError):
        return None, None
    duration = float(times[-1]) + frame_length(times)
    if isinstance(path, FrameFolder):
        if embedded is None:
            return None, duration
        return Media(embedded.uri, _link(path.folder, page), info.width, info.height, embedded.note), duration
    note = "The video is too large to embed: keep it in its folder." if embedded is None else embedded.note
    return Media(embedded.uri if embedded else None, _link(path, page), info.width, info.height, note), duration


def _link(path: Path, page: Path) -> str:
    """The video's address relative to the page's folder; absolute where there is no relative path."""
    try:
        return os.path.relpath(path.resolve(), page.resolve().parent)
    except ValueError:  # another drive
        return path.resolve().as_uri()


def _stills(path: Path | FrameFolder | None, steps: Sequence[StepScore], duration: float) -> tuple[KeyFrame, ...]:
    """One still in the middle of every step, or `STILLS` over the video."""
    times = [(step.start + step.end) / 2 for step in steps] or [(i + 0.5) / STILLS * duration for i in range(STILLS)]
    try:
        stills = key_frames(path, times) if path is not None else []
    except (VideoError, OSError):
        stills = []
    return tuple(KeyFrame(time, uri) for time, uri in zip(times, stills, strict=False))


def _difference(pose: StageOutput | None, tools: StageOutput | None) -> tuple[Traces, ...]:
    charts = []
    if pose:
        charts.append(motion.pose_difference(pose) or motion.body_speed(pose))
    if tools:
        charts.append(motion.tool_difference(tools))
    return tuple(chart for chart in charts if chart is not None)
