"""The benchmark of the pose stage: labels from several cameras, clips made of them, and what is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.pose import real
from benchmarks.pose.athlete import ATHLETE, share_on
from benchmarks.pose.cases import CASES, HELD_OUT, QUICK, TUNING
from benchmarks.pose.labels import centred, label, smooth
from benchmarks.pose.measure import measure, switches
from benchmarks.pose.multiview_detections import MIRRORED, weighted_median
from benchmarks.pose.sprites import Sprite
from benchmarks.pose.triangulate import Camera, agree, match_people, name_sides, read_calibration, triangulate

BODY = np.array(
    [(0, 0, 1700), (30, 0, 1730), (-30, 0, 1730), (70, 0, 1700), (-70, 0, 1700), (200, 0, 1450), (-200, 0, 1450),
     (350, 0, 1250), (-330, 40, 1200), (400, 100, 1000), (-420, 90, 950), (120, 0, 950), (-120, 0, 950),
     (130, 60, 500), (-140, 0, 500), (130, 0, 80), (-150, -40, 80)], dtype=np.float64,
)  # fmt: skip
"""Millimetres of a person's joints, z upwards."""


def ring(count: int = 4) -> list[Camera]:
    """Cameras around the middle, looking at it from four metres."""
    cameras = []
    for turn in 0.4 + np.arange(count) * 1.3:
        position = 4000 * np.array([np.cos(turn), np.sin(turn), 0.3])
        forward = np.array([0, 0, 900]) - position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0, 0, 1))
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        matrix = np.array([[1600.0, 0, 530], [0, 1610, 950], [0, 0, 1]])
        cameras.append(Camera(matrix, np.array([-0.05, 0.13, 0.001, 0.0005]), rotation, position))
    return cameras


def seen(cameras: list[Camera], points: np.ndarray) -> np.ndarray:
    """(C, ..., 17, 3) what perfect detectors see."""
    pixels = np.stack([camera.project(points) for camera in cameras])
    return np.concatenate([pixels, np.full((*pixels.shape[:-1], 1), 0.8)], axis=-1)


