"""Stage `skeleton`: reads a keypoint file without a video into joints like those of `pose`, in 2-D or 3-D.

The file defines identities: the k-th agent is its k-th person. Times are the file's, else from `rate_hz`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from data.keypoints.skeletons import COCO17
from data.stage_files import StageFiles
from data.store import ArraySpec, StageOutput
from data.store.arrays import Floats
from data.video import Record
from extractors.base import Extractor, Source, StageConfig, one_of, setting
from extractors.keypoint_geometry import INTERPOLATED_SCORE
from extractors.signals import fill_gaps
from extractors.smoothing import smoothed

BESIDE = ("angles", "time_stamps")
"""Kinds of files that `read_motion` reads beside the keypoints."""

_TRUNK = [5, 6, 11, 12]  # COCO's shoulders and hips


class SkeletonConfig(StageConfig):
    """Settings of stage `skeleton`."""

    agents: int = setting(1, "people that are kept, in the order in which the file names them", ge=1, le=6)
    rate_hz: float = setting(30.0, "frames per second of files without times", gt=0, le=10_000)
    unit: Literal["m", "cm", "mm"] = setting(
        "m", "unit of 3-D coordinates in files that do not name it; 2-D ones are pixels"
    )
    joints: dict[Annotated[str, one_of(COCO17)], str] = setting(
        {}, "the file's names of joints, such as {left_knee: LKNE}, where they are not recognised"
    )
    up: Literal["y", "-y", "z"] = setting("y", "3-D axis that points up; in 2-D, y points down as in a picture")
    max_gap_s: float = setting(0.6, "gaps of a joint up to this many seconds are interpolated; 0: none", ge=0)
    smoothing_s: float = setting(
        0.06, "width in seconds of the Gaussian of the curve fitted to each joint; 0 keeps the file's", ge=0, le=1
    )


class SkeletonJoints(Extractor[SkeletonConfig]):
    """The joints of a keypoint file, gaps interpolated and smoothed."""

    name = "skeleton"
    version = 5  # TRC and C3D keep the unit that they name
    Config = SkeletonConfig
    reads = frozenset({"keypoints"})
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "time": ArraySpec(("frame",), "s", "seconds, as the file or `rate_hz` says"),
        "keypoints": ArraySpec(
            ("frame", "agent", "joint", "coordinate"),
            "mixed",
            "COCO-17 joints: x, y in pixels with y down, or x, y, z in metres with y up, and score 0..1; NaN and 0 for"
            " missing ones",
        ),
        "filled": ArraySpec(("frame", "agent"), "1", "true where the whole person is interpolated"),
        "centre": ArraySpec(
            ("frame", "axis"), "1", "middle of the first agent's trunk from its median, in torso lengths, y up"
        ),
    }
    clock = "frame"
    headline = ("found_rate", "joint_map")

    @classmethod
    def reads_of(cls, config: SkeletonConfig, record: Record, files: StageFiles) -> Mapping[str, Path]:
        """The angles for UI-PRMD's keypoints, the time stamps for KIMORE's, and files of further people."""
        beside = {kind: path for kind, path in record.sidecars.items() if kind in BESIDE}
        return {**beside, **files.further_people(record.sidecars.get("keypoints"), config.agents)}

    @classmethod
    def ticks(cls, config: SkeletonConfig, frames: int) -> int | None:
        """None: the number of frames depends on the file."""
        return None

    def extract(self, source: Source) -> StageOutput:
        """The arrays of one file. Raises DataError: a missing or unusable keypoint file."""
        from data.keypoints import read_motion

        record = source.record
        angles, time_stamps = (record.sidecars.get(kind) for kind in BESIDE)
        reader = partial(read_motion, angles=angles, time_stamps=time_stamps)
        reader = partial(reader, others=record.further("keypoints"), unit=self.config.unit, joints=self.config.joints)
        motion = source.opened("keypoints", reader)
        count = len(motion.entries)
        time = np.arange(count) / self.config.rate_hz if motion.times is None else motion.times - motion.times[0]
        points = self._oriented(motion.over_time(self.config.agents))
        detected = np.asarray(np.isfinite(points[..., 0]).any(axis=2))
        for agent in range(points.shape[1]):
            self._clean(time, points[:, agent])
        names = (*"xyz"[: points.shape[-1] - 1], "score")
        values: dict[str, NDArray[Any]] = {
            "time": time,
            "keypoints": points.astype(np.float32),
            "filled": ~detected & np.asarray(np.isfinite(points[..., 0]).any(axis=2)),
            "centre": _centre(points[:, 0, :, :-1]).astype(np.float32),
        }
        found_rate = round(float(detected.all(axis=1).mean()), 4)
        channels = {"keypoints": names, "centre": tuple(f"centre_{axis}" for axis in names[:-1])}
        counts = {"found_rate": found_rate, "dimensions": len(names) - 1}
        return StageOutput.of(self.arrays, values, {**counts, "joint_map": motion.layout}, channels)

    def _oriented(self, keypoints: Floats) -> Floats:
        """The keypoints, with y up in 3-D; unchanged in 2-D."""
        if keypoints.shape[-1] == 3:
            return np.array(keypoints)
        x, y, z, score = np.moveaxis(keypoints, -1, 0)
        turned = {"y": (x, y, z), "-y": (x, -y, -z), "z": (x, z, -y)}[self.config.up]
        return np.stack([*turned, score], axis=-1)

    def _clean(self, time: Floats, points: Floats) -> None:
        """Interpolate the gaps of one agent's joints (frame, 17, coordinate), and smooth them, in place."""
        for joint in range(points.shape[1]):
            detected = np.isfinite(points[:, joint, 0])
            if not detected.any():
                continue
            trust = np.where(detected, np.maximum(points[:, joint, -1], 0.01), 0.0)
            weight = np.repeat(trust[:, None], points.shape[-1] - 1, axis=1)
            places, weight = fill_gaps(time, points[:, joint, :-1], weight, self.config.max_gap_s)
            placed = weight[:, 0] > 0
            if self.config.smoothing_s:
                positions = np.where(placed[:, None], places, 0.0)[:, None]
                places = smoothed(time, positions, weight[:, :1], self.config.smoothing_s)[:, 0]
            points[placed, joint, :-1] = places[placed]
            points[placed & ~detected, joint, -1] = INTERPOLATED_SCORE


def _centre(points: Floats) -> Floats:
    """(frame, axis) middle of the trunk of (frame, 17, axis), minus its median, in torso lengths; NaN if missing."""
    trunk = points[:, _TRUNK]
    middle, spine = trunk.mean(axis=1), trunk[:, :2].mean(axis=1) - trunk[:, 2:].mean(axis=1)
    length = np.linalg.norm(spine, axis=1)
    length = length[np.isfinite(length) & (length > 0)]
    if not length.size:
        return np.full_like(middle, np.nan)
    middle = (middle - np.nanmedian(middle, axis=0)) / np.percentile(length, 80)
    return np.asarray(middle * np.array([1.0, -1.0]) if middle.shape[1] == 2 else middle)
