"""Chooses the agents among all people of a video; users can inspect and override the choice.

Every person of a shot (`shot_people.py`) gets a salience, the product of
- presence: share of the shot from the first to the last detection, gaps included;
- size: square root of the median body size in pixels;
- motion: changes of velocity and of orientation, m in body sizes per second, as m^2 / (1 + m^2);
- position: closeness to the middle of the frame, where cameras keep athletes;
- score: square root of the score in the better frames; false detections in a background never score high.

The most salient people are the agents. They are numbered from left to right by their median position, separately in
each shot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.store.arrays import Floats
from extractors.keypoint_geometry import orientations_of
from extractors.pose.config import PoseConfig
from extractors.pose.shot_people import Track
from extractors.signals import blocks

TRACK_COLUMNS = (
    *("shot", "first_frame", "last_frame", "presence", "size", "motion", "position", "score"),
    *("salience", "agent"),
)
"""Columns of the table of people. `salience` is 1 for the least agent of a shot; `agent` is -1 for those not chosen."""

MIN_PRESENCE = 0.1  # least share of a shot for an agent


def choose_agents(
    people: Sequence[Track], frames: int, times: Floats, size: tuple[int, int], config: PoseConfig, first: int = 0
) -> tuple[list[Track], Floats]:
    """At most `config.agents` agents of a shot of `frames` frames, and the table (people, columns) of all its people.

    `times` are the seconds of the video's frames so far, `size` is width and height, `first` counts earlier people.
    """
    table = np.full((len(people), len(TRACK_COLUMNS)), -1.0)
    places = np.reshape([np.median(person.centres, axis=0) for person in people], (-1, 2))
    for row, person in enumerate(people):
        (start, last), body = person.frames[[0, -1]], float(np.median(person.sizes))
        angles = np.concatenate([orientations_of(person.poses(rows)) for rows in blocks(len(person.frames))])
        motion = _motion(person.centres, angles, times[person.frames], body)
        offset = np.linalg.norm(person.centres / np.array(size) - 0.5, axis=1)
        position, score = np.exp(-0.5 * (offset / 0.35) ** 2).mean(), np.percentile(person.scores, 75)
        table[row, 1:8] = start, last, (last + 1 - start) / frames, body, motion, position, score
    table[:, 8] = _saliences(table, places, first, size, config)
    best = np.argsort(-table[:, 8], kind="stable")[: config.agents].tolist()
    chosen = sorted((row for row in best if table[row, 8] > 0), key=places[:, 0].__getitem__)
    table[:, 8] /= table[chosen, 8].min(initial=np.inf)
    table[chosen, 9] = np.arange(len(chosen))
    return [people[row] for row in chosen], table


def _saliences(rows: Floats, places: Floats, first: int, size: tuple[int, int], config: PoseConfig) -> Floats:
    """(people,) salience from the columns of the table; 0 for people excluded by the settings."""
    if config.tracks:
        return np.isin(np.arange(first, first + len(rows)), config.tracks).astype(np.float64)
    presence, bodies, motion, position, score = rows[:, 3:8].T
    salience = presence * np.sqrt(bodies * score) * motion**2 / (1 + motion**2) * position
    salience[presence < MIN_PRESENCE] = 0.0
    if config.region is not None:
        corners = np.reshape(config.region, (2, 2)) * size
        salience[((places < corners[0]) | (places > corners[1])).any(axis=1)] = 0.0
    return np.asarray(salience)


def _motion(centres: Floats, orientations: Floats, seconds: Floats, size: float) -> float:
    """Body sizes per second: changes of velocity, plus turning at half a body size per radian; medians over time.

    A person who walks through the picture moves steadily, an athlete does not. Speeds are taken over at least .1 s, so
    jitter of the joints does not count. The result is at least .001, so that other factors decide in a still picture.
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
