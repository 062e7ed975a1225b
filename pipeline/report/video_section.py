"""A video's section of a report page, from its score and the outputs of the stages.

Bodies are compared without their size and position in the picture: joints are relative to the middle of the hips and in
torso lengths (the median of the body over the video).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import VideoError
from data.store import StageOutput
from data.store.arrays import Floats, Measures
from data.video import LABELS, FrameFolder, Record, embed_video, key_frames, probe
from data.video.decoder import RetimedVideo, Video
from data.video.frame_times import frame_length
from data.video.web_media import DEFAULT_LIMIT, as_uri
from extractors.smoothing import MOTION_S, derivative
from extractors.timesteps.people_names import MEASURES, NAME, of_agents, people_names, stored_name
from extractors.timesteps.pose_points import JITTER
from pipeline.checks.accuracy import Interval
from pipeline.checks.flag_checks import GUESSING
from pipeline.report.movement_section import angle_charts, better_part
from pipeline.report.page_data import CameraTrajectory, KeyFrame, Media, Skeleton, Traces, TrainingSteps, VideoSection
from pipeline.report.payload import is_static
from pipeline.score.movement import (
    LEAST_BETTER,
    PEOPLE,
    BetterRanges,
    StepVariables,
    compared_steps,
    known_mean,
    movement,
)
from pipeline.score.score import Score

POSTER_HEIGHT = 360
"""Pixels of the picture that is shown until a video plays."""

STILLS = 8
"""Key frames of a video without time steps."""

BODY_PARTS = {"head": (0, 1, 2, 3, 4), "trunk": (5, 6, 11, 12), "arms": (7, 8, 9, 10), "legs": (13, 14, 15, 16)}
"""COCO-17 joints by body part."""

LEAST_SCORE = 0.05
"""Curves of bodies ignore joints below this score."""

SMOOTHING = 5
"""Frames of the moving average of joint curves, which removes jitter of the pose estimator."""

_MASTER_CHARTS = (("Speed of the tools", "m/s", "speed_m_s"), ("Gripper angle", "rad", "gripper_rad"))


def batch_row(result: Score, record: Record, *, name: str | None = None) -> VideoSection:
    """The line of a scored video in the batch table; `name` replaces the id."""
    subject, day = who_and_when(record)
    labels = {name: getattr(record.labels, name) for name in LABELS} if record.labels else {}
    return VideoSection(
        name=result.id if name is None else name,
        result=result,
        truth={label: value for label, value in labels.items() if value is not None},
        duration=result.duration,
        task=record.task,
        subject=subject,
        day=day,
    )


def who_and_when(record: Record) -> tuple[str, str]:
    """Subject and day of a performance, from its labels or else from its file name; both empty where one is missing.

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
        labelled: number of labelled training videos; 0 where the page compares with none.
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
        outputs: outputs by stage name; any stage may be absent.
        page: path of the report, to which the address of a linked video is relative.
        name: shown name of the video; the id where left out.
        limit_bytes: larger videos are linked; 0 links all.
    """
    media, duration = _media(record.video, page, limit_bytes)
    pose, flow, tools = (outputs.get(stage) for stage in ("pose", "camera_flow", "kinematics"))
    people = next((outputs[stage] for stage in PEOPLE if stage in outputs), None)
    moved, names = (movement(people), people_names(_floats(people, "keypoints"))) if people else (None, ())
    ranges = ranges_of(facts.better, record.task)
    quality = {stage: named_measures(measures) for stage, measures in result.quality.items()}
    row = batch_row(replace(result, quality=quality), record, name=name)
    performed = is_performance(result)
    camera = camera_trajectory(flow) if flow else None
    still = "pose" not in outputs or (camera is not None and is_static(camera))
    bounds = np.array(row.time_steps)
    charts = [pose_difference(pose) or body_speed(pose)] if pose else []
    charts += [tool_difference(tools)] if tools else []
    return replace(
        row,
        duration=row.duration if duration is None else duration,
        training=facts.training,
        media=media,
        key_frames=_stills(record.video, row.time_steps, duration or 0.0) if media else (),
        skeleton=skeleton(pose) if pose else None,
        difference=tuple(chart for chart in charts if chart is not None),
        camera=camera,
        variables=compared_steps(moved, bounds, still) if moved and len(bounds) and performed else StepVariables(),
        people=names,
        kinematics=tool_traces(tools) if tools else (),
        angles=angle_charts(moved, names) if moved else (),
        better=better_part(moved, result.steps, names, ranges) if moved and ranges and performed else None,
        no_better=_no_better(facts) if moved and performed and not ranges else "",
    )


def _no_better(facts: ModelFacts) -> str:
    """Why no movement is compared with the better training videos; empty where it should not be."""
    few = f"that takes {2 * LEAST_BETTER} labelled training videos, and this model has {facts.labelled}"
    why = few if facts.labelled < 2 * LEAST_BETTER else "this model keeps no movement of this video's group"
    return f"What to work on first is not said: {why}." if facts.labelled else ""


def is_performance(result: Score) -> bool:
    """Whether the video shows a performance: what a model that only guesses says does not count against it."""
    return result.failure is None and all(flag.kind == GUESSING for flag in result.flags if flag.level == "bad")


def named_measures(measures: Measures) -> Measures:
    """Quality measures with the names of people in place of the model's agents: "observed (left athlete)"."""
    people = of_agents(measures, NAME)
    shown = {stored_name(one, agent): f"{one} ({name})" for agent, name in people.items() for one in MEASURES}
    names = {stored_name(NAME, agent) for agent in people}
    return {shown.get(key, key): value for key, value in measures.items() if key not in names}


