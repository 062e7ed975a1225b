"""Which people are the agents: decided over the whole video, inspectable and overridable.

Every person of a shot (`paths.py`) gets a salience, the product of
- persistence: share of the shot's frames with a detection;
- size: square root of the body size against the largest in the shot;
- motion: changes of velocity and of orientation, in body sizes per second;
- position: closeness to the middle of the frame, where cameras keep athletes;
- score: square root of the score in the better frames; false detections in a background never score high.

The most salient people are the agents. They are numbered from left to right by their median place over the frames that
show all of them; a shot after a cut is numbered anew by the same rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from data.store.arrays import Floats
from extractors.keypoints import centres_of, in_blocks, orientations_of, sizes_of
from extractors.pose.config import PoseConfig
from extractors.pose.paths import Track

TRACK_COLUMNS = (
    *("shot", "first_frame", "last_frame", "persistence", "size", "motion", "position", "score"),
    *("salience", "agent"),
)
"""Columns of the table of people, in order; `agent` is -1 for people who were not chosen."""

MIN_PERSISTENCE = 0.1  # share of a shot's frames below which a person is never an agent


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
    """first_frame, last_frame, persistence, size (pixels), motion, position, score of one person."""
    poses, seconds = person.keypoints, times[person.frames]
    centres, body = in_blocks(centres_of, poses), float(np.median(in_blocks(sizes_of, poses)))
    motion = _motion(centres, in_blocks(orientations_of, poses), seconds, body)
    offset = np.linalg.norm(centres / np.array(size) - 0.5, axis=1)
    position = float(np.exp(-0.5 * (offset / 0.35) ** 2).mean())
    persistence, score = len(person.frames) / max(frames, 1), float(np.percentile(person.scores, 75))
    return person.frames[0], person.frames[-1], persistence, body, motion, position, score


def _saliences(people: Sequence[Track], rows: Floats, first: int, size: tuple[int, int], config: PoseConfig) -> Floats:
    """(people,) salience from the columns of the table; 0 for those whom the settings exclude."""
    if config.tracks:
        return np.isin(np.arange(first, first + len(people)), config.tracks).astype(np.float64)
    persistence, bodies, motion, position, score = rows[:, 3:8].T
    if not motion.any():  # a single frame, or a still picture
        motion = np.ones_like(motion)
    salience = persistence * np.sqrt(bodies * score) * motion / (motion + 1) * position
    salience[persistence < MIN_PERSISTENCE] = 0.0
    if config.region is not None:
        corners = np.reshape(config.region, (2, 2)) * size
        places = np.array([np.median(in_blocks(centres_of, person.keypoints), axis=0) for person in people])
        salience[((places < corners[0]) | (places > corners[1])).any(axis=1)] = 0.0
    return np.asarray(salience)


def _motion(centres: Floats, orientations: Floats, seconds: Floats, size: float) -> float:
    """Body sizes per second: changes of velocity, plus turning at half a body size per radian; medians over time.

    Somebody who walks through the picture moves steadily, an athlete does not. Speeds are taken over at least .1 s, so
    that jitter of the joints is no motion.
    """
    later = np.searchsorted(seconds, seconds + 0.1)
    first = np.flatnonzero(later < len(seconds))
    if not len(first):
        return 0.0
    last = later[first]
    gap = (seconds[last] - seconds[first])[:, None]
    velocity = (centres[last] - centres[first]) / gap / size
    angles = np.unwrap(orientations)[:, None]
    turning = np.abs(angles[last] - angles[first]) / gap
    unsteady = np.linalg.norm(velocity - np.median(velocity, axis=0), axis=1)
    return float(np.median(unsteady) + 0.5 * np.median(turning))


def _left_to_right(people: Sequence[Track], rows: list[int]) -> list[int]:
    """Rows of people by their median horizontal place over the frames that show all, or over those of each alone."""
    places = _places([people[row] for row in rows])
    common = np.isfinite(places[..., 0]).all(axis=0)
    across = [np.median(of[common if common.any() else np.isfinite(of[:, 0]), 0]) for of in places]
    return [rows[place] for place in np.argsort(across, kind="stable")]


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
    for a, b in itertools.combinations(_places(agents), 2):
        common = np.isfinite(a[:, 0]) & np.isfinite(b[:, 0])
        (a0, a1), (b0, b1) = ((of[common][:-1], of[common][1:]) for of in (a, b))
        kept = np.linalg.norm(a1 - a0, axis=1) + np.linalg.norm(b1 - b0, axis=1)
        exchanged = np.linalg.norm(b1 - a0, axis=1) + np.linalg.norm(a1 - b0, axis=1)
        count += int((exchanged < 0.5 * kept).sum())
    return count


def _places(people: Sequence[Track]) -> Floats:
    """(people, frames, 2) centre of each person from their first frame to their last; NaN without a detection."""
    first = min((int(person.frames[0]) for person in people), default=0)
    last = max((int(person.frames[-1]) for person in people), default=-1)
    places = np.full((len(people), last + 1 - first, 2), np.nan)
    for person, of_person in zip(people, places, strict=True):
        of_person[person.frames - first] = in_blocks(centres_of, person.keypoints)
    return places
