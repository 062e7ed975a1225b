"""Which people are the agents: decided over the whole video, inspectable and overridable.

Every person of a shot (`paths.py`) gets a salience, the product of
- presence: share of the shot from the first to the last detection, however many frames between lack one;
- size: square root of the body size against the largest in the shot;
- motion: changes of velocity and of orientation, m in body sizes per second, as m^2 / (1 + m^2);
- position: closeness to the middle of the frame, where cameras keep athletes;
- score: square root of the score in the better frames; false detections in a background never score high.

The most salient people are the agents. They are numbered from left to right by their median place over the frames that
show all of them; a shot after a cut is numbered anew by the same rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce

import numpy as np

from data.store.arrays import Floats
from extractors.keypoints import centres_of, in_blocks, orientations_of, sizes_of
from extractors.pose.config import PoseConfig
from extractors.pose.paths import Track

TRACK_COLUMNS = (
    *("shot", "first_frame", "last_frame", "presence", "size", "motion", "position", "score"),
    *("salience", "agent"),
)
"""Columns of the table of people, in order; `agent` is -1 for people who were not chosen."""

MIN_PRESENCE = 0.1  # share of a shot below which a person is never an agent


def choose_agents(
    people: Sequence[Sequence[Track]],
    shots: Sequence[tuple[int, int]],
    times: Floats,
    size: tuple[int, int],
    config: PoseConfig,
) -> tuple[list[list[Track]], Floats]:
    """At most `config.agents` agents of every shot, and the table (people, columns) of everybody, shot after shot.

    Args:
        people: of each shot.
        shots: (first, one past the last) frame of each shot.
        times: (N,) seconds of every frame.
        size: (width, height) of the frame in the people's pixels.
        config: its `tracks` and `region` overrule the choice.
    """
    table = np.full((sum(map(len, people)), len(TRACK_COLUMNS)), -1.0)
    agents: list[list[Track]] = []
    first = 0
    for number, ((start, stop), of_shot) in enumerate(zip(shots, people, strict=True)):
        rows = table[first : first + len(of_shot)]
        chosen: list[int] = []
        if of_shot:
            rows[:, 0] = number
            rows[:, 1:8] = [_measured(person, stop - start, times, size) for person in of_shot]
            rows[:, 4] /= rows[:, 4].max()
            rows[:, 8] = _saliences(of_shot, rows, first, size, config)
            best = np.argsort(-rows[:, 8], kind="stable")[: config.agents]
            chosen = _left_to_right(of_shot, [int(row) for row in best if rows[row, 8] > 0])
            rows[chosen, 9] = range(len(chosen))
        agents.append([of_shot[row] for row in chosen])
        first += len(of_shot)
    return agents, table


def _measured(person: Track, frames: int, times: Floats, size: tuple[int, int]) -> tuple[float, ...]:
    """first_frame, last_frame, presence, size (pixels), motion, position, score of one person."""
    (first, last), poses = person.frames[[0, -1]], person.keypoints
    centres, body = in_blocks(centres_of, poses), float(np.median(in_blocks(sizes_of, poses)))
    motion = _motion(centres, in_blocks(orientations_of, poses), times[person.frames], body)
    offset = np.linalg.norm(centres / np.array(size) - 0.5, axis=1)
    position = float(np.exp(-0.5 * (offset / 0.35) ** 2).mean())
    return first, last, (last + 1 - first) / frames, body, motion, position, float(np.percentile(person.scores, 75))


def _saliences(people: Sequence[Track], rows: Floats, first: int, size: tuple[int, int], config: PoseConfig) -> Floats:
    """(people,) salience from the columns of the table; 0 for those whom the settings exclude."""
    if config.tracks:
        return np.isin(np.arange(first, first + len(people)), config.tracks).astype(np.float64)
    presence, bodies, motion, position, score = rows[:, 3:8].T
    salience = presence * np.sqrt(bodies * score) * motion**2 / (1 + motion**2) * position
    salience[presence < MIN_PRESENCE] = 0.0
    if config.region is not None:
        corners = np.reshape(config.region, (2, 2)) * size
        places = np.array([np.median(in_blocks(centres_of, person.keypoints), axis=0) for person in people])
        salience[((places < corners[0]) | (places > corners[1])).any(axis=1)] = 0.0
    return np.asarray(salience)


def _motion(centres: Floats, orientations: Floats, seconds: Floats, size: float) -> float:
    """Body sizes per second: changes of velocity, plus turning at half a body size per radian; medians over time.

    Somebody who walks through the picture moves steadily, an athlete does not. Speeds are taken over at least .1 s, so
    that jitter of the joints is no motion. It is at least .001: people in a still picture differ by the rest.
    """
    later = np.searchsorted(seconds, seconds + 0.1)
    first = np.flatnonzero(later < len(seconds))
    if not len(first):
        return 0.001
    last = later[first]
    gap = (seconds[last] - seconds[first])[:, None]
    velocity = (centres[last] - centres[first]) / gap / size
    angles = np.unwrap(orientations)[:, None]
    turning = np.abs(angles[last] - angles[first]) / gap
    unsteady = np.linalg.norm(velocity - np.median(velocity, axis=0), axis=1)
    return max(float(np.median(unsteady) + 0.5 * np.median(turning)), 0.001)


def _left_to_right(people: Sequence[Track], rows: Sequence[int]) -> list[int]:
    """Rows of people by their median horizontal place over the frames that show all, or over those of each alone."""
    chosen = [people[row] for row in rows]
    places = _in_common(chosen) if chosen else []
    if not all(map(len, places)):
        places = [in_blocks(centres_of, person.keypoints) for person in chosen]
    return [rows[place] for place in np.argsort([np.median(place[:, 0]) for place in places], kind="stable")]


def _in_common(people: Sequence[Track]) -> list[Floats]:
    """(frames, 2) centre of each person in the frames that show all of them."""
    frames = reduce(np.intersect1d, [person.frames for person in people])
    return [in_blocks(centres_of, person.keypoints[np.isin(person.frames, frames)]) for person in people]


def rival(table: Floats) -> float:
    """Greatest salience of a person who is no agent, as a share of the least agent's, over the shots; 0 without one."""
    greatest = 0.0
    for shot in np.unique(table[:, 0]):
        salience, agent = table[table[:, 0] == shot][:, 8:10].T
        least = salience[agent >= 0].min(initial=np.inf)
        greatest = max(greatest, float(salience[agent < 0].max(initial=0.0) / least))
    return greatest


def suspected_switches(agents: Sequence[Track]) -> int:
    """Steps of one shot at which exchanging two agents would make both clearly move less, over all pairs of agents."""
    count = 0
    for a, b in map(_in_common, itertools.combinations(agents, 2)):
        kept = np.linalg.norm(np.diff(a, axis=0), axis=1) + np.linalg.norm(np.diff(b, axis=0), axis=1)
        exchanged = np.linalg.norm(b[1:] - a[:-1], axis=1) + np.linalg.norm(a[1:] - b[:-1], axis=1)
        count += int((exchanged < 0.5 * kept).sum())
    return count
