"""A video's section of a report page, from its score and the outputs of the stages."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from data.errors import VideoError
from data.store import StageOutput, expanded
from data.store.arrays import Measures
from data.video import LABELS, FrameFolder, Record, embed_video, key_frames, probe
from data.video.decoder import RetimedVideo, Video
from data.video.frame_times import frame_length
from data.video.web_media import DEFAULT_LIMIT, as_uri
from extractors.timesteps.people_names import MEASURES, NAME, of_agents, people_names, stored_name
from pipeline.checks.accuracy import Interval
from pipeline.checks.flag_checks import GUESSING
from pipeline.report.chart_json import is_static
from pipeline.report.motion_charts import (
    body_speed,
    camera_pan,
    pose_difference,
    skeleton,
    tool_difference,
    tool_traces,
)
from pipeline.report.movement_section import angle_charts, better_part
from pipeline.report.page_data import KeyFrame, Media, TrainingSteps, VideoSection
from pipeline.score.movement import (
    LEAST_BETTER,
    PEOPLE,
    BetterRanges,
    movement,
)
from pipeline.score.video_score import Score

POSTER_HEIGHT = 360
"""Pixels of the picture that is shown until a video plays."""

STILLS = 8
"""Key frames of a video without time steps."""


def batch_row(result: Score, record: Record, *, name: str | None = None) -> VideoSection:
    """The line of a scored video in the batch table; `name` replaces the id."""
    subject, day = who_and_when(record)
    labels = {name: getattr(record.labels, name) for name in LABELS} if record.labels else {}
    return VideoSection(
        name=result.id if name is None else name,
        result=result,
        truth={name: v for name, v in labels.items() if v is not None and (name != "score" or result.quantity == name)},
        duration=result.duration,
        task=record.task,
        subject=subject,
        day=day,
    )


def who_and_when(record: Record) -> tuple[str, str]:
    """Subject and day of a performance, from its labels or else from its file name; both empty if one is missing.

    Such file names are `anna_2026-05-31.mp4`, `20260531 anna 2.mp4` and `anna/2026-05-31.mp4`.
    """
    path = PurePosixPath(record.id)
    date = _DATE.search(path.stem) or _DATE.search(str(path.parent))
    day = record.day or ("-".join(date.groups()) if date else "")
    words = [_LAST_NUMBER.sub("", _DATE.sub(" ", part)).strip(" _-.") for part in (path.stem, path.parent.name)]
    subject = record.groups.get("subject") or next((word for word in words if date and word), "")
    return (subject, day) if subject and day else ("", "")


_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_LAST_NUMBER = re.compile(r"[ _-]+\d{1,3}\s*$")


@dataclass(frozen=True)
class ModelFacts:
    """Facts of the model that a section shows.

    Attributes:
        training: steps of the training videos to compare with.
        better: ranges of the better training videos, by task.
        labelled: number of labelled training videos; 0 without a comparison.
    """

    training: TrainingSteps | None = None
    better: Mapping[str, BetterRanges] = field(default_factory=dict)
    labelled: int = 0


NO_FACTS = ModelFacts()


def section_of_video(
    result: Score,
    record: Record,
    outputs: Mapping[str, StageOutput],
    *,
    page: Path,
    name: str | None = None,
    facts: ModelFacts = NO_FACTS,
    limit_bytes: int = DEFAULT_LIMIT,
) -> VideoSection:
    """A video's section: score, video, key frames, skeletons and curves. An unreadable video is left out.

    Args:
        outputs: outputs by stage name; any stage may be missing.
        page: path of the report; links to videos are relative to it.
        name: shown name of the video; default: the id.
        limit_bytes: larger videos are linked; 0 links all.
    """
    media, duration = _media(record.video, page, limit_bytes)
    pose, flow, tools = (outputs.get(stage) for stage in ("pose", "camera_flow", "kinematics"))
    people = next((outputs[stage] for stage in PEOPLE if stage in outputs), None)
    moved, names = (movement(people), people_names(people.floats("keypoints"))) if people else (None, ())
    ranges = ranges_of(facts.better, record.task)
    quality = {stage: named_measures(measures) for stage, measures in result.quality.items()}
    row = batch_row(replace(result, quality=quality), record, name=name)
    performed = is_performance(result)
    camera = camera_pan(flow) if flow else None
    charts = [pose_difference(pose) or body_speed(pose)] if pose else []
    charts += [tool_difference(tools)] if tools else []
    return replace(
        row,
        duration=row.duration if duration is None else duration,
        training=facts.training and facts.training.times(result.difficulty or 1.0),
        media=media,
        key_frames=_stills(record.video, row.time_steps, duration or 0.0) if media else (),
        skeleton=skeleton(pose) if pose else None,
        difference=tuple(chart for chart in charts if chart is not None),
        camera=camera,
        moved=moved if row.time_steps and performed else None,
        still="pose" not in outputs or (camera is not None and is_static(camera)),
        people=names,
        kinematics=tool_traces(tools) if tools else (),
        angles=angle_charts(moved, names) if moved else (),
        better=better_part(moved, result.steps, names, ranges) if moved and ranges and performed else None,
        no_better=_no_better(facts) if moved and performed and not ranges else "",
    )


def _no_better(facts: ModelFacts) -> str:
    """Why movement is not compared with the better training videos; empty if it never is."""
    few = f"that takes {2 * LEAST_BETTER} labelled training videos, and this model has {facts.labelled}"
    why = few if facts.labelled < 2 * LEAST_BETTER else "this model keeps no movement of this video's group"
    return f"Differences from better videos are not said: {why}." if facts.labelled else ""


def is_performance(result: Score) -> bool:
    """Whether the video shows a performance; the flag of a model that only guesses is ignored."""
    return result.failure is None and all(flag.kind == GUESSING for flag in result.flags if flag.level == "bad")


def named_measures(measures: Measures) -> Measures:
    """Quality measures with the names of people in place of the model's agents: "observed (left athlete)"."""
    people = of_agents(measures, NAME)
    shown = {
        stored_name(measure, agent): f"{measure} ({name})" for agent, name in people.items() for measure in MEASURES
    }
    names = {stored_name(NAME, agent) for agent in people}
    return {shown.get(key, key): value for key, value in measures.items() if key not in names}


