"""Motion of a robot's tools as named channels, from one or two 19-number blocks of JIGSAWS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats
from extractors.smoothing import derivative

NamedChannel = tuple[str, Floats]  # a channel's name, which ends in its unit, and its (row,) values
_TINY = 1e-9


@dataclass(frozen=True)
class Tool:
    """One tool over `rows` rows."""

    time: Floats  # (row,) seconds, ascending
    position: Floats  # (row, 3) tooltip in m
    rotation: Floats  # (row, 3, 3) rotation matrix
    velocity: Floats  # (row, 3) m/s, as recorded
    turning: Floats  # (row, 3) rotational velocity in rad/s, as recorded
    gripper: Floats  # (row,) angle in rad
    handle: Floats  # (row,) gripper angle in rad of this tool's master
    smoothing: float  # standard deviation in seconds of the fits for derivatives

    @classmethod
    def from_block(cls, time: Floats, block: Floats, handle: Floats, smoothing: float) -> Tool:
        """A tool from the (row, 19) numbers of one block, in the order of `data.datasets.jigsaws_kinematics`."""
        rotation = block[:, 3:12].reshape(-1, 3, 3)
        return cls(time, block[:, :3], rotation, block[:, 12:15], block[:, 15:18], block[:, 18], handle, smoothing)

    def slope(self, values: Floats) -> Floats:
        """Derivative per second of (row, series) values, fitted because differences of rows are mostly sensor noise."""
        return derivative(self.time, values[:, :, None], np.ones_like(values), self.smoothing)[0][:, :, 0]


def lengths(vectors: Floats) -> Floats:
    """(row,) lengths of (row, 3) vectors."""
    return np.asarray(np.linalg.norm(vectors, axis=1))


def _axes(name: str, vectors: Floats) -> list[NamedChannel]:
    """The columns of (row, 3) vectors; {} in `name` becomes x, y or z."""
    return [(name.format(axis), vectors[:, i]) for i, axis in enumerate("xyz")]


def _matrix(tool: Tool, places: Iterable[tuple[int, int]]) -> list[NamedChannel]:
    return [(f"r{i + 1}{j + 1}", tool.rotation[:, i, j]) for i, j in places]


ONE_TOOL: dict[str, Callable[[Tool], list[NamedChannel]]] = {
    "position": lambda tool: _axes("{}_m", tool.position),
    "rotation_matrix": lambda tool: _matrix(tool, np.ndindex(3, 3)),
    # The first two columns of the matrix: continuous, without redundancy (Zhou et al., CVPR 2019).
    "rotation_6d": lambda tool: _matrix(tool, ((i, j) for j in range(2) for i in range(3))),
    "velocity": lambda tool: _axes("v{}_m_s", tool.velocity) + _axes("w{}_rad_s", tool.turning),
    "gripper": lambda tool: [("gripper_rad", tool.gripper)],
    "handle": lambda tool: [("handle_rad", tool.handle)],
    "speed": lambda tool: [("speed_m_s", lengths(tool.velocity)), ("turning_rad_s", lengths(tool.turning))],
    "acceleration": lambda tool: [("acceleration_m_s2", lengths(tool.slope(tool.velocity)))],
    "jerk": lambda tool: [("jerk_m_s3", lengths(tool.slope(tool.slope(tool.velocity))))],
    # Closing is negative.
    "gripper_motion": lambda tool: [("gripper_speed_rad_s", tool.slope(tool.gripper[:, None])[:, 0])],
}
"""Groups of channels of one tool, in the order in which they are stored."""


def two_tools(left: Tool, right: Tool) -> Iterator[NamedChannel]:
    """Channels of the two hands together, named `hands_...`.

    They are the distance of the tips in m and its rate, the balance of the speeds from -1 (only the right tool moves)
    to 1, and the cosine between the directions of motion. The distance is valid if both arms share a coordinate frame.
    """
    apart = lengths(left.position - right.position)
    fast, fast_too = lengths(left.velocity), lengths(right.velocity)
    yield "hands_distance_m", apart
    yield "hands_approach_m_s", left.slope(apart[:, None])[:, 0]
    yield "hands_balance", (fast - fast_too) / (fast + fast_too + _TINY)
    yield "hands_cosine", (left.velocity * right.velocity).sum(axis=1) / (fast * fast_too + _TINY)
