"""Kinematics of the surgical robot: master and slave tools, as channels of equal names and units.

Pairing: the data set's readme calls columns 39-57 the left slave. But in 102 of 102 scored trials the left master moves
with columns 58-76 (speed correlation .95-.98 against .18-.34). Subtraction in file order would compare opposite hands,
so the default `pairing` is "motion"; "column" is the readme's order.

The result depends only on the kinematics file. If a video can be opened, the quality values compare its length. Frames
and rows start together and have the same rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from data.datasets.jigsaws_kinematics import BLOCK, RATE_HZ, parse_kinematics
from data.errors import DataError, VideoError
from data.store import ArraySpec, StageOutput
from data.store.arrays import Floats, Measures
from extractors.base import Extractor, Source, StageConfig, setting
from extractors.kinematics.tool_motion import ONE_TOOL, Tool, two_tools

MASTERS = (slice(0, BLOCK), slice(BLOCK, 2 * BLOCK))  # columns of the left and the right master

SLAVES = {
    "motion": (slice(3 * BLOCK, 4 * BLOCK), slice(2 * BLOCK, 3 * BLOCK)),
    "column": (slice(2 * BLOCK, 3 * BLOCK), slice(3 * BLOCK, 4 * BLOCK)),
}
"""Columns of the slaves that belong to the left and the right master, by pairing."""

MAX_EXTRA_FRAMES = 20  # videos of the official copy have 2 to 20 more frames than there are rows


class KinematicsConfig(StageConfig):
    """Settings of stage `kinematics`: the channels to make from the 76 columns."""

    pairing: Literal["motion", "column"] = setting(
        "motion", "which slave belongs to which master: the one that moves alike, or the one of the same columns"
    )
    smoothing_s: float = setting(
        0.1, "window of speed, acceleration and jerk: the standard deviation of a Gaussian, s", gt=0, le=5
    )
    rotation: Literal["6d", "matrix", "none"] = setting("6d", "6d: first two columns of the rotation matrix")
    gripper: bool | Literal["slave"] = setting(
        True, "gripper angle, rad; slave: only the slaves have it, beside the angle of the master's handle"
    )
    speed: bool = setting(True, "lengths of the two velocities, m/s and rad/s")
    acceleration: bool = setting(True, "length of the acceleration, m/s2")
    jerk: bool = setting(True, "length of the jerk, m/s3")
    gripper_motion: bool = setting(True, "speed of the gripper angle, rad/s, closing is negative")
    bimanual: bool = setting(True, "distance and approach of the two tips, balance and cosine of their motion")

    def groups(self) -> tuple[str, ...]:
        """The stored groups of `ONE_TOOL`, in order: position, velocity and the enabled ones."""
        switches = {name: bool(getattr(self, name, name in ("position", "velocity"))) for name in ONE_TOOL}
        switches["handle"] = self.gripper == "slave"
        switches["rotation_matrix"], switches["rotation_6d"] = self.rotation == "matrix", self.rotation == "6d"
        return tuple(name for name in ONE_TOOL if switches[name])


class Kinematics(Extractor[KinematicsConfig]):
    """Channels of the master and the slave tools of one trial."""

    name = "kinematics"
    version = 2  # curves give the derivatives, not lines
    Config = KinematicsConfig
    reads = frozenset({"kinematics"})
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "time": ArraySpec(("row",), "s", "seconds from the first video frame"),
        "master": ArraySpec(
            ("row", "channel"), "mixed", "the surgeon's handles, left then right; each name ends in its unit"
        ),
        "slave": ArraySpec(("row", "channel"), "mixed", "the instruments that follow them, the same channels in order"),
    }
    clock = "row"

    def extract(self, source: Source) -> StageOutput:
        """The arrays of one trial. Raises DataError: the record has no kinematics file, or a damaged one."""
        rows = source.opened("kinematics", parse_kinematics)
        time = np.arange(len(rows)) / RATE_HZ
        values: dict[str, NDArray[Any]] = {"time": time}
        channels: dict[str, tuple[str, ...]] = {}
        with np.errstate(over="ignore", invalid="ignore"):
            for role, columns in (("master", MASTERS), ("slave", SLAVES[self.config.pairing])):
                left, right = (
                    Tool.from_block(time, rows[:, part], rows[:, master.stop - 1], self.config.smoothing_s)
                    for part, master in zip(columns, MASTERS, strict=True)
                )
                named = [
                    (f"{side}_{name}", channel)
                    for side, tool in (("left", left), ("right", right))
                    for group in self.config.groups()
                    for name, channel in ONE_TOOL[group](tool)
                ]
                named += two_tools(left, right) if self.config.bimanual else ()
                channels[role] = tuple(name for name, _ in named)
                values[role] = np.stack([channel for _, channel in named], axis=1).astype(np.float32)
                if not np.isfinite(values[role]).all():
                    what = "holds numbers too large to be motion in metres"
                    raise DataError(what, where=source.record.sidecars["kinematics"], fix="Get the file again")
            if self.config.gripper == "slave":  # NaN keeps the channels of both arrays equal
                values["master"][:, ["gripper" in name or "handle" in name for name in channels["master"]]] = np.nan
            return StageOutput.of(self.arrays, values, self._quality(source, rows), channels)

    def _quality(self, source: Source, rows: Floats) -> Measures:
        quality: dict[str, float] = {"rows": len(rows), "duration_s": len(rows) / RATE_HZ}
        with suppress(VideoError):
            if source.record.path is not None:
                quality["video_mismatch"] = not 0 <= len(source.times) - len(rows) <= MAX_EXTRA_FRAMES
        return quality
