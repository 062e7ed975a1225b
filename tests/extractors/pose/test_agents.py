"""The choice of agents among the tracks of stick figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from extractors.keypoints import centres_of
from extractors.pose.agents import TRACK_COLUMNS, Agents, Chooser, rival, suspected_switches
from extractors.pose.detections import Detections
from extractors.pose.tracking import Tracker
from tests.helpers.drawn_people import people, person, tracked

COUNT = 40


def chosen(tracker: Tracker, count: int = COUNT, **settings: Any) -> Agents:
    """The agents of one shot of `count` frames of 640 x 360 pixels."""
    return Chooser(size=(640, 360), **{"agents": 1, **settings}).choose(
        tracker.tracks, [(0, count)], np.arange(count) / 25.0
    )


def numbers(agents: Agents, shot: int = 0) -> list[list[int]]:
    """Numbers of the tracks of each agent."""
    return [[track.number for track in agent] for agent in agents.shots[shot]]


@pytest.fixture(scope="module")
def spectators_and_a_diver() -> Tracker:
    """Five larger people with higher scores who hardly move, and a diver (track 5)."""
    rng = np.random.default_rng(0)
    frames = []
    for t in range(COUNT):
        stand = [person(80 + 120 * k + rng.normal(0, 0.5), 280, scale=0.9) for k in range(5)]
        frames.append(people(*stand, person(320, 120 + 2 * t, 0.35 * t, 0.8), scores=[0.45] * 5 + [0.3]))
    return tracked(frames)


def test_the_moving_person_is_chosen_before_larger_bystanders(spectators_and_a_diver: Tracker) -> None:
    agents = chosen(spectators_and_a_diver)
    assert numbers(agents) == [[5]]
    assert agents.table.shape == (6, len(TRACK_COLUMNS))
    assert agents.table[:, TRACK_COLUMNS.index("agent")].tolist() == [-1, -1, -1, -1, -1, 0]


def test_a_person_who_walks_past_is_not_chosen() -> None:
    """Somebody who crosses the picture is larger and moves faster than the athlete, but steadily."""
    rng = np.random.default_rng(1)
    frames = []
    for t in range(COUNT):
        passer = person(40 + 14 * t + rng.normal(0, 0.3), 200, scale=1.2)
        frames.append(people(passer, person(320 + 20 * np.sin(t / 3), 180, 0.5 * np.sin(t / 4)), scores=[0.6, 0.4]))
    assert numbers(chosen(tracked(frames))) == [[1]]


def test_the_diver_is_followed_while_the_video_runs(spectators_and_a_diver: Tracker) -> None:
    chooser = Chooser(2, (640, 360))
    times = [t / 25 for t in range(COUNT)]
    assert chooser.followed(spectators_and_a_diver.active, COUNT, times)[0].number == 5
    assert len(chooser.followed(spectators_and_a_diver.active, COUNT, times)) <= 3  # a rival is followed too
    assert chooser.followed([], COUNT, times) == []


def test_the_choice_can_be_overridden_by_track_and_by_region(spectators_and_a_diver: Tracker) -> None:
    assert numbers(chosen(spectators_and_a_diver, tracks=(2,))) == [[2]]
    assert numbers(chosen(spectators_and_a_diver, agents=2, tracks=(4, 2))) == [[2], [4]]
    assert numbers(chosen(spectators_and_a_diver, region=(0.0, 0.0, 0.2, 1.0))) == [[0]]
    assert numbers(chosen(spectators_and_a_diver, region=(0.0, 0.0, 1.0, 0.1))) == []


def test_agents_are_numbered_from_left_to_right_in_every_shot() -> None:
    tracker = Tracker(0.15, 1.0, 0.6)
    for t in range(COUNT):
        tracker.begin(t / 25, t in (0, 20))
        sides = (400, 150) if t < 20 else (100, 500)
        tracker.update(t, t / 25, people(*[person(x, 200, 0.3 * t) for x in sides]))
    agents = Chooser(2, (640, 360)).choose(tracker.tracks, [(0, 20), (20, COUNT)], np.arange(COUNT) / 25)
    assert [numbers(agents, shot) for shot in (0, 1)] == [[[1], [0]], [[2], [3]]]
    assert agents.table[:, 0].tolist() == [0, 0, 1, 1]


def test_a_person_who_is_missing_for_longer_than_the_tracker_waits_is_one_agent() -> None:
    frames = [
        people(person(300 + t, 200, 0.3 * np.sin(t))) if not 10 <= t < 50 else Detections.none() for t in range(70)
    ]
    tracker = tracked(frames)
    assert len(tracker.tracks) == 2
    assert numbers(chosen(tracker, 70, agents=2)) == [[0, 1]]


def test_two_people_who_are_in_the_picture_together_are_never_joined() -> None:
    frames = [people(person(300, 200, 0.3 * np.sin(t)), person(330, 200, 0.3 * np.cos(t))) for t in range(COUNT)]
    assert numbers(chosen(tracked(frames), agents=2)) == [[0], [1]]


def test_people_who_are_there_for_a_moment_are_no_agents() -> None:
    frames = [people(person(300, 200, 0.5 * np.sin(t))) if t < 3 else Detections.none() for t in range(COUNT)]
    steady = [people(person(100, 200, 0.1 * np.sin(t))) for t in range(COUNT)]
    joined = [Detections.joined(pair) for pair in zip(frames, steady, strict=True)]
    assert numbers(chosen(tracked(joined), agents=2)) == [[1]]


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_still_picture_has_agents(count: int) -> None:
    tracker = tracked([people(person(300, 200), person(500, 200))] * count)
    assert numbers(chosen(tracker, count, agents=2)) == [[0], [1]]


def test_no_tracks_have_no_agents() -> None:
    agents = chosen(Tracker(0.15, 1.0, 0.6))
    assert numbers(agents) == []
    assert agents.table.shape == (0, len(TRACK_COLUMNS))


def test_exchanged_people_are_suspected() -> None:
    a, b = tracked([people(person(100, 200), person(400, 200)) for _ in range(10)]).tracks
    assert suspected_switches([[a], [b]]) == 0
    half = 5 * 17 * 3
    a.joints[half:], b.joints[half:] = b.joints[half:], a.joints[half:]
    assert centres_of(a.keypoints[-1][None])[0, 0] > 300
    assert suspected_switches([[a], [b]]) == 1


def test_a_rival_is_measured_against_the_least_agent_of_its_shot() -> None:
    def track(shot: int, salience: float, agent: int) -> list[float]:
        return [shot, 0, 9, 1.0, 1.0, 1.0, 1.0, 1.0, salience, agent]

    one = [track(0, 0.3, 0), track(0, 0.1, 0), track(0, 0.1, -1)]  # an agent of two tracks
    assert rival(np.array(one)) == pytest.approx(0.25)
    two = [*one, track(1, 0.8, 0), track(1, 0.2, 1), track(1, 0.15, -1), track(1, 0.02, -1)]
    assert rival(np.array(two)) == pytest.approx(0.75)
    assert rival(np.array([track(0, 0.3, 0)])) == 0
    assert rival(np.zeros((0, 10))) == 0
