"""Names of the people in a video, such as "left athlete", and quality values of the agents of the time steps.

A quality value of an agent is stored as `<measure>_<agent>`, see `stored_name`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.timesteps.roles import Role

AGENTS = ("primary", "secondary")
NAME, MEASURES = "name", ("observed", "bridged", "masked_steps")
"""Quality values of an agent: the name of its person, and shares of time."""


def stored_name(measure: str, agent: str) -> str:
    """The name of an agent's measure among the quality values of an output."""
    return f"{measure}_{agent}"


def of_agents(quality: Mapping[str, Any], measure: str) -> dict[str, Any]:
    """A measure by agent, for the agents that have it."""
    names = {agent: stored_name(measure, agent) for agent in AGENTS}
    return {agent: quality[name] for agent, name in names.items() if name in quality}


def people_names(points: NDArray[np.floating[Any]]) -> tuple[str, ...]:
    """A name for each person in keypoints (frame, agent, 17, 3); two people are named by median position."""
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
    return {part: names[agent] for part, agent in zip(AGENTS, people, strict=True)}
