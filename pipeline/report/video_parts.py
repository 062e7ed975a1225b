"""What the page shows of one video, as plain values; part of `pipeline.report.page_data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.results import VideoScore


@dataclass(frozen=True)
class Step:
    """One time step of a scored video.

    Attributes:
        start, end: bounds in seconds.
        score: this step's share of the score, R(Z_t) of equation 6, in score points.
        expected: mean of the same step over the training videos; the video's own mean stands in for None.
        spread: standard deviation of the same step over the training videos.
        scene, interaction: the two attention weights of equation 4, which sum to 1, or None without fusion.
    """

    start: float
    end: float
    score: float
    expected: float | None = None
    spread: float | None = None
    scene: float | None = None
    interaction: float | None = None


@dataclass(frozen=True)
class Media:
    """The video itself.

    Attributes:
        uri: the whole video as a `data:` URI (`data.video.media.embed_video`), or None.
        link: address of the file relative to the page, used where `uri` is None; it may not exist elsewhere.
        width, height: pixels as shown, after rotation.
        note: why the video is linked, re-encoded or absent.
    """

    uri: str | None
    link: str | None
    width: int
    height: int
    note: str = ""


@dataclass(frozen=True)
class KeyFrame:
    """A still: its time in seconds and its JPEG as a `data:` URI."""

    time: float
    uri: str


@dataclass(frozen=True)
class Skeleton:
    """Tracked people to draw over the video.

    Attributes:
        time: (frame,) seconds.
        keypoints: (frame, agent, 17, 3) x px, y px, score in COCO-17 order, NaN where unseen.
        size: width and height of the picture that the pixels refer to.
        names: one per agent, such as ("primary", "secondary").
    """

    time: NDArray[np.floating[Any]]
    keypoints: NDArray[np.floating[Any]]
    size: tuple[float, float]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Traces:
    """Curves over time that share one chart.

    Attributes:
        title: heading of the chart.
        unit: unit of every curve.
        time: (row,) seconds, ascending.
        series: (row,) values by name, NaN where unknown.
        about: one sentence on how to read it.
        least: smallest height of the axis in the unit, so that noise is not drawn as large as motion.
    """

    title: str
    unit: str
    time: NDArray[np.floating[Any]]
    series: Mapping[str, NDArray[np.floating[Any]]]
    about: str = ""
    least: float = 0.0


@dataclass(frozen=True)
class CameraPath:
    """Where the camera pointed.

    Attributes:
        time: (row,) seconds.
        x, y: (row,) pan in picture widths and heights since the first frame, positive right and down.
        zoom: (row,) magnification against the first frame.
        rotation: (row,) degrees against the first frame.
    """

    time: NDArray[np.floating[Any]]
    x: NDArray[np.floating[Any]]
    y: NDArray[np.floating[Any]]
    zoom: NDArray[np.floating[Any]]
    rotation: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class VideoReport(VideoScore):
    """Everything that the page shows of one video; `id` is unique within the page, flags come in any order.

    Attributes:
        truth: the judges' scores by name ("score", "execution", ...), where known.
        duration: seconds.
        task: group of the video, such as "Suturing".
        media, key_frames, skeleton, steps, camera: see their classes.
        difference: primary minus secondary over time, by body part or tool.
        kinematics: charts of the tools' motion.
        checked: what was looked at for flags; without flags the page claims no more than this.
        quality: figures of the stages by "stage: figure".
    """

    truth: Mapping[str, float] = field(default_factory=dict)
    duration: float | None = None
    task: str = ""
    media: Media | None = None
    key_frames: tuple[KeyFrame, ...] = ()
    steps: tuple[Step, ...] = ()
    skeleton: Skeleton | None = None
    difference: tuple[Traces, ...] = ()
    camera: CameraPath | None = None
    kinematics: tuple[Traces, ...] = ()
    checked: tuple[str, ...] = ()
    quality: Mapping[str, float | int | str | bool] = field(default_factory=dict)