def ranges_of(better: Mapping[str, BetterRanges], task: str) -> BetterRanges | None:
    """The ranges of a video's task; those of the only task for a video without one, such as an upload."""
    return next(iter(better.values())) if not task and len(better) == 1 else better.get(task)


def _media(video: Video | None, page: Path, limit_bytes: int) -> tuple[Media | None, float | None]:
    """The video for the page and its duration in seconds; both None if it is unreadable."""
    if video is None:
        return None, None
    try:
        info, times = probe(video)
        embedded, (first,) = embed_video(video, limit_bytes), key_frames(video, [0.0], POSTER_HEIGHT)
    except (VideoError, OSError):
        return None, None
    duration = float(times[-1]) + frame_length(times)
    path = video.folder if isinstance(video, FrameFolder) else video.path if isinstance(video, RetimedVideo) else video
    link, note = _link(path, page), "" if embedded is None else embedded.note
    if embedded is None and path != video:  # a page cannot show a folder
        return None, duration
    if embedded is None and expanded("~").name in Path(link).parts:  # shared pages must not name an account
        link, note = path.name, "The video is too large to embed: keep a copy beside this page."
    elif embedded is None:
        note = "The video is too large to embed: keep it in its folder."
    if embedded is not None and embedded.rate is not None:
        times = np.arange(round(duration * embedded.rate)) / embedded.rate
    uri, poster = embedded.uri if embedded else None, as_uri("image/jpeg", first)
    return Media(uri, link, info.width, info.height, note, poster, tuple(times.tolist())), duration


def _link(path: Path, page: Path) -> str:
    """The video's address relative to the page's folder; absolute if a relative path is impossible."""
    try:
        return os.path.relpath(path.resolve(), page.resolve().parent)
    except ValueError:  # another drive
        return path.resolve().as_uri()


def _stills(path: Video | None, steps: Sequence[Interval], duration: float) -> tuple[KeyFrame, ...]:
    """One still in the middle of every step, or `STILLS` over the video."""
    times = [(start + end) / 2 for start, end in steps] or [(i + 0.5) / STILLS * duration for i in range(STILLS)]
    try:
        stills = key_frames(path, times) if path is not None else []
    except (VideoError, OSError):
        stills = []
    return tuple(KeyFrame(time, still) for time, still in zip(times, stills, strict=False))
