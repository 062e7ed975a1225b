"""What the stages of one video say about each of its frames, looked up by time: the content of a preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store import StageOutput
from data.video import Record
from data.video.media import frame_length, shown_at

STEADY = 0.01
"""Picture widths per second (or log scale, or radians) below which a camera is called still in words."""

Reals = NDArray[np.floating]


@dataclass(frozen=True)
class Body:
    """One agent in one frame."""

    agent: int  # index in the arrays of the pose stage
    keypoints: Reals  # (17, 3) x px, y px, score; NaN where there is no detection
    box: Reals  # (4,) x1 y1 x2 y2 px, NaN where there is no detection
    filled: bool  # the joints are interpolated


@dataclass(frozen=True)
class BorderFlow:
    """The border cells of one frame pair."""

    boxes: Reals  # (cell, 4) x1 y1 x2 y2 in shares of the picture
    flow: Reals  # (cell, 2) picture widths and heights per second
    usable: NDArray[np.bool_]  # (cell,) whether the flow means something
    motion: str  # the camera's motion in words


@dataclass(frozen=True)
class PreviewScene:
    """Everything that is drawn for one video."""

    record: Record
    size: tuple[int, int]  # width and height in pixels
    times: NDArray[np.float64]  # (N,) presentation time of every frame in seconds
    outputs: Mapping[str, StageOutput]  # of the stages, as the cache reads them; any may be missing
    roles: Mapping[int, str] = field(default_factory=dict)  # name of each agent, such as {0: "primary"}

    @property
    def end(self) -> float:
        """Seconds from the first frame until the last one has been shown."""
        return float(self.times[-1]) + self.frame_length

    @property
    def frame_length(self) -> float:
        """Seconds that a typical frame is shown."""
        return frame_length(self.times)

    @property
    def agents(self) -> int:
        """Number of agents that the pose stage keeps."""
        keypoints = self.array("pose", "keypoints")
        return 0 if keypoints is None else keypoints.shape[1]

    def name(self, agent: int) -> str:
        """What the time steps call an agent, or its number where they do not use it."""
        return self.roles.get(agent, f"agent {agent}")

    def array(self, stage: str, name: str) -> Any:
        """Values of an array, or None where the stage is not there."""
        output = self.outputs.get(stage)
        return None if output is None else output.arrays[name].values

    def spans(self, stage: str) -> Reals:
        """(step, 2) first and last second of each clip or time step; without entries where there are none."""
        bounds = self.array(stage, "bounds")
        return np.zeros((0, 2)) if bounds is None else np.asarray(bounds, np.float64)

    def bodies(self, time: float) -> list[Body]:
        """The agents in the frame shown at `time`."""
        keypoints, times = self.array("pose", "keypoints"), self.array("pose", "time")
        if keypoints is None or not len(keypoints):
            return []
        row = shown_at(times, time)
        boxes, filled = self.array("pose", "boxes"), self.array("pose", "filled")
        return [
            Body(agent, keypoints[row, agent], boxes[row, agent], bool(filled[row, agent]))
            for agent in range(keypoints.shape[1])
            if np.isfinite(keypoints[row, agent, :, 0]).any()
        ]

    def border(self, time: float) -> BorderFlow | None:
        """The pair of frames that begins with the frame shown at `time`, or the last pair before it."""
        times = self.array("camera_flow", "time")
        if times is None or not len(times):
            return None
        row = shown_at(times[:, 0], time)
        names = ("cell_box", "cells", "cell_mask", "motion", "cut")
        boxes, flow, usable, motion, cut = (self.array("camera_flow", name) for name in names)
        if cut[row]:
            words = "cut"
        elif np.abs(motion[row]).max() < STEADY:
            words = "camera still"
        else:
            words = "pan {:+.2f} {:+.2f}/s zoom {:+.2f}/s turn {:+.2f}/s".format(*motion[row].tolist())
        return BorderFlow(boxes, flow[row], usable[row].astype(bool), words)


def roles_of(settings: Mapping[str, Any]) -> dict[int, str]:
    """Names of the pose stage's agents by the settings of the time steps.

    >>> roles_of({"primary": "pose:0", "secondary": ["pose:1"]})
    {0: 'primary', 1: 'secondary'}
    """
    from extractors.timesteps import TimestepsConfig

    primary, *secondary = TimestepsConfig.model_validate(settings).roles()
    names = {role.agent: "secondary" for role in reversed(secondary) if role.kind == "pose"}
    names |= {primary.agent: "primary"} if primary.kind == "pose" else {}
    return dict(sorted(names.items()))
