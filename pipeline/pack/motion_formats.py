"""Joints and joint angles for motion analysis: TRC, C3D, MOT and CSV, one file an agent.

Joints of a picture are two-dimensional: x right, y up, z 0. Their unit is the torso length, or the metre where the
height of a person is given. Joints in three dimensions are in metres already.

Metres follow from the body's chain: mid-shoulders, mid-hips, and the longer leg to its ankle. The chain of a standing
person is `CHAIN_OF_HEIGHT` of the height. It never looks longer than it is, so the 90th percentile over time counts.
The height of the box around a person is no measure: of one person before four calibrated cameras it was off by 19 to
33 %, the chain by at most 3 % (`python -m benchmarks.metres`).
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import DataError, UsageError, printable, significant
from data.keypoints.skeletons import COCO17
from data.store import StageOutput, write_text
from data.store.arrays import Floats
from data.store.atomic_writes import atomic_path
from data.video import Record
from extractors.keypoint_geometry import body_chains_of, interior_angles, torsos_of
from extractors.signals import even_grid, row_period
from extractors.timesteps.pose_channels import ANGLES
from pipeline.observer import Observer
from pipeline.pack.pack_formats import Packed, place_of
from pipeline.settings.config import Config

CHAIN_OF_HEIGHT = 0.818 - 0.039
"""Heights of shoulder and ankle in body heights: Drillis and Contini 1966, in Winter 2009, figure 4.1.

From lengths of de Leva 1996 (doi:10.1016/0021-9290(95)00178-6) it is .788 for men and .749 for women.
"""

OF_JOINTS = ("pose", "skeleton")
"""Stages whose joints can be written."""

MARKERS = tuple(name.title().replace("Left_", "L").replace("Right_", "R") for name in COCO17)
"""Names as Pose2Sim and Sports2D write them, such as LShoulder."""

WARNING = (
    "warning: metres are two-dimensional, and right for a camera square to the motion and a person at one distance; "
    "shoulder to ankle along the body counts as .779 of --height"
)


@dataclass(frozen=True)
class AgentMotion:
    """One agent over time."""

    time: Floats  # (frame,) seconds
    joints: Floats  # (frame, 17, 3) x, y up, z; NaN where a joint is missing
    unit: str = ""  # "m" or "torso"
    about: str = ""  # how long the unit is


def check_height(height: float | None, form: str) -> None:
    """Raise UsageError for a height that is none of a person in metres, or with a format that has no lengths."""
    if height is not None and not 0.3 <= height <= 3:
        raise UsageError(f"a height of {height:g} m", where="--height", fix="Give it in metres, such as 1.75")
    if height is not None and form not in PLACES:
        raise UsageError(f"{form} has no metres", where="--height", fix=f"Add --format {PLACES[0]}, or leave it out")


def stage_of_joints(config: Config) -> str:
    """The stage whose joints are written. Raises UsageError: the configuration has none."""
    stages = config.method.with_upstream(config.method.stages)
    stage = next((name for name in OF_JOINTS if name in stages), "")
    if not stage:
        raise UsageError("these settings find no joints", fix="Choose a --config with the stage pose or skeleton")
    return stage


def write_motions(
    out: Path,
    form: str,
    outputs: Iterator[tuple[Record, StageOutput]],
    height: float | None,
    observer: Observer,
) -> Packed:
    """Write a file for each agent, called `<video>.agent<k>` where there are several.

    Videos that show no agent, no body to measure, or a gap that the format cannot hold are left out with a note.
    Raises DataError where none is left.
    """
    written, files = list[Record](), list[Path]()
    for record, output in outputs:
        try:
            agents = list(_motions(output, height, scaled=form in PLACES))
            several = output.arrays["keypoints"].values.shape[1] > 1
            for agent, motion in agents:
                path = place_of(out, record, f"agent{agent}.{form}" if several else form)
                path.parent.mkdir(parents=True, exist_ok=True)
                MOTIONS[form](path, motion)
                files.append(path)
                if height is not None and motion.unit == "m" and len(files) == 1:
                    observer.note(WARNING)
        except DataError as error:
            observer.note(f"left out: {record.name}: {error}")
            continue
        written.append(record)
    if not written:
        raise DataError("no performance has joints to write", fix="Extract the stage pose or skeleton first")
    written.sort(key=lambda record: record.id)
    return Packed(out, written, len(files), sum(path.stat().st_size for path in files))


def _motions(output: StageOutput, height: float | None, *, scaled: bool) -> Iterator[tuple[int, AgentMotion]]:
    """The agents with joints, by number. The first of them gives the unit of all: they are in one picture."""
    keypoints = output.arrays["keypoints"].values.astype(np.float64)
    present = np.flatnonzero(np.isfinite(keypoints[..., 0]).any(axis=(0, 2)))
    if not present.size:
        raise DataError(
            "no agent was detected", fix="Check pose.region, pose.tracks and pose.min_score; then extract again"
        )
    time = output.arrays["time"].values.astype(np.float64)
    joints, unit, about = keypoints[..., :-1], "m", "metres, as in the file of keypoints"
    if joints.shape[-1] == 2:
        bottom = float(output.arrays["size"].values[1]) if "size" in output.arrays else 0.0
        joints = np.stack(
            [joints[..., 0], bottom - joints[..., 1], np.where(np.isfinite(joints[..., 0]), 0, np.nan)], -1
        )
        if scaled:
            length, unit, about = length_of_unit(keypoints[:, present[0]], height)
            joints = joints / length
    elif height is not None:
        raise UsageError("these joints are in metres", where="--height", fix="Leave it out")
    for agent in present.tolist():
        yield agent, AgentMotion(time, joints[:, agent], unit, about)


def length_of_unit(keypoints: Floats, height: float | None) -> tuple[float, str, str]:
    """Pixels of the unit of one agent's joints (frame, 17, 3), its name, and a sentence about it."""
    lengths = torsos_of(keypoints) if height is None else body_chains_of(keypoints)
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    if not lengths.size:
        what = "no frame shows shoulders and hips" if height is None else "no frame shows shoulders, hips and a leg"
        raise DataError(what, fix="Extract it again with other settings of pose")
    if height is None:  # a torso that bends to the camera looks short
        pixels = float(np.percentile(lengths, 80))
        return pixels, "torso", f"torso lengths: 1 is {pixels:.2f} px, mid-shoulders to mid-hips"
    pixels = float(np.percentile(lengths, 90)) / (CHAIN_OF_HEIGHT * height)
    return pixels, "m", f"2-D metres: 1 is {pixels:.2f} px, from a height of {height:g} m"