@given(
    x=st.floats(-900, 900), y=st.floats(-900, 900), z=st.floats(-300, 2200), count=st.integers(2, 5)
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_a_point_that_is_projected_is_triangulated_again(x: float, y: float, z: float, count: int) -> None:
    cameras, point = ring(count), np.array([x, y, z])
    pixels = np.stack([camera.project(point) for camera in cameras])
    assert triangulate(cameras, pixels, np.ones(count)) == pytest.approx(point, abs=0.5)


def test_two_cameras_are_needed() -> None:
    cameras = ring()
    pixels = np.stack([camera.project(BODY) for camera in cameras])
    pixels[1:, 4] = np.nan
    points = triangulate(cameras, pixels, np.ones((4, 17)))
    assert np.isnan(points[4]).all()
    assert np.isfinite(points[[3, 5]]).all()


@given(camera=st.integers(0, 3), joint=st.integers(5, 16), angle=st.floats(0, 6.28))
@settings(max_examples=25, deadline=None)
def test_a_camera_that_disagrees_is_left_out(camera: int, joint: int, angle: float) -> None:
    cameras = ring()
    poses = seen(cameras, BODY)
    poses[camera, joint, :2] += 300 * np.array([np.cos(angle), np.sin(angle)])
    points, used = agree(cameras, poses[..., :2], poses[..., 2], np.full(4, 20.0))
    assert np.isfinite(points).all()
    # Along its epipolar line a camera may still agree with two others.
    assert used[:, joint].sum() == 3
    assert used[:, np.arange(17) != joint].all()


@pytest.mark.parametrize("camera", range(4))
def test_sides_named_the_other_way_are_put_right(camera: int) -> None:
    cameras = ring()
    poses = seen(cameras, BODY)
    poses[camera] = poses[camera][MIRRORED]
    assert name_sides(cameras, poses) == pytest.approx(seen(cameras, BODY), abs=1e-6)


def test_people_are_matched_between_views_and_others_left_out() -> None:
    cameras = ring()
    people = np.stack([seen(cameras, BODY), seen(cameras, BODY + np.array([700, -600, 0]))], axis=1)
    people[2] = people[2, ::-1]
    stranger = people[0].mean(axis=0, keepdims=True) + 200
    full = np.full((4, 3, 17, 3), np.nan)
    full[:, :2], full[0, 2] = people, stranger[0]
    assert sorted(match_people(cameras, full, 30)) == [(0, 0, 1, 0), (1, 1, 0, 1)]


def test_labels_of_two_people_who_move() -> None:
    cameras, times = ring(), np.arange(20) / 60
    steps = np.stack([BODY + np.array([10 * i, 0, 0]) for i in range(20)])
    people = np.stack([np.tile(BODY + np.array([0, 900, 0]), (20, 1, 1)), steps], axis=1)
    detections = np.stack([seen(cameras, people[:, person]) for person in (0, 1)], axis=2)
    detections += np.random.default_rng(0).normal(0, 1, detections.shape) * (1, 1, 0)
    labels = label(cameras, detections, 2, times)
    assert labels.points == pytest.approx(people[:, ::-1], abs=12)  # who moves comes first
    assert np.nanmedian(labels.residuals()[1]) < 3


def test_a_shifted_picture_is_noticed() -> None:
    cameras = ring()
    poses = seen(cameras, np.stack([BODY + np.array([30 * i, 5 * i, 0]) for i in range(8)])[:, None])
    poses[1, ..., :2] += (12, -5)
    moved = centred(cameras, poses, np.full(4, 60.0), rounds=20)
    points = agree(moved, poses[..., :2], poses[..., 2], np.full(4, 30.0))[0]
    errors = [
        np.linalg.norm(camera.project(points) - pose[..., :2], axis=-1)
        for camera, pose in zip(moved, poses, strict=True)
    ]
    assert np.median(errors) < 0.7


def test_smoothing_keeps_a_line_and_fills_short_gaps() -> None:
    times = np.arange(30) / 60
    line = np.stack([times * 3, 1 - times], axis=1)
    gaps = line.copy()
    gaps[10], gaps[20:27] = np.nan, np.nan
    smoothed = smooth(gaps, times)
    assert smoothed[:20] == pytest.approx(line[:20])
    assert np.isnan(smoothed[23]).all()


def test_the_calibration_is_read(tmp_path: Path) -> None:
    axes = " ".join(f'r{row}{column}="{float(row == column)}"' for row in (1, 2, 3) for column in (1, 2, 3))
    inner = 'focalLengthU="102400" focalLengthV="102400" centerPointU="32000" centerPointV="64000"'
    distortion = " ".join(f'{kind}Distortion{n}="0"' for kind in ("radial", "tangental") for n in (1, 2))
    path = tmp_path / "calibration.xml"
    path.write_text(
        f'<calibration><cameras><camera serial="a"><transform x="0" y="0" z="1000" {axes}/>'
        f"<intrinsic {inner} {distortion}/></camera></cameras></calibration>"
    )
    camera = read_calibration(path)["a"]
    # The camera looks down from a metre, with the world's y upwards in the picture.
    assert camera.project(np.array([100.0, 200.0, 0.0])) == pytest.approx([500 + 160, 1000 - 320])


def test_the_median_follows_the_weight() -> None:
    poses = np.zeros((3, 17, 3), np.float32)
    poses[..., 2] = 0.5
    poses[0, :, 0], poses[1, :, 0], poses[2, :, 0] = 10, 11, 90
    assert weighted_median(poses)[0, 0] == 11
    poses[2, :, 2] = 5
    assert weighted_median(poses)[0, 0] == 90


def walking(frames: int = 10) -> np.ndarray:
    """(N, 17, 2) a person who walks to the right; torso 50 pixels."""
    flat = BODY[:, [0, 2]] * (0.1, -0.1) + np.array([60, 200])
    return np.stack([flat + np.array([4 * i, 0]) for i in range(frames)])


def stored(*people: np.ndarray) -> np.ndarray:
    return np.concatenate([np.stack(people, axis=1), np.ones((len(people[0]), len(people), 17, 1))], axis=-1)


def test_perfect_keypoints_measure_one_and_missing_ones_nothing() -> None:
    truth = walking()[:, None]
    visible = np.ones(truth.shape[:3], dtype=bool)
    perfect = measure(stored(walking()), truth, visible)
    assert [perfect[column] for column in ("found", "pck50", "pck20", "ankles", "switches")] == [1, 1, 1, 1, 0]
    half = stored(walking())
    half[5:] = np.nan
    assert measure(half, truth, visible)["found"] == 0.5
    assert measure(half, truth, visible)["pck50"] == 0.5


def test_joints_are_counted_by_distance_in_torso_lengths() -> None:
    truth = walking()[:, None]
    visible = np.ones(truth.shape[:3], dtype=bool)
    off = stored(walking())
    off[:, :, 15, 0] += 0.3 * 50  # of twelve joints one is off by .3 and one by .6
    off[:, :, 9, 0] += 0.6 * 50
    row = measure(off, truth, visible)
    assert row["pck50"] == pytest.approx(11 / 12)
    assert row["pck20"] == pytest.approx(10 / 12)
    assert row["ankles"] == 1
    crossed = measure(stored(walking()[:, MIRRORED]), truth, visible)
    assert crossed["pck50"] < 1
    assert crossed["pck50_either"] == 1
    visible[:, :, 9] = False
    assert measure(off, truth, visible)["pck50"] == 1


def test_an_identity_switch_is_counted_once_and_costs_what_follows() -> None:
    a, b = walking(), walking() + np.array([0, 300])
    truth = np.stack([a, b], axis=1)
    visible = np.ones(truth.shape[:3], dtype=bool)
    first, second = np.concatenate([a[:7], b[7:]]), np.concatenate([b[:7], a[7:]])
    row = measure(stored(first, second), truth, visible)
    assert row["switches"] == 2  # one of each agent
    assert row["found"] == pytest.approx(0.7)
    assert measure(stored(b, a), truth, visible)["found"] == 1  # agents may come in any order


def test_frames_on_nobody_do_not_hide_a_switch() -> None:
    away = np.full((5, 1, 2), 9.0)
    away[0, 0, 0] = away[4, 0, 1] = 0.1
    assert switches(away) == 1


def test_the_athlete_is_identified_by_hand_marked_places() -> None:
    frames = np.arange(0, 200, 10)
    there = np.stack([np.interp(frames, *np.array(ATHLETE).T[[0, column]]) for column in (1, 2)], axis=1)
    pose = np.tile((there * (640, 360))[:, None, None], (1, 1, 17, 1))
    keypoints = np.concatenate([pose, np.ones((len(frames), 1, 17, 1))], axis=-1)
    assert share_on(keypoints, ATHLETE, frames, (640, 360)) == 1
    assert share_on(keypoints + np.array([200, 0, 0]), ATHLETE, frames, (640, 360)) == 0


def test_labels_are_where_a_composed_clip_shows_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    joints = np.tile(walking(1)[:, None] * 1.0, (4, 1, 1, 1))
    images = np.zeros((4, 220, 130, 4), np.uint8)
    for x, y in joints[0, 0].astype(int):
        images[:, y - 4 : y + 5, x - 4 : x + 5] = 255
    monkeypatch.setattr(real, "read_sprite", lambda *_: Sprite(images, joints, 200.0))
    monkeypatch.setattr(real, "read_background", lambda *_: np.zeros((576, 1024, 3), np.uint8))
    actor = real.Actor(1, 200, ((0.4, 0.5), (0.6, 0.5)), angle=40, spin=0.5)
    clip = real.read_clip(tmp_path, real.Case("turning", "somersault", (actor,), frames=12))
    for image, pose in zip(clip.images, clip.truth[:, 0], strict=True):
        for x, y in pose[5:].astype(int):
            assert image[y, x].max() > 120
    assert clip.visible.all()
    again = real.read_clip(tmp_path, real.Case("turning", "somersault", (actor,), frames=12))
    assert np.array_equal(clip.images, again.images)


def test_somebody_in_front_hides_joints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    joints = np.tile(walking(1)[:, None], (4, 1, 1, 1))
    images = np.full((4, 220, 130, 4), 255, np.uint8)
    monkeypatch.setattr(real, "read_sprite", lambda *_: Sprite(images, joints, 200.0))
    monkeypatch.setattr(real, "read_background", lambda *_: np.zeros((576, 1024, 3), np.uint8))
    pair = (real.Actor(1, 200), replace(real.Actor(1, 200), route=((0.5, 0.5), (1.5, 0.5))))
    clip = real.make_clip(tmp_path, real.Case("hidden", "crossing", pair, frames=8))
    assert not clip.visible[0, 0].any()  # behind the other
    assert clip.visible[0, 1].all()
    assert clip.visible[-1, 0].all()
    assert not clip.visible[-1, 1].any()  # outside the picture


def test_the_held_out_camera_is_in_no_tuning_case() -> None:
    assert all(case.split == "tuning" for case in TUNING)
    assert all(case.split == "held out" for case in HELD_OUT)
    assert len(CASES) == len(TUNING) + len(HELD_OUT)
    assert set(QUICK) <= set(CASES)


def test_the_constants_of_the_rows_exist() -> None:
    from benchmarks.pose.box import SETTINGS, constants

    for row in SETTINGS.values():
        with constants(row.get("constants", {})):
            pass
