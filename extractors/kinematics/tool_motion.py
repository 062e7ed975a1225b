"""Motion of a robot's tools as named channels, from one or two 19-number blocks of JIGSAWS.

Derivatives come from a straight line fitted to the neighbourhood of each row
(`extractors.signals.local_line`), since differences of neighbouring rows at 30 Hz are mostly sensor noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats
from extractors.signals import local_line

Named = tuple[str, Floats]
"""A channel's name, which ends in its unit, and its (row,) values."""

_AXES = "xyz"
_TINY = 1e-9


@dataclass(frozen=True)
class Tool:
    """One tool over `rows` rows.

    Attributes:
        time: (row,) seconds, ascending.
        position: (row, 3) tooltip in m.
        rotation: (row, 3, 3) rotation matrix.
        velocity: (row, 3) m/s, as recorded.
        turning: (row, 3) rotational velocity in rad/s, as recorded.
        gripper: (row,) angle in rad.
        smoothing: standard deviation in seconds of the fits that give derivatives.
    """

    time: Floats
    position: Floats
    rotation: Floats
    velocity: Floats
    turning: Floats
    gripper: Floats
    smoothing: float

    @classmethod
    def from_block(cls, time: Floats, block: Floats, smoothing: float) -> Tool:
        """A tool from the (row, 19) numbers of one block, in the order of `data.datasets.jigsaws_files`."""
        rotation = block[:, 3:12].reshape(-1, 3, 3)
        return cls(time, block[:, :3], rotation, block[:, 12:15], block[:, 15:18], block[:, 18], smoothing)

    def slope(self, values: Floats) -> Floats:
        """Derivative per second of (row, series) values."""
        return local_line(self.time, values, np.ones_like(values), self.smoothing)[1]


def speed(tool: Tool) -> Floats:
    """(row,) length of the recorded velocity in m/s."""
    return np.asarray(np.linalg.norm(tool.velocity, axis=1))


def _position(tool: Tool) -> Iterator[Named]:
    yield from ((f"{axis}_m", tool.position[:, i]) for i, axis in enumerate(_AXES))


def _matrix(tool: Tool) -> Iterator[Named]:
    yield from ((f"r{i + 1}{j + 1}", tool.rotation[:, i, j]) for i in range(3) for j in range(3))


def _six(tool: Tool) -> Iterator[Named]:
    """The first two columns of the matrix: continuous, without redundancy (Zhou et al., CVPR 2019)."""
    yield from ((f"r{i + 1}{j + 1}", tool.rotation[:, i, j]) for j in range(2) for i in range(3))


def _velocity(tool: Tool) -> Iterator[Named]:
    yield from ((f"v{axis}_m_s", tool.velocity[:, i]) for i, axis in enumerate(_AXES))
    yield from ((f"w{axis}_rad_s", tool.turning[:, i]) for i, axis in enumerate(_AXES))


def _gripper(tool: Tool) -> Iterator[Named]:
    yield "gripper_rad", tool.gripper


def _speed(tool: Tool) -> Iterator[Named]:
    yield "speed_m_s", speed(tool)
    yield "turning_rad_s", np.asarray(np.linalg.norm(tool.turning, axis=1))


def _acceleration(tool: Tool) -> Iterator[Named]:
    yield "acceleration_m_s2", np.asarray(np.linalg.norm(tool.slope(tool.velocity), axis=1))


def _jerk(tool: Tool) -> Iterator[Named]:
    yield "jerk_m_s3", np.asarray(np.linalg.norm(tool.slope(tool.slope(tool.velocity)), axis=1))


def _gripper_motion(tool: Tool) -> Iterator[Named]:
    """Speed with a sign: closing is negative."""
    yield "gripper_speed_rad_s", tool.slope(tool.gripper[:, None])[:, 0]


ONE_TOOL: dict[str, Callable[[Tool], Iterator[Named]]] = {
    "position": _position,
    "rotation_matrix": _matrix,
    "rotation_6d": _six,
    "velocity": _velocity,
    "gripper": _gripper,
    "speed": _speed,
    "acceleration": _acceleration,
    "jerk": _jerk,
    "gripper_motion": _gripper_motion,
}
"""Groups of channels of one tool, in the order in which they are stored."""


def two_tools(left: Tool, right: Tool) -> Iterator[Named]:
    """Channels of the two hands together, named `hands_...`.

    Distance of the tips (m; valid if both arms report in one coordinate frame) and its rate, balance
    of the speeds from -1 (only the right one moves) to 1, and cosine between the directions of motion.
    """
    apart = np.linalg.norm(left.position - right.position, axis=1)
    fast, fast_too = speed(left), speed(right)
    yield "hands_distance_m", apart
    yield "hands_approach_m_s", left.slope(apart[:, None])[:, 0]
    yield "hands_balance", (fast - fast_too) / (fast + fast_too + _TINY)
    yield "hands_cosine", (left.velocity * right.velocity).sum(axis=1) / (fast * fast_too + _TINY)
