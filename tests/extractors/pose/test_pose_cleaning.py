"""Left and right, gaps and smoothing of one agent's joints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.keypoint_geometry import MIRRORED, body_sizes, centres_of
from extractors.pose.cleaning import CleaningConfig, clean_poses, exchanged_sides
from extractors.pose.detections import Detections
from extractors.pose.shot_people import People, Track
from tests.helpers.drawn_people import person


def moving(count=30, spin=0.0):
    """(N, 17, 3) a person who moves steadily and turns."""
    return np.stack([person(100 + 3 * t, 120 + t, spin * t) for t in range(count)]).astype(np.float64)


def clean(times, poses, scores, **config):
    """(N, 17, 3) one person after cleaning; poses (N, views, 17, 3) with scores (N,), 0: not detected.

    The track takes the first body of each frame that has one.
    """
    shot = People()
    for frame, (views, score) in enumerate(zip(poses, scores, strict=True)):
        shot.add(frame, [Detections(view[None], np.array([score])).best(1e-6) for view in views])
    frames = np.array(shot.frames)[shot.starts[:-1]].astype(np.int64)
    numbers = np.flatnonzero(np.diff(frames, prepend=-1))
    poses, frames = shot.bodies(numbers).keypoints, frames[numbers]
    track = Track(shot, numbers, frames, centres_of(poses), body_sizes(poses), np.ones(len(frames)))
    out = np.full((len(times), 17, 3), (np.nan, np.nan, 0), np.float32)
    span = slice(frames[0], frames[-1] + 1)
    clean_poses(out[span], times[span], track, CleaningConfig(**config))
    return out


def lopsided(angles):
    """(N, 17, 3) a body with one arm stretched sideways, turned by angles (N,)."""
    poses = []
    for angle in angles:
        pose = person(0, 0)
        pose[9, 0] += 30
        cos, sin = np.cos(angle), np.sin(angle)
        pose[:, :2] = pose[:, :2] @ np.array([[cos, sin], [-sin, cos]]) + 100
        poses.append(pose.astype(np.float64))
    return np.stack(poses)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.4, 0.4), st.lists(st.tuples(st.integers(6, 35), st.integers(1, 3)), max_size=3))
def test_exchanged_sides_are_put_back_and_right_ones_left(spin, bursts):
    poses = lopsided(spin * np.arange(40))
    wrong = np.zeros(40, dtype=bool)
    for start, length in bursts:
        wrong[start : start + length] = True
    poses[wrong] = poses[wrong][:, MIRRORED]
    assert exchanged_sides(poses, np.arange(40) / 25).tolist() == wrong.tolist()


def test_sides_start_afresh_after_a_gap_and_without_frames():
    poses = lopsided(np.zeros(10))
    poses[5:] = poses[5:][:, MIRRORED]
    times = np.arange(10) / 25
    assert exchanged_sides(poses, times).sum() == 5
    assert not exchanged_sides(poses, times + (times > 0.19)).any()


def test_a_body_that_turns_its_back_keeps_its_sides():
    width = np.cos(np.linspace(0, np.pi, 60))[:, None]
    poses = np.repeat(person(0, 0)[None].astype(np.float64), 60, axis=0)
    poses[..., 0] *= width
    assert not exchanged_sides(poses, np.arange(60) / 25).any()


@pytest.mark.parametrize(("rate", "degrees_per_s", "lost"), [(25, 1080, 0.065), (60, 720, 0.02)])
def test_smoothing_does_not_flatten_a_somersault(rate, degrees_per_s, lost):
    """The joints farthest out lose this share of a body (143 px) at most; they are half a body from the middle.

    Circles and speeds of a usual dive, at 720 degrees a second, lose 4 %, and of the fastest ones an eighth. A line
    over .04 s would lose 14 and 25 %. A narrower curve would follow the jitter of the detections.
    """
    turning = np.radians(degrees_per_s) / rate
    poses = np.stack([person(160, 120, turning * t) for t in range(2 * rate)]).astype(np.float64)
    out = clean(np.arange(2 * rate) / rate, poses[:, None], np.full(2 * rate, 0.5))
    assert np.abs(out[5:-5, 5:, :2] - poses[5:-5, 5:, :2]).max() < lost * 143


def test_one_curve_goes_through_the_detections_of_all_views():
    """One view of two is wrong in every third frame: the curve stays with the pose on which frames and views agree."""
    truth = moving()
    views = np.stack([truth, truth], axis=1)
    views[::3, 1] = np.stack([person(100 + 3 * t, 120 + t, 1.5) for t in range(0, 30, 3)])
    out = clean(np.arange(30) / 25, views, np.full(30, 0.5))
    assert np.abs(out[:, 5:, :2] - truth[:, 5:, :2]).max() < 1.5
