"""Names of the people of a video, such as "left athlete", in place of the model's primary and secondary agent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from data.store import StageOutput
from data.store.arrays import Floats
from extractors.timesteps.roles import Role
from pipeline.score.movement import PEOPLE

AGENT = re.compile(r"(primary|secondary) agents?|_(primary|secondary)$")
"""An agent in a text, or at the end of a quality measure's name."""


def people_names(points: Floats) -> tuple[str, ...]:
    """A name for each person of keypoints (frame, agent, 17, 3); two people are named by their median place."""
    count = points.shape[1]
    if count == 2:
        places = [values[np.isfinite(values)] for values in (points[:, agent, :, 0] for agent in (0, 1))]
        exchanged = all(map(len, places)) and np.median(places[0]) > np.median(places[1])
        return ("right athlete", "left athlete") if exchanged else ("left athlete", "right athlete")
    return ("athlete",) if count == 1 else tuple(f"athlete {number}" for number in range(1, count + 1))


def agent_namer(roles: Sequence[Role], outputs: Mapping[str, StageOutput]) -> Callable[[str], str]:
    """A function that replaces agents in a text by names; it changes nothing unless the agents are two people."""
    people = next((outputs[stage] for stage in PEOPLE if stage in outputs), None)
    names = () if people is None else people_names(np.asarray(people.arrays["keypoints"].values))
    if len(names) < 2 or not roles or any(role.kind != "pose" or role.half for role in roles):
        return str
    who = {part: names[role.agent] for part, role in zip(("primary", "secondary"), roles, strict=False)}

    def name(match: re.Match[str]) -> str:
        return who[match[1]] if match[1] else f" ({who[match[2]]})"

    return lambda text: AGENT.sub(name, text)
