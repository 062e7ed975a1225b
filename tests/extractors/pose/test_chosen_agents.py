"""The choice of agents among drawn people."""

import numpy as np
import pytest

from extractors.keypoint_geometry import centres_of
from extractors.pose.chosen_agents import TRACK_COLUMNS, choose_agents
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections
from tests.helpers.drawn_people import people, person, tracks_of

COUNT = 40


def chosen(people, count=COUNT, **settings):
    """The agents and the table of one shot of `count` frames of 640 x 360 pixels."""
    config = PoseConfig(**{"agents": 1, **settings})
    return choose_agents(people, count, np.arange(count) / 25.0, (640, 360), config)


def numbers(chosen):
    """Rows of the table of each agent."""
    column = chosen[1][:, TRACK_COLUMNS.index("agent")]
    return [int(np.flatnonzero(column == agent)[0]) for agent in range(int(column.max(initial=-1)) + 1)]


def place(one):
    """Pixels from the left, of the first detection."""
    return float(centres_of(one.poses(slice(1)))[0, 0])


@pytest.fixture(scope="module")
def spectators_and_a_diver():
    """Five larger people with higher scores who hardly move, from left to right, and a diver (number 5)."""
    rng = np.random.default_rng(0)
    frames = []
    for t in range(COUNT):
        stand = [person(80 + 120 * k + rng.normal(0, 0.5), 280, scale=0.9) for k in range(5)]
        frames.append(people(*stand, person(320, 100 + 2 * t, 0.35 * t, 0.6), scores=[0.45] * 5 + [0.3]))
    tracks = tracks_of(frames)
    return [*sorted(tracks[:5], key=place), *tracks[5:]]


def test_the_moving_person_is_chosen_before_larger_bystanders(spectators_and_a_diver):
    agents = chosen(spectators_and_a_diver)
    assert numbers(agents) == [5]
    assert agents[1].shape == (6, len(TRACK_COLUMNS))
    assert agents[1][:, TRACK_COLUMNS.index("agent")].tolist() == [-1, -1, -1, -1, -1, 0]


def test_an_athlete_who_is_often_missed_is_chosen_before_a_person_who_walks_past():
    """Against the light, the athlete is detected in every third frame, with a low score, and is still at first."""
    frames = []
    for t in range(COUNT):
        passer = person(40 + 14 * t, 250, score=0.8)
        hop = max(t - COUNT // 2, 0)
        athlete = person(320, 150 - 12 * np.sin(hop / 2), 0.15 * hop, 0.9, score=0.5)
        frames.append(people(passer, athlete, scores=[0.6, 0.2]) if t % 3 == 0 else people(passer, scores=[0.6]))
    (one,), table = chosen(tracks_of(frames))
    assert abs(place(one) - 320) < 30
    assert table[table[:, TRACK_COLUMNS.index("agent")] == 0, TRACK_COLUMNS.index("presence")] > 0.9


def test_the_choice_can_be_overridden_by_track_and_by_region(spectators_and_a_diver):
    assert numbers(chosen(spectators_and_a_diver, tracks=(2,))) == [2]
    assert numbers(chosen(spectators_and_a_diver, agents=2, tracks=(4, 2))) == [2, 4]
    assert numbers(chosen(spectators_and_a_diver, region=(0.0, 0.0, 0.2, 1.0))) == [0]
    assert numbers(chosen(spectators_and_a_diver, region=(0.0, 0.0, 1.0, 0.1))) == []


def test_tracks_are_counted_over_all_shots():
    frames = [people(person(100, 200, 0.1 * t), person(400, 200, 0.1 * t)) for t in range(10)]
    shot, later = tracks_of(frames), tracks_of(frames, first=10)
    config, times = PoseConfig(agents=1, tracks=(0, 3)), np.arange(20) / 25
    assert choose_agents(shot, 10, times[:10], (640, 360), config)[0] == [shot[0]]
    assert choose_agents(later, 10, times, (640, 360), config, first=2)[0] == [later[1]]


def test_people_who_are_there_for_a_moment_are_no_agents():
    frames = [people(person(300, 200, 0.5 * np.sin(t))) if t < 3 else Detections.none() for t in range(COUNT)]
    steady = [people(person(100, 200, 0.1 * np.sin(t))) for t in range(COUNT)]
    joined = [Detections.joined(pair) for pair in zip(frames, steady, strict=True)]
    (one,) = chosen(tracks_of(joined), agents=2)[0]
    assert len(one.frames) == COUNT