def _write_trc(path: Path, motion: AgentMotion) -> None:
    """OpenSim's marker file; a missing joint is three empty cells."""
    rate, count = f"{1 / row_period(motion.time):.6g}", len(motion.time)
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{printable(path.name)} ({motion.about})",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join(map(str, [rate, rate, count, len(MARKERS), motion.unit, rate, 1, count])),
        "Frame#\tTime\t" + "".join(f"{name}\t\t\t" for name in MARKERS),
        "\t\t" + "\t".join(f"X{k}\tY{k}\tZ{k}" for k in range(1, len(MARKERS) + 1)),
    ]
    for number, (time, row) in enumerate(zip(motion.time, motion.joints.reshape(count, -1), strict=True), start=1):
        lines.append("\t".join([str(number), f"{time:.6f}", *_cells(row, "")]))
    write_text(path, "\n".join(lines) + "\n")


def _write_c3d(path: Path, motion: AgentMotion) -> None:
    """Frames of C3D have one rate: each is the nearest in time. A missing joint has the residual -1.

    Raises DataError: a gap in the times would become far more frames than there are.
    """
    import c3d

    grid, period = even_grid(motion.time)
    if period > row_period(motion.time):
        seconds = significant(float(np.diff(motion.time).max()))
        raise DataError(f"a gap of {seconds} s, and C3D has one rate", fix="Write trc, whose frames have times")
    nearest = np.rint(np.interp(grid, motion.time, np.arange(len(motion.time)))).astype(int)
    writer = c3d.Writer(point_rate=1 / period, point_units=motion.unit)
    writer.set_point_labels(MARKERS)
    writer.set_screen_axis("+X", "+Y")
    writer.point_group.add_str("ABOUT", "", motion.about, len(motion.about))
    for row in motion.joints[nearest]:
        missing = np.where(np.isfinite(row).all(axis=1), 0.0, -1.0)
        points = np.column_stack([np.nan_to_num(row), missing, np.zeros(len(row))])
        writer.add_frames([(points, np.array([]))])
    with atomic_path(path) as temporary, temporary.open("wb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of a file without force plates
        writer.write(stream)


def _angles(motion: AgentMotion) -> Floats:
    """(frame, 8) interior angles of `ANGLES` in degrees; 180 is straight."""
    columns = []
    for joints in ANGLES.values():
        columns.append(np.degrees(interior_angles(*(motion.joints[:, COCO17.index(joint)] for joint in joints))))
    return np.stack(columns, axis=1)


def _write_mot(path: Path, motion: AgentMotion) -> None:
    """OpenSim's motion file; a missing angle is nan."""
    angles = _angles(motion)
    lines = [printable(path.name), "version=1", f"nRows={len(angles)}", f"nColumns={len(ANGLES) + 1}", "inDegrees=yes"]
    lines += [
        "",
        "Interior angles of the joints, in the picture where joints are 2-D; 180 is straight.",
        "",
        "endheader",
        "\t".join(["time", *ANGLES]),
    ]
    lines += ["\t".join([f"{t:.6f}", *_cells(row, "nan")]) for t, row in zip(motion.time, angles, strict=True)]
    write_text(path, "\n".join(lines) + "\n")


def _write_angles(path: Path, motion: AgentMotion) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["time", *[f"{name}_deg" for name in ANGLES]])
        writer.writerows([f"{t:.6f}", *_cells(row, "")] for t, row in zip(motion.time, _angles(motion), strict=True))


def _cells(row: Floats, missing: str) -> list[str]:
    return [missing if value != value else f"{value:.6f}" for value in row.tolist()]


PLACES = ("trc", "c3d")
"""Formats that hold joints, and need a unit."""

MOTIONS: Mapping[str, Callable[[Path, AgentMotion], None]] = {
    "trc": _write_trc,
    "c3d": _write_c3d,
    "mot": _write_mot,
    "angles.csv": _write_angles,
}
"""Formats by the ending of their files."""