def ranges_of(better: Mapping[str, BetterRanges], task: str) -> BetterRanges | None:
    """The ranges of a video's task; those of the only task for a video without one, such as an upload."""
    return next(iter(better.values())) if not task and len(better) == 1 else better.get(task)


def _media(video: Video | None, page: Path, limit_bytes: int) -> tuple[Media | None, float | None]:
    """The video for the page and its duration in seconds; None for both where it cannot be read."""
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
    if embedded is None and path != video:  # no page can show a folder
        return None, duration
    if embedded is None and Path.home().name in Path(link).parts:  # a page that is passed on names no account
        link, note = path.name, "The video is too large to embed: keep a copy beside this page."
    elif embedded is None:
        note = "The video is too large to embed: keep it in its folder."
    if embedded is not None and embedded.rate is not None:
        times = np.arange(round(duration * embedded.rate)) / embedded.rate
    uri, poster = embedded.uri if embedded else None, as_uri("image/jpeg", first)
    return Media(uri, link, info.width, info.height, note, poster, tuple(times.tolist())), duration


def _link(path: Path, page: Path) -> str:
    """The video's address relative to the page's folder; absolute where there is no relative path."""
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


def skeleton(pose: StageOutput) -> Skeleton:
    """The people of a `pose` output, ready to draw, with names such as "left athlete"."""
    width, height = (float(side) for side in pose.arrays["size"].values)
    points = _floats(pose, "keypoints")
    return Skeleton(_floats(pose, "time"), points, (width, height), people_names(points))


def pose_difference(pose: StageOutput) -> Traces | None:
    """Distance between the first two bodies by part, and of their hips, in torso lengths; None for one body.

    `hips` is the change of the vector between the hips since the first frames: zero for two divers who fall side by
    side at the same time.
    """
    points = _floats(pose, "keypoints")
    if points.shape[1] < 2:
        return None
    bodies = [_body(points[:, agent]) for agent in (0, 1)]
    if any(torso is None for _, _, torso in bodies):
        return None
    (shape_a, hips_a, torso_a), (shape_b, hips_b, torso_b) = bodies
    gaps = np.linalg.norm(shape_a - shape_b, axis=-1)
    series = {part: smooth(known_mean(gaps[:, joints], axis=1)) for part, joints in BODY_PARTS.items()}
    apart = (hips_a - hips_b) / (0.5 * ((torso_a or 0.0) + (torso_b or 0.0)))
    series["hips"] = smooth(np.linalg.norm(apart - _start(apart), axis=-1))
    about = "Bodies are aligned at the hips. The curve of the hips shows how far these moved relative to each other."
    phrases = {part: f"the {part} of the two differ by" for part in BODY_PARTS}
    phrases["hips"] = "the hips of the two have moved against each other by"
    time = _floats(pose, "time")
    return Traces("Difference between the two", "torso lengths", time, series, about, phrases=phrases)


