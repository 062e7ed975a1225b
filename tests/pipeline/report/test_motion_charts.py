"""Charts of bodies, tools and the camera from planted motion."""

import numpy as np

from data.store.arrays import Array, StageOutput
from pipeline.report import motion_charts
from tests.helpers.approved_numbers import ApprovedNumbers, summary
from tests.helpers.made_outputs import STANDING, motion_of_camera, pose_of

TORSO = 45.0
TIME = np.arange(60) / 25


def pose(*people):
    """Pose outputs of (frame, 17, 2) people in pixels, all joints certain."""
    return pose_of(people, score=1.0)


def falling(scale=1.0, place=0.0):
    """(frame, 17, 2) a standing person who falls."""
    fall = np.stack([np.full(60, 200.0), 60 + 80 * TIME**2], axis=1)
    return scale * (STANDING + fall[:, None]) + [place, 0]


def test_equal_bodies_differ_by_nothing_whatever_their_size_and_place():
    made = motion_charts.pose_difference(pose(falling(), falling(place=150)))
    assert set(made.series) == {*motion_charts.BODY_PARTS, "hips"}
    larger = motion_charts.pose_difference(pose(falling(), falling(2.0)))
    for values in (*made.series.values(), *(larger.series[part] for part in motion_charts.BODY_PARTS)):
        np.testing.assert_allclose(values, 0, atol=1e-9)


def test_a_raised_arm_and_a_late_fall_are_shown_where_they_are(snapshot):
    raised, late = falling(), falling() + [0, 1] * (TIME * 0.3 * TORSO)[:, None, None]
    raised[:, [7, 8, 9, 10]] += [0, -0.5 * TORSO]
    pairs = {"raised": raised, "late": late}
    made = {name: motion_charts.pose_difference(pose(falling(), one)) for name, one in pairs.items()}
    numbers = {f"{name} {part}": summary(values) for name, one in made.items() for part, values in one.series.items()}
    assert numbers == snapshot.use_extension(ApprovedNumbers)


def test_undetected_joints_leave_gaps_and_one_body_has_no_difference():
    points = pose(falling(), falling())
    points.arrays["keypoints"].values[20:30, 1, [13, 14, 15, 16], 2] = 0.01
    made = motion_charts.pose_difference(points)
    assert np.isnan(made.series["legs"]).nonzero()[0].tolist() == list(range(20, 30))
    assert np.isfinite(made.series["arms"]).all()
    for people in ((falling(),), (falling(), falling() * np.nan)):
        assert motion_charts.pose_difference(pose(*people)) is None
    assert motion_charts.body_speed(pose(falling() * np.nan)) is None


def test_the_speed_of_a_part_is_relative_to_the_hips():
    waving = falling()
    waving[:, [7, 8, 9, 10], 0] += (2.0 * TORSO * TIME)[:, None]
    made = motion_charts.body_speed(pose(waving))
    np.testing.assert_allclose(made.series["arms"], 2.0, atol=1e-6)
    np.testing.assert_allclose(made.series["legs"], 0, atol=1e-6)


def test_the_path_of_the_camera_is_the_negative_sum_of_the_motion(snapshot):
    """In widths and heights of the picture, times and degrees."""
    rng = np.random.default_rng(0)
    ends = np.cumsum(rng.uniform(0.02, 0.06, 31))
    motion = rng.normal(size=(30, 4))
    motion[7] = np.nan
    made = motion_charts.camera_pan(motion_of_camera(motion, np.stack([ends[:-1], ends[1:]], axis=1)))
    curves = {"time": made.time, "x": made.series["right"], "y": made.series["down"]}
    numbers = {name: summary(values) for name, values in curves.items()}
    assert numbers == snapshot.use_extension(ApprovedNumbers)
    assert motion_charts.camera_pan(motion_of_camera(np.zeros((0, 4)), np.zeros((0, 2)))) is None


def test_charts_of_tools_are_the_channels_that_were_stored(snapshot):
    names = ("left_speed_m_s", "left_gripper_rad", "hands_distance_m")
    master = np.random.default_rng(1).uniform(size=(60, 3))
    rows = {"master": master, "slave": 0.5 * master}
    stored = {name: Array(values, ("row", "channel"), "mixed", names=names) for name, values in rows.items()}
    time = Array(TIME, ("row",), "s")
    given = StageOutput({"time": time, **stored})
    charts = (motion_charts.tool_difference(given), *motion_charts.tool_traces(given))
    numbers = {f"{chart.title}: {name}": summary(values) for chart in charts for name, values in chart.series.items()}
    assert numbers == snapshot.use_extension(ApprovedNumbers)
    assert motion_charts.tool_difference(StageOutput({"time": time})) is None


def test_smoothing_is_the_mean_of_the_known_values(snapshot):
    values = np.random.default_rng(2).normal(size=30)
    values[[4, 5, 6, 7, 8, 9, 20]] = np.nan
    assert {"smooth": summary(motion_charts.smooth(values))} == snapshot.use_extension(ApprovedNumbers)


def test_a_skeleton_has_the_names_of_its_people():
    for people, names in (
        ((falling(),), ("athlete",)),
        ((falling(), falling(place=150)), ("left athlete", "right athlete")),
        ((falling(place=150), falling()), ("right athlete", "left athlete")),
        (3 * (falling(),), ("athlete 1", "athlete 2", "athlete 3")),
    ):
        made = motion_charts.skeleton(pose(*people))
        assert (made.names, made.size) == (names, (640.0, 360.0))
