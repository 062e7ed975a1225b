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
from data.video import LABELS, FrameFolder, Record, embed_video, key_frames, probe
from data.video.media import DEFAULT_LIMIT, frame_length
from pipeline.report import motion_charts as motion
from pipeline.report.page_data import KeyFrame, Media, TrainingSteps, VideoReport
from pipeline.results import Score, StepScore

ROLES = ("primary", "secondary")
"""Names of the first two agents; further ones are numbered."""

POSTER_HEIGHT = 360
"""Pixels of the picture that is shown until a video plays."""

STILLS = 8
"""Key frames of a video without time steps."""


def batch_row(result: Score, record: Record, *, name: str | None = None) -> VideoReport:
    """The line of a scored video in the batch table; `name` replaces the id."""
    labels = {name: getattr(record.labels, name) for name in LABELS} if record.labels else {}
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
    training: TrainingSteps | None = None,
    origin: bool = False,
    limit_bytes: int = DEFAULT_LIMIT,
) -> VideoReport:
    """A video's section: score, video, key frames, skeletons and curves. An unreadable video is left out.

    Args:
        outputs: outputs by stage name; any stage may be absent.
        page: path of the report, to which the address of a linked video is relative.
        name: what the page calls the video; the id where left out.
        training: steps of the training videos to compare with.
        origin: whether the address of a linked video may name the account.
        limit_bytes: larger videos are linked; 0 links all.
    """
    media, duration = _media(record.video, page, limit_bytes, origin)
    pose, flow, tools = (outputs.get(stage) for stage in ("pose", "camera_flow", "kinematics"))
    row = batch_row(result, record, name=name)
    charts = [motion.pose_difference(pose) or motion.body_speed(pose)] if pose else []
    charts += [motion.tool_difference(tools)] if tools else []
    return replace(
        row,
        duration=row.duration if duration is None else duration,
        training=training,
        media=media,
        key_frames=_stills(record.video, result.steps, duration or 0.0) if media else (),
        skeleton=motion.skeleton(pose, ROLES) if pose else None,
        difference=tuple(chart for chart in charts if chart is not None),
        camera=motion.camera_path(flow) if flow else None,
        kinematics=motion.tool_traces(tools) if tools else (),
    )


def _media(
    video: Path | FrameFolder | None, page: Path, limit_bytes: int, origin: bool
) -> tuple[Media | None, float | None]:
    """The video for the page and its duration in seconds; None for both where it cannot be read."""
    if video is None:
        return None, None
    try:
        info, times = probe(video)
        embedded, (first,) = embed_video(video, limit_bytes), key_frames(video, [0.0], POSTER_HEIGHT)
    except (VideoError, OSError):
        return None, None
    duration = float(times[-1]) + frame_length(times)
    path = video.folder if isinstance(video, FrameFolder) else video
    link, note = _link(path, page), "" if embedded is None else embedded.note
    if embedded is None and path != video:  # no page can show a folder
        return None, duration
    if embedded is None and not origin and Path.home().name in Path(link).parts:
        link, note = path.name, "The video is too large to embed: keep a copy beside this page."
    elif embedded is None:
        note = "The video is too large to embed: keep it in its folder."
    return Media(embedded.uri if embedded else None, link, info.width, info.height, note, first), duration


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
