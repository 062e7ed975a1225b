"""Names of the people of a video, such as "left athlete"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.timesteps.roles import Role


def people_names(points: NDArray[np.floating[Any]]) -> tuple[str, ...]:
    """A name for each person of keypoints (frame, agent, 17, 3); two people are named by their median place."""
    count = points.shape[1]
    if count == 2:
        places = [values[np.isfinite(values)] for values in (points[:, agent, :, 0] for agent in (0, 1))]
        exchanged = all(map(len, places)) and np.median(places[0]) > np.median(places[1])
        return ("right athlete", "left athlete") if exchanged else ("left athlete", "right athlete")
    return ("athlete",) if count == 1 else tuple(f"athlete {number}" for number in range(1, count + 1))


def role_names(roles: Sequence[Role], points: NDArray[np.floating[Any]]) -> dict[str, str]:
    """The names of the primary and the only secondary agent; empty unless they are two people of the keypoints."""
    people = [role.agent for role in roles if role.kind == "pose" and not role.half]
    if len(roles) != 2 or len(people) != 2 or points.ndim != 4 or not max(people) < points.shape[1]:
        return {}
    names = people_names(points)
    return {part: names[agent] for part, agent in zip(("primary", "secondary"), people, strict=True)}
