"""Angles and movement variables from keypoints, and differences from the better training videos."""

import numpy as np
import pytest

from data.video import Labels, Record
from pipeline.score.movement import (
    VARIABLES,
    StepLimits,
    StepVariables,
    better_ranges,
    movement,
    movement_differences,
    steps_of,
)
from tests.helpers.drawn_people import rotation
from tests.helpers.made_outputs import STANDING, pose_output
from tests.helpers.report_samples import FRAMES


def standing(turn=0.0, agents=1):
    """(FRAMES, agents, 17, 3): people who stand still, turned by `turn` degrees in the picture."""
    points = np.full((FRAMES, agents, 17, 3), 0.9)
    for agent in range(agents):
        points[:, agent, :, :2] = STANDING @ rotation(np.radians(turn)).T + 200 + 90 * agent
    return points


def test_a_bent_knee_and_a_tilted_trunk_have_their_degrees():
    points = standing(turn=30)
    knee, along = points[:, 0, 13, :2], points[:, 0, 11, :2] - points[:, 0, 13, :2]
    points[:, 0, 15, :2] = knee + along[:, ::-1] * [1, -1]  # the shin at right angles
    points[5, 0, 15] = np.nan
    angles = movement(pose_output(points)).angles[0]
    assert angles["left_knee"][0] == pytest.approx(90, abs=0.1)
    assert np.isnan(angles["left_knee"][5])
    assert angles["right_knee"][0] == pytest.approx(180, abs=3)
    assert angles["trunk"] == pytest.approx(30, abs=2)
    assert movement(pose_output(standing(turn=180))).angles[0]["trunk"] == pytest.approx(180, abs=1)


def test_two_people_have_differences_and_a_distance_and_one_has_none():
    two = movement(pose_output(standing(agents=2))).variables
    assert two.pair["knee"] == pytest.approx(0, abs=1e-6)
    assert two.pair["distance"][0] > 1
    assert not movement(pose_output(standing())).variables.pair


def hips(*values):
    return StepVariables([{"hip": values}])


def trained(count, hips=100.0):
    """`count` videos of two steps; the hips of number i are at `hips` + i degrees, and its score is i."""
    return [
        (Record(f"v{i}", None, task="10 m", labels=Labels(i)), StepVariables([{"hip": [hips + i, np.nan]}]))
        for i in range(count)
    ]


def test_a_video_outside_the_better_third_differs_by_the_distance_from_their_range():
    unscored = (Record("unscored.mp4", None, task="10 m"), hips(500.0, 500.0))
    ranges = better_ranges([unscored, *trained(30)])["10 m"]
    assert (ranges.videos, ranges.better, ranges.best, ranges.best_score) == (30, 10, "v29", 29.0)
    assert ranges.limits.people[0]["hip"] == [pytest.approx((120.1, 128.9)), None]  # one of ten is below, one above
    assert ranges.typical == 0
    (found,) = movement_differences(hips(83.0, 20.0), ranges.limits)
    assert (found.first, found.last, found.beyond) == (0, 0, pytest.approx(-37.1))
    assert movement_differences(hips(115.0, 20.0), ranges.limits) == [], "too small a difference"
    assert better_ranges(trained(9)) == {}
    assert better_ranges(trained(10))["10 m"].better == 5


def test_neighbouring_steps_are_one_difference_and_the_furthest_gives_its_numbers():
    limits = StepLimits([{"hip": [(100.0, 120.0)] * 4}])
    found = movement_differences(hips(80.0, 60.0, 150.0, 110.0), limits)
    assert [(d.first, d.last, d.furthest, d.value) for d in found] == [(0, 1, 1, 60.0), (2, 2, 2, 150.0)]


def test_a_step_has_the_mean_of_its_frames():
    moved = movement(pose_output(standing(turn=30)))
    steps = steps_of(moved, np.array([(0.0, 1.0), (1.0, 2.0), (9.0, 10.0)]))
    assert steps.people[0]["trunk"][:2] == pytest.approx([30, 30], abs=2)
    assert np.isnan(steps.people[0]["trunk"][2])


@pytest.mark.parametrize("rate_hz", [1, 2, 3, 4, 5])
def test_the_mean_turning_of_a_pendulum_is_right_or_left_out(rate_hz):
    """A sine of 90 degrees turns by 360 degrees a swing. From 4 Hz on, the frames near its ends have no rate."""
    angles = 90 * np.sin(2 * np.pi * rate_hz * np.arange(FRAMES) / 25)
    moved = movement(pose_output(np.stack([standing(angle)[0] for angle in angles])))
    (mean,) = steps_of(moved, np.array([(0.0, FRAMES / 25)])).people[0]["turning"]
    assert np.isnan(mean) if rate_hz > 3 else mean == pytest.approx(360 * rate_hz, rel=0.05)


def simulated(random):
    """Variables of one body in ten steps, each a random walk back to its own mean, four times the least difference."""
    made = {}
    for name, variable in VARIABLES.items():
        values, own = [random.normal()], 0.5 * random.normal()
        for _ in range(9):
            values.append(0.7 * values[-1] + 0.71 * random.normal())
        made[name] = [4 * variable.least * (value + own) for value in values]
    return StepVariables([made])


@pytest.mark.parametrize(("videos", "typical"), [(10, 11.6667), (27, 7.2), (60, 7.5), (200, 7.0)])
def test_the_typical_number_of_differences_is_the_approved_one(videos, typical):
    """That of new videos of these random walks, within 15 %, as a simulation found."""
    random = np.random.default_rng(videos)
    group = [(record, simulated(random)) for record, _ in trained(videos)]
    assert better_ranges(group)["10 m"].typical == pytest.approx(typical, abs=1e-4)
