"""Names of the people in place of the model's agents."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.timesteps.roles import parse_role
from pipeline.score.people_names import agent_namer
from tests.helpers.made_outputs import pose_output
from tests.helpers.report_samples import keypoints

TITLE, MEASURE = "secondary agent missing", "masked_steps_primary"


@pytest.mark.parametrize(
    ("primary", "secondary", "exchanged", "title", "measure"),
    [
        ("pose:0", "pose:1", False, "right athlete missing", "masked_steps (left athlete)"),
        ("pose:1", "pose:0", False, "left athlete missing", "masked_steps (right athlete)"),
        ("pose:0", "pose:1", True, "left athlete missing", "masked_steps (right athlete)"),
        ("pose:0", "camera_flow", False, TITLE, MEASURE),
        ("pose:0:left", "pose:0:right", False, TITLE, MEASURE),
    ],
)
def test_two_people_have_names_and_other_agents_keep_theirs(
    primary: str, secondary: str, exchanged: bool, title: str, measure: str
) -> None:
    points = keypoints()
    outputs = {"pose": pose_output(points[:, ::-1] if exchanged else points)}
    name = agent_namer([parse_role(primary), parse_role(secondary)], outputs)
    assert (name(TITLE), name(MEASURE)) == (title, measure)
    detail = name("In 30 % of the time steps the secondary agent was not detected, most in the secondary agents.")
    assert detail.count(title.removesuffix(" missing")) == 2


def test_agents_keep_their_names_without_an_output() -> None:
    roles = [parse_role("pose:0"), parse_role("pose:1")]
    assert agent_namer(roles, {})(TITLE) == TITLE
    assert agent_namer(roles, {"pose": pose_output(np.full((4, 2, 17, 3), np.nan))})(TITLE) == "right athlete missing"