def body_speed(pose: StageOutput) -> Traces | None:
    """Speed of each part of the first body relative to its hips, in torso lengths/s; None where never detected."""
    time = _floats(pose, "time")
    shape, _, torso = _body(_floats(pose, "keypoints")[:, 0])
    if torso is None or len(time) < 3:
        return None
    velocity, known = derivative(time, np.nan_to_num(shape), np.isfinite(shape[..., 0]) * 1.0, MOTION_S, JITTER)
    speed = np.where(known & np.isfinite(shape[..., 0]), np.linalg.norm(velocity, axis=-1), np.nan)
    series = {part: known_mean(speed[:, joints], axis=1) for part, joints in BODY_PARTS.items()}
    return Traces(
        "Movement of the body",
        "torso lengths/s",
        time,
        series,
        "Relative to the hips: rotation and limbs, without the fall.",
    )


def tool_difference(kinematics: StageOutput) -> Traces | None:
    """Master minus slave speed of each hand in m/s, from the channels `left_speed_m_s`, `right_speed_m_s`."""
    series = {}
    for hand in ("left", "right"):
        master, slave = (_channel(kinematics, role, f"{hand}_speed_m_s") for role in ("master", "slave"))
        if master is not None and slave is not None:
            series[f"{hand} tool"] = master - slave
    if not series:
        return None
    return Traces("Master minus slave speed", "m/s", _floats(kinematics, "time"), series, "At zero the slave follows.")


def tool_traces(kinematics: StageOutput) -> tuple[Traces, ...]:
    """Charts of the stored channels: speed and gripper angle of all tools, distance of the hands."""
    time = _floats(kinematics, "time")
    charts = []
    for title, unit, channel in _MASTER_CHARTS:
        series = {
            f"{hand} {role}": values
            for role in ("master", "slave")
            for hand in ("left", "right")
            if (values := _channel(kinematics, role, f"{hand}_{channel}")) is not None
        }
        if series:
            charts.append(Traces(title, unit, time, series))
    apart = _channel(kinematics, "slave", "hands_distance_m")
    if apart is not None:
        charts.append(Traces("Distance of the slave tips", "m", time, {"distance": apart}))
    return tuple(charts)


def camera_trajectory(flow: StageOutput) -> CameraTrajectory | None:
    """Direction of the camera relative to the first frame, from the motion of the content in `camera_flow`.

    The content moves opposite to the camera, so pan and rotation are summed with inverted sign. The time between
    sampled pairs has the motion of the next pair. Unknown motion counts as none.
    """
    times = _floats(flow, "time")
    if len(times) == 0:
        return None
    motion = np.nan_to_num(_floats(flow, "motion"))
    ends = np.concatenate([times[:1, 0], times[:, 1]])
    moved = motion * np.diff(ends)[:, None]
    total = np.concatenate([np.zeros((1, 4)), np.cumsum(moved, axis=0)])
    return CameraTrajectory(ends, -total[:, 0], -total[:, 1], np.exp(total[:, 2]), -np.degrees(total[:, 3]))


def smooth(values: NDArray[np.floating[Any]]) -> Floats:
    """Centred mean over `SMOOTHING` values without NaN; NaN where the value itself is NaN."""
    padded = np.pad(np.asarray(values, dtype=np.float64), SMOOTHING // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SMOOTHING)
    return np.where(np.isfinite(values), known_mean(windows, axis=1), np.nan)


def _body(points: Floats) -> tuple[Floats, Floats, float | None]:
    """(frame, 17, 2) joints relative to the hips in torso lengths, (frame, 2) hips and the torso length in pixels."""
    joints = np.where(points[..., 2:] >= LEAST_SCORE, points[..., :2], np.nan)
    hips = known_mean(joints[:, (11, 12)], axis=1)
    lengths = np.linalg.norm(known_mean(joints[:, (5, 6)], axis=1) - hips, axis=-1)
    valid = lengths[np.isfinite(lengths) & (lengths > 0)]
    torso = float(np.median(valid)) if valid.size else None
    return (joints - hips[:, None]) / (torso or np.nan), hips, torso


def _start(values: Floats) -> Floats:
    """Median of the first finite rows."""
    finite = values[np.isfinite(values).all(axis=-1)]
    return np.median(finite[:5], axis=0) if len(finite) else np.full(values.shape[-1], np.nan)


def _channel(output: StageOutput, role: str, name: str) -> Floats | None:
    array = output.arrays.get(role)
    if array is None or name not in array.names:
        return None
    return np.asarray(array.values[:, array.names.index(name)], dtype=np.float64)


def _floats(output: StageOutput, name: str) -> Floats:
    return np.asarray(output.arrays[name].values, dtype=np.float64)
