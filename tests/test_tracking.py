"""Tracks and the choice of agents, on stick figures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from extractors.people.agents import FIGURES, ChoiceSettings, choose, suspected_swaps
from extractors.people.bodies import centre_of, lean_of, size_of
from extractors.people.oks import MIRRORED, iou, keep_distinct, oks
from extractors.people.tracking import Track, Tracker, TrackSettings
from extractors.pose.backends.base import People

HEAD = [(0, -70), (-3, -73), (3, -73), (-6, -71), (6, -71)]
ARMS = [(-15, -50), (15, -50), (-20, -25), (20, -25), (-22, 0), (22, 0)]
LEGS = [(-10, 0), (10, 0), (-11, 35), (11, 35), (-12, 70), (12, 70)]
BODY = np.array([*HEAD, *ARMS, *LEGS], dtype=np.float64)
"""(17, 2) an upright person, origin at the hips, 143 px tall."""

NOW = np.zeros(2)


def person(x: float, y: float, angle: float = 0.0, scale: float = 1.0, score: float = 0.9) -> np.ndarray:
    """(17, 3) the figure, turned clockwise by `angle` about its hips."""
    cos, sin = np.cos(angle), np.sin(angle)
    points = scale * BODY @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
    return np.column_stack([points, np.full(17, score)]).astype(np.float32)


def people(*poses: np.ndarray, scores: list[float] | None = None) -> People:
    return People.of(np.stack(poses), np.array(scores or [0.6] * len(poses), dtype=np.float32))


def run(frames: list[People], rate: float = 25.0, settings: TrackSettings | None = None) -> Tracker:
    tracker = Tracker(settings)
    for position, found in enumerate(frames):
        tracker.begin(position / rate, NOW, cut=False)
        tracker.update(position, position / rate, found)
    return tracker


def agents_of(tracker: Tracker, count: int, size: tuple[int, int] = (640, 360), **kwargs: object):
    times = np.arange(count) / 25.0
    return choose(tracker.tracks, [(0, count)], size, times, ChoiceSettings(**kwargs))


def test_oks_is_one_for_the_same_pose_and_falls_with_distance() -> None:
    poses = np.stack([person(0, 0), person(10, 0), person(80, 0)])
    row = oks(poses, poses)[0]
    assert row[0] == pytest.approx(1)
    assert row[0] > row[1] > row[2]
    assert row[2] < 0.01


def test_oks_ignores_joints_that_one_of_the_two_lacks() -> None:
    whole, part = person(0, 0), person(0, 0)
    part[15:] = (np.nan, np.nan, 0)
    assert oks(whole[None], part[None])[0, 0] == pytest.approx(1)


def test_iou_of_half_covered_boxes() -> None:
    a, b = np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6], [np.nan] * 4])
    assert iou(a, b)[0] == pytest.approx([1 / 3, 0, 0])


def test_repeated_detections_leave_the_best_one() -> None:
    poses = np.stack([person(0, 0), person(2, 1), person(300, 0)])
    assert keep_distinct(poses, np.array([0.3, 0.8, 0.5])).tolist() == [1, 2]


def test_the_same_body_with_left_and_right_exchanged_is_one_person() -> None:
    poses = np.stack([person(0, 0), person(0, 0)[MIRRORED]])
    assert len(keep_distinct(poses, np.array([0.8, 0.4]))) == 1


@pytest.mark.parametrize("angle", [0.0, 1.0, -2.0, 3.0])
def test_lean_is_the_angle_clockwise_from_upright(angle: float) -> None:
    assert lean_of(person(0, 0, angle)) == pytest.approx(angle, abs=1e-5)


def test_two_somersaulting_divers_keep_their_identity() -> None:
    frames = [
        people(*[person(200 + dx, 50 + 0.12 * t * t, 0.5 * t) for dx in order])
        for t in range(50)
        for order in ([(0, 90), (90, 0)][t % 2],)
    ]
    tracker = run(frames)
    assert len(tracker.tracks) == 2
    for track in tracker.tracks:
        assert len(track.frames) == 50
        assert np.ptp([centre_of(pose)[0] for pose in track.keypoints]) < 60  # turning about the hips moves the centre


def test_people_who_cross_keep_their_identity() -> None:
    frames = [people(person(100 + 8 * t, 200), person(500 - 8 * t, 210)) for t in range(50)]
    tracker = run(frames)
    assert len(tracker.tracks) == 2
    assert tracker.tracks[0].keypoints[-1][:, 0].mean() > 450
    assert suspected_swaps([[tracker.tracks[0]], [tracker.tracks[1]]]) == 0


def test_people_who_touch_and_part_again_keep_their_identity() -> None:
    gaps = [max(30.0, abs(25 - t) * 8.0) for t in range(50)]
    frames = [people(person(300 - gap, 200), person(300 + gap, 200)) for gap in gaps]
    tracker = run(frames)
    assert [len(track.frames) for track in tracker.tracks] == [50, 50]
    assert centre_of(tracker.tracks[0].keypoints[-1])[0] < 300


def test_a_lost_person_comes_back_as_themselves_and_a_stranger_does_not() -> None:
    frames = [people(person(100 + 4 * t, 200)) if not 10 <= t < 20 else People.none() for t in range(30)]
    assert len(run(frames).tracks) == 1
    frames[20:] = [people(person(600, 200)) for _ in range(10)]
    assert len(run(frames).tracks) == 2


def test_the_cameras_pan_is_taken_out() -> None:
    """People who stand still before a panning camera stay who they are, though each lands where the next one stood."""
    tracker = Tracker(TrackSettings())
    for t in range(6):
        tracker.begin(t / 25, np.array([90.0, 0.0]), cut=False)
        tracker.update(t, t / 25, people(*[person(90 * k + 90 * t, 200) for k in range(3)]))
    assert len(tracker.tracks) == 3
    for number, track in enumerate(tracker.tracks):
        assert centre_of(track.keypoints[-1])[0] == pytest.approx(90 * number + 450, abs=2)


def test_faint_people_continue_tracks_but_begin_none() -> None:
    frames = [people(person(100, 200), scores=[0.5 if t == 0 else 0.12]) for t in range(10)]
    assert len(run(frames).tracks[0].frames) == 10
    assert not run(frames[1:], settings=TrackSettings(faint_score=0.2)).tracks


def test_a_cut_ends_every_track() -> None:
    tracker = Tracker(TrackSettings())
    for t in range(10):
        tracker.begin(t / 25, NOW, cut=t == 5)
        tracker.update(t, t / 25, people(person(100, 200)))
    assert [len(track.frames) for track in tracker.tracks] == [5, 5]


def spectators_and_a_diver(count: int = 40) -> Tracker:
    stand = [person(80 + 120 * k, 280, scale=0.9) for k in range(5)]
    frames = []
    for t in range(count):
        diver = person(320, 120 + 2 * t, 0.35 * t, 0.8)
        frames.append(people(*stand, diver, scores=[0.45] * 5 + [0.3]))
    return run(frames)


def test_the_moving_person_is_chosen_before_larger_bystanders() -> None:
    tracker = spectators_and_a_diver()
    choice = agents_of(tracker, 40, agents=1)
    assert choice.members[0][0][0] is tracker.tracks[5]
    assert choice.table[:, FIGURES.index("agent")].tolist() == [-1, -1, -1, -1, -1, 0]


def test_the_choice_can_be_overridden_by_track_and_by_region() -> None:
    tracker = spectators_and_a_diver()
    assert agents_of(tracker, 40, agents=1, tracks=(2,)).members[0][0][0] is tracker.tracks[2]
    left = agents_of(tracker, 40, agents=1, region=(0.0, 0.0, 0.2, 1.0))
    assert left.members[0][0][0] is tracker.tracks[0]


def test_agents_are_numbered_from_left_to_right() -> None:
    frames = [people(person(400, 200, 0.3 * t), person(150, 200, 0.3 * t, 0.9)) for t in range(20)]
    members = agents_of(run(frames), 20, agents=2).members[0]
    assert [centre_of(agent[0].keypoints[0])[0] < 300 for agent in members] == [True, False]


def test_a_person_lost_for_longer_than_the_tracker_waits_is_one_agent() -> None:
    frames = [people(person(300 + t, 200)) if not 10 <= t < 50 else People.none() for t in range(70)]
    tracker = run(frames)
    assert len(tracker.tracks) == 2
    assert len(agents_of(tracker, 70, agents=2).members[0]) == 1


def test_exchanged_people_are_suspected() -> None:
    tracker = run([people(person(100, 200), person(400, 200)) for _ in range(10)])
    a, b = tracker.tracks
    for track, other in ((a, b.places[:]), (b, a.places[:])):
        track.places[5:] = other[5:]
    assert suspected_swaps([[a], [b]]) == 1


def test_size_of_a_tucked_body_is_at_least_twice_its_torso() -> None:
    pose = person(0, 0)
    pose[:, 1] = np.clip(pose[:, 1], -50, 0)
    assert size_of(pose) >= 100


def test_faint_people_are_followed_only_while_nobody_better_is() -> None:
    """Small, dark or blurred people score low throughout: they begin tracks, but not as second readings of a body."""
    faint = People.of(np.stack([person(100, 120, score=0.1), person(110, 125, score=0.09)]), np.array([0.1, 0.09]))
    tracker = Tracker(TrackSettings(wanted=1))
    tracker.begin(0.0, np.zeros(2), False)
    tracker.update(0, 0.0, faint)
    assert len(tracker.tracks) == 1
    for frame in range(1, 12):
        tracker.begin(frame / 25, np.zeros(2), False)
        tracker.update(frame, frame / 25, faint.take([0]))
    other = People.of(np.stack([person(100, 120, score=0.1), person(250, 120, score=0.1)]), np.array([0.1, 0.1]))
    tracker.begin(0.5, np.zeros(2), False)
    tracker.update(12, 0.5, other)
    assert len(tracker.tracks) == 1  # the one person wanted is known by now


def test_what_counts_as_sure_follows_a_persons_own_usual_score() -> None:
    tracks = [Track(0), Track(1)]
    for track, score in zip(tracks, (0.6, 0.2), strict=True):
        for frame in range(20):
            track.see(frame, frame / 25, person(100, 120), score, np.zeros(2))
    assert tracks[0].bar(0.25) == pytest.approx(0.25)
    assert tracks[1].bar(0.25) == pytest.approx(0.125)
