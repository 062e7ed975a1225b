"""Reads UI-PRMD's and KIMORE's tables of Kinect joints, which have no header: one row per frame.

- KIMORE, 100 columns: x, y, z in metres and a tracking state (0 none, 1 inferred, 2 tracked) of 25 joints.
- UI-PRMD, 66 columns: x, y, z in centimetres of 22 joints. Only the waist is in room coordinates. Every other joint is
  relative to its parent, in the parent's axes, so the file of angles (degrees, the same columns) is required too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.keypoints.entries import Keypoints, keypoint_error, text_of
from data.keypoints.skeletons import SKELETONS
from data.store.arrays import Floats

PARENTS = (-1, 0, 1, 2, 3, 4, 2, 6, 7, 8, 2, 10, 11, 12, 0, 14, 15, 16, 0, 18, 19, 20)
"""Parent of each joint of UI-PRMD."""

CHAINS = (0, 6, 10, 14, 18)
"""Joints of UI-PRMD that begin a chain with the rotation of their parent alone, as in the publisher's program."""


def is_kimore(rows: Sequence[Sequence[str]]) -> bool:
    """True for a table without a header in which most rows have KIMORE's number of cells."""
    if 2 * sum(len(row) in (100, 101) for row in rows) <= len(rows):
        return False
    try:
        for cell in rows[0]:
            float(cell or 0)
    except ValueError:
        return False
    return True


def kimore_keypoints(path: Path, rows: Sequence[Sequence[str]]) -> Keypoints:
    """The bodies in the rows of a JointPosition file of KIMORE.

    An empty cell is a missing joint. A row may hold several frames, one after another. A row with any other number of
    cells counts as missing frames, so that later rows keep their time: one per 100 cells, rounded, at least one.
    """
    blocks: list[Floats] = []
    for line, row in enumerate(rows):
        cells = row[:-1] if not row[-1].strip() and len(row) % 100 == 1 else row
        if len(cells) % 100 == 0:
            values = _numbers(path, [cell if cell.strip() else "nan" for cell in cells], line)
        else:
            values = np.full(100 * max(1, round(len(cells) / 100)), np.nan)
        blocks.append(values.reshape(-1, 25, 4))
    return _alone(path, "KIMORE", np.concatenate(blocks) / [1, 1, 1, 2])


def ui_prmd_keypoints(path: Path, angles: Path | None) -> Keypoints:
    """The bodies in UI-PRMD's positions and angles, in metres. Raises DataError: no angles, or unequal rows."""
    if angles is None:
        raise keypoint_error(path, "has relative positions, but no file of angles", "Add the folder Angles")
    places, degrees = (_table(name) for name in (path, angles))
    if places.shape != degrees.shape:
        raise keypoint_error(
            angles, f"has {len(degrees)} rows, the positions have {len(places)}", "Get both files again"
        )
    points = absolute_positions(places.reshape(-1, 22, 3), degrees.reshape(-1, 22, 3)) * 0.01
    return _alone(path, "UI-PRMD", np.pad(points, ((0, 0), (0, 0), (0, 1)), constant_values=1))


def _alone(path: Path, skeleton: str, points: Floats) -> Keypoints:
    """One unnamed person in every frame."""
    return Keypoints.of_bodies(path, (skeleton, SKELETONS[skeleton]), points, range(len(points)), complete=True)


def absolute_positions(places: Floats, degrees: Floats) -> Floats:
    """(frame, 22, 3) positions in the room from positions relative to the parents.

    The rotation of a joint is Rz Ry Rx of its three angles. Rotations multiply along a chain. The chains of the arms
    and legs begin with the rotation of the chest or waist (`CHAINS`).
    """
    from scipy.spatial.transform import Rotation

    rotations = Rotation.from_euler("xyz", degrees.reshape(-1, 3), degrees=True).as_matrix().reshape(*degrees.shape, 3)
    out, total = places.copy(), rotations.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        axes = rotations[:, parent] if joint in CHAINS else total[:, parent]
        out[:, joint] = out[:, parent] + np.einsum("fij,fj->fi", axes, places[:, joint])
        total[:, joint] = axes @ rotations[:, joint]
    return np.asarray(out)


def _table(path: Path) -> Floats:
    rows = [line.split(",") for line in text_of(path, "table of numbers").splitlines() if line.strip()]
    for line, row in enumerate(rows):
        if len(row) != 66:
            raise keypoint_error(
                path, f"row {line + 1}: {len(row)} numbers, not 66", "Give the Kinect's files, not Vicon's"
            )
    if not rows:
        raise keypoint_error(path, "is empty")
    return np.array([_numbers(path, row, line) for line, row in enumerate(rows)])


def _numbers(path: Path, row: Sequence[str], line: int) -> Floats:
    try:
        return np.array([float(cell) for cell in row])
    except ValueError as error:
        raise keypoint_error(path, f"row {line + 1}: {str(error)[:60]}") from None
