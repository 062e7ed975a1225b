"""Names of the people in the roles of the primary and the secondary agent."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.timesteps.people_names import people_names, role_names
from extractors.timesteps.roles import parse_role
from tests.helpers.report_samples import keypoints


@pytest.mark.parametrize(
    ("roles", "exchanged", "names"),
    [
        (("pose:0", "pose:1"), False, ("left athlete", "right athlete")),
        (("pose:1", "pose:0"), False, ("right athlete", "left athlete")),
        (("pose:0", "pose:1"), True, ("right athlete", "left athlete")),
        (("pose:0", "camera_flow"), False, ()),
        (("pose:0:left", "pose:0:right"), False, ()),
        (("pose:0", "pose:1", "pose:2"), False, ()),
        (("pose:0", "pose:2"), False, ()),
    ],
)
def test_two_people_have_names_and_other_agents_have_none(
    roles: tuple[str, ...], exchanged: bool, names: tuple[str, ...]
) -> None:
    points = keypoints()
    named = role_names([*map(parse_role, roles)], points[:, ::-1] if exchanged else points)
    assert tuple(named.values()) == names


def test_people_who_were_not_detected_keep_their_order() -> None:
    assert people_names(np.full((4, 2, 17, 3), np.nan)) == ("left athlete", "right athlete")
    assert people_names(np.zeros((4, 1, 17, 3))) == ("athlete",)
    assert people_names(np.zeros((4, 3, 17, 3)))[2] == "athlete 3"
