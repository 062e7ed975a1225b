"""Colours of people, and the second look at frames in which an agent is missing."""

from __future__ import annotations

import numpy as np
import pytest
from extractors.people import hunt
from extractors.people.appearance import BONES, Appearance
from extractors.people.bodies import centre_of
from extractors.people.repair import Repair, sights
from extractors.people.tracking import Track

from tests.test_pose import Reader, picture
from tests.test_tracking import person


def painted(pose: np.ndarray, body: tuple[int, int, int] = (220, 160, 120), seed: int = 0) -> np.ndarray:
    """A noisy blue picture with the limbs of one person drawn thickly."""
    import cv2

    noise = np.random.default_rng(seed).normal(0, 12, (240, 320, 3))
    image = np.clip(np.array([40, 90, 170]) + noise, 0, 255).astype(np.uint8)
    for a, b in BONES:
        ends = [tuple(int(v) for v in pose[joint, :2]) for joint in (a, b)]
        cv2.line(image, ends[0], ends[1], body, 9)
    return image


@pytest.fixture
def look() -> Appearance:
    known = Appearance()
    for t in range(6):
        pose = person(120 + 3 * t, 120, 0.2 * t, 0.8)
        known.learn(painted(pose, seed=t), pose)
    return known


def test_a_person_is_told_from_the_background(look: Appearance) -> None:
    pose, other = person(200, 120, 2.0, 0.8), person(90, 100, 0.0, 0.8)
    assert look.known
    assert look.likeness(painted(pose), pose) > 0.8
    assert look.likeness(painted(pose), other) < 0.2


def test_colours_never_seen_before_decide_nothing(look: Appearance) -> None:
    """Motion blur mixes colours: what is known of neither the person nor the surroundings is no evidence."""
    pose = person(200, 120, 2.0, 0.8)
    assert 0.4 < look.likeness(painted(pose, (90, 40, 60)), pose) < 0.8


def test_colours_show_where_a_person_went(look: Appearance) -> None:
    pose = person(200, 120, 1.0, 0.8)
    place = look.locate(painted(pose), centre_of(pose) + np.array([35, -20]), 110.0)
    assert place is not None
    assert np.linalg.norm(place - pose[5:, :2].mean(axis=0)) < 15
    assert look.locate(painted(person(60, 120, 0, 0.5)), np.array([280.0, 60.0]), 60.0) is None


def test_nothing_is_known_before_somebody_was_seen_a_few_times() -> None:
    fresh, pose = Appearance(), person(120, 120)
    fresh.learn(painted(pose), pose)
    assert not fresh.known


def test_a_pose_at_the_border_or_outside_is_no_error(look: Appearance) -> None:
    for x in (-500.0, 0.0, 320.0):
        pose = person(x, 120)
        look.learn_around(painted(pose), centre_of(pose), 150)
        assert 0 <= look.likeness(painted(pose), pose) <= 1
        look.locate(painted(pose), centre_of(pose), 150)


def track_without(frames: set[int], poses: list[np.ndarray]) -> Track:
    track = Track(0)
    for t, pose in enumerate(poses):
        if t not in frames:
            track.see(t, t / 25, pose, 0.9, np.zeros(2))
    return track


@pytest.fixture(autouse=True)
def never_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of drawn dots knows each by its colour, so that in a mirrored picture it mistakes the sides."""
    monkeypatch.setattr(hunt, "LOOKS", tuple((turn, wider, False) for turn, wider, _ in hunt.LOOKS))


def repair_of(images: dict[int, np.ndarray]) -> Repair:
    """A second look at pictures of a still camera, in which nothing was read while they streamed."""
    times, cameras = [t / 25 for t in images], [np.zeros(2)] * len(images)
    return Repair(Reader(), images, 1.7, 320, 0.3, times, cameras, {})


def test_missing_frames_are_found_from_the_frames_after_them() -> None:
    poses = [person(160, 120, 0.3 * t, 0.9) for t in range(12)]
    track = track_without({0, 1, 5, 6}, poses)
    repair = repair_of({t: picture(pose) for t, pose in enumerate(poses)})
    found = repair.agent([track], [], (0, 12), Appearance())
    assert {0, 1, 5, 6} <= set(found)
    for t in (0, 1, 5, 6):
        assert found[t] is not None
        assert np.abs(found[t].pose[5:, :2] - poses[t][5:, :2]).max() < 4


def test_nobody_is_found_where_nobody_is_nor_an_agent_twice() -> None:
    poses = [person(160, 120, 0.3 * t, 0.9) for t in range(8)]
    images = {t: picture(pose) if t != 4 else picture() for t, pose in enumerate(poses)}
    track = track_without({4, 6}, poses)
    repair = repair_of(images)
    found = repair.agent([track], [[track_without(set(), poses)]], (0, 8), Appearance())
    assert 4 not in found
    assert 6 not in found


def test_somebody_elses_frames_are_taken_from_an_agent() -> None:
    """A faint reading of the stands, far from the way between the sure frames, is forgotten; the agent is sought."""
    poses = [person(100 + 5 * t, 120, 0.0, 0.9) for t in range(12)]
    track, far = track_without({5, 6}, poses), person(280, 60, 0.0, 0.15)
    for t in (5, 6):
        track.put(t, far, 0.15, np.zeros(2))
    images = {t: picture(pose) if t != 6 else picture() for t, pose in enumerate(poses)}
    found = repair_of(images).agent([track], [], (0, 12), Appearance())
    assert found[6] is None
    assert found[5] is not None
    assert np.abs(found[5].pose[5:, :2] - poses[5][5:, :2]).max() < 4


def test_a_shot_that_is_no_longer_in_memory_is_left_alone() -> None:
    track = track_without(set(), [person(160, 120, 0.0, 0.9)] * 6)
    assert repair_of({t: picture() for t in range(6)}).agent([track], [], (10, 12), Appearance()) == {}


def test_a_track_forgets_frames_but_never_all() -> None:
    track = track_without(set(), [person(10 * t, 0) for t in range(2)])
    for frame in (0, 7, 1):
        track.drop(frame)
    assert track.frames == [1]
    assert len(track.keypoints) == len(track.scores) == len(track.places) == 1


def test_overlapping_tracks_of_one_agent_give_the_surer_reading() -> None:
    a, b = track_without(set(), [person(10, 10)] * 3), Track(1)
    b.see(1, 0.04, person(50, 50), 0.95, np.zeros(2))
    seen = sights([a, b])
    assert [seen[t].score for t in range(3)] == [0.9, 0.95, 0.9]


def test_a_track_takes_earlier_frames_in_order() -> None:
    track = track_without({0, 2}, [person(10 * t, 0) for t in range(4)])
    for frame in (2, 0, 2):
        track.put(frame, person(10 * frame, 0), 0.5, np.zeros(2))
    assert track.frames == [0, 1, 2, 3]
    assert [round(float(centre_of(pose)[0] - centre_of(person(0, 0))[0])) for pose in track.keypoints] == [
        0,
        10,
        20,
        30,
    ]
    assert len(track.scores) == len(track.places) == 4
