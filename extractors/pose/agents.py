"""Which of the tracked people are the agents: decided over the whole video, inspectable and overridable.

Every track of a shot gets a salience, the product of
- persistence: share of the shot's frames with a detection;
- size: square root of the body size against the largest in the shot;
- motion: changes of velocity and of orientation, in body sizes per second;
- position: closeness to the middle of the frame, where cameras keep athletes;
- score: the network's score in the better frames; false detections in a background never score high.

Tracks that continue each other (a person who was missing for longer than the tracker waits) are joined to one person,
whose saliences are added. The most salient people are the agents. They are numbered from left to right by their median
place over the frames that show all of them; a shot after a cut is numbered anew by the same rule.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from data.store.arrays import Floats
from extractors.keypoints import centres_of, in_blocks, orientations_of, sizes_of
from extractors.pose.tracking import Track

TRACK_COLUMNS = (
    *("shot", "first_frame", "last_frame", "persistence", "size", "motion", "position", "score"),
    *("salience", "agent"),
)
"""Columns of the table of tracks, in order; `agent` is -1 for people who were not chosen."""

MIN_PERSISTENCE = 0.1  # share of a shot's frames below which a person is never an agent
RIVAL = 0.5  # while the video runs, one more person is followed whose salience is at least this part of an agent's

RECENT = 60
"""Detections by which a track is judged while the video still runs: no frame may cost more than the one before."""

MAX_OVERLAP = 3
"""Two tracks with more common frames are two people; with fewer, one body that was detected twice for a moment."""

MAX_GAP_S, MAX_JUMP = 3.0, 1.0
"""A track continues an agent after at most so many seconds, and body sizes (growing by three a second)."""

Seconds: TypeAlias = "array[float] | Floats"


@dataclass(frozen=True)
class Agents:
    """The agents of a video."""

    shots: tuple[tuple[tuple[Track, ...], ...], ...]  # by shot, then agent: its tracks in order of time
    table: Floats  # (tracks, len(TRACK_COLUMNS)), one row per track


@dataclass(frozen=True)
class Chooser:
    """Chooses at most `agents` agents among tracks, by the settings `tracks` and `region` of the stage.

    `size` is (width, height) of the frame in the tracks' pixels.
    """

    agents: int
    size: tuple[int, int]
    tracks: tuple[int, ...] = ()
    region: tuple[float, float, float, float] | None = None

    def choose(self, tracks: Sequence[Track], shots: Sequence[tuple[int, int]], times: Floats) -> Agents:
        """The agents of a whole video, whose processed frames are at `times` (N,) seconds.

        Shots are (first, one past the last) positions in `times`; every track is inside one shot.
        """
        table = np.full((len(tracks), len(TRACK_COLUMNS)), -1.0)
        members: list[tuple[tuple[Track, ...], ...]] = []
        for number, (start, stop) in enumerate(shots):
            rows = [row for row, track in enumerate(tracks) if start <= track.frames[0] < stop]
            of_shot = [tracks[row] for row in rows]
            if rows:
                table[rows, 0] = number
                table[rows, 1:9] = self._rated(of_shot, stop - start, times)
            members.append(_left_to_right(self._joined(of_shot, table[rows, 8], times)))
            for agent, chain in enumerate(members[-1]):
                table[[rows[of_shot.index(track)] for track in chain], 9] = agent
        return Agents(tuple(members), table)

    def followed(self, tracks: Sequence[Track], frames: int, times: Seconds) -> list[Track]:
        """Active tracks that may become agents, best first, `frames` frames into a shot of a video that still runs."""
        if not tracks:
            return []
        salience = self._rated(tracks, frames, times, RECENT)[:, 7]
        missing = np.array([times[-1] - track.time for track in tracks])
        salience *= np.exp(-missing / 0.3)
        order = np.argsort(-salience, kind="stable")
        least = RIVAL * salience[order[: self.agents]][-1]
        return [tracks[row] for row in order[: self.agents + 1] if salience[row] >= least]

    def _rated(self, tracks: Sequence[Track], frames: int, times: Seconds, recent: int = 0) -> Floats:
        """(tracks, 8) the columns of the table from first_frame to salience."""
        rows = np.array([self._measured(track, frames, times, recent) for track in tracks])
        rows[:, 3] /= rows[:, 3].max()
        persistence, size, motion, position, score = rows[:, 2:7].T
        if not motion.any() and not recent:  # a single frame, or a still picture
            motion = np.ones_like(motion)
        salience = persistence * np.sqrt(size) * motion / (motion + 1) * position * score
        salience[persistence < MIN_PERSISTENCE] = 0.0
        if self.tracks:
            salience = np.array([float(track.number in self.tracks) for track in tracks])
        elif self.region is not None:
            places = [np.median(in_blocks(centres_of, t.keypoints), axis=0) / self.size for t in tracks]
            corners = np.reshape(self.region, (2, 2))
            salience[[not ((corners[0] <= place) & (place <= corners[1])).all() for place in places]] = 0.0
        return np.column_stack([rows, salience])

    def _measured(self, track: Track, frames: int, times: Seconds, recent: int) -> tuple[float, ...]:
        """first_frame, last_frame, persistence, size (pixels), motion, position, score of one track."""
        poses = track.keypoints[-recent:]
        seconds = np.asarray(times)[np.asarray(track.frames[-recent:])]
        centres, size = in_blocks(centres_of, poses), float(np.median(in_blocks(sizes_of, poses)))
        motion = _motion(centres, in_blocks(orientations_of, poses), seconds, size)
        offset = np.linalg.norm(centres / np.array(self.size) - 0.5, axis=1)
        position = float(np.exp(-0.5 * (offset / 0.35) ** 2).mean())
        score = float(np.percentile(track.scores[-recent:], 75))
        return track.frames[0], track.frames[-1], len(track.frames) / max(frames, 1), size, motion, position, score

    def _joined(self, tracks: Sequence[Track], salience: Floats, times: Floats) -> list[list[Track]]:
        """The agents: tracks joined to people, and of these the ones with the largest sums of salience."""
        people: list[list[Track]] = []
        sums: list[float] = []
        for row in np.argsort(-salience, kind="stable"):
            jumps = [_jump(person, tracks[row], times) for person in people]
            if jumps and np.isfinite(min(jumps)):
                person = int(np.argmin(jumps))
                people[person].append(tracks[row])
                sums[person] += salience[row]
            else:
                people.append([tracks[row]])
                sums.append(salience[row])
        best = [row for row in np.argsort(-np.array(sums), kind="stable")[: self.agents] if sums[row] > 0]
        return [sorted(people[row], key=lambda track: track.frames[0]) for row in best]


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


def _jump(agent: Sequence[Track], track: Track, times: Floats) -> float:
    """Body sizes between `track` and the nearest-in-time track of `agent`; infinite where it cannot continue it."""
    jumps: list[tuple[float, float, float]] = []
    for other in agent:
        if len(np.intersect1d(other.frames, track.frames, assume_unique=True)) > MAX_OVERLAP:
            return np.inf
        early, late = (other, track) if other.frames[0] <= track.frames[0] else (track, other)
        ends = np.stack([early.keypoints[-1], late.keypoints[0]])
        sizes = sizes_of(ends)
        gap = max(float(times[late.frames[0]] - times[early.frames[-1]]), 0.0)
        distance = float(np.linalg.norm(np.diff(centres_of(ends), axis=0)))
        jumps.append((gap, distance / sizes.max(), sizes.max() / sizes.min()))
    gap, jump, ratio = min(jumps)
    return jump if jump < MAX_JUMP + 3 * gap and ratio < 2.5 and gap < MAX_GAP_S else np.inf


def _left_to_right(agents: list[list[Track]]) -> tuple[tuple[Track, ...], ...]:
    """Agents by their median horizontal place over the frames that show all of them, or over those of each alone."""
    places = _places(agents)
    common = np.isfinite(places[..., 0]).all(axis=0)
    across = [np.median(of[common if common.any() else np.isfinite(of[:, 0]), 0]) for of in places]
    return tuple(tuple(agents[row]) for row in np.argsort(across, kind="stable"))


def rival(table: Floats) -> float:
    """Greatest salience of a person who is no agent, as a share of the least agent's, over the shots; 0 without one."""
    greatest = 0.0
    for shot in np.unique(table[:, 0]):
        salience, agent = table[table[:, 0] == shot][:, 8:10].T
        chosen = [float(salience[agent == one].sum()) for one in np.unique(agent[agent >= 0])]
        others = salience[agent < 0]
        if chosen and min(chosen) > 0 and len(others):
            greatest = max(greatest, float(others.max()) / min(chosen))
    return greatest


def suspected_switches(agents: Sequence[Sequence[Track]]) -> int:
    """Steps of one shot at which two agents may have been exchanged, over all pairs of agents.

    An identity switch is suspected where exchanging the two would make both clearly move less.
    """
    count = 0
    for pair in itertools.combinations(agents, 2):
        a, b = (places := _places(pair))[:, np.isfinite(places[..., 0]).all(axis=0)]
        kept, exchanged = (
            np.linalg.norm(one[1:] - a[:-1], axis=1) + np.linalg.norm(other[1:] - b[:-1], axis=1)
            for one, other in ((a, b), (b, a))
        )
        count += int((exchanged < 0.5 * kept).sum())
    return count


def _places(agents: Sequence[Sequence[Track]]) -> Floats:
    """(agents, frames, 2) centre of each agent from their first frame to their last; NaN without a detection."""
    ends = [(track.frames[0], track.frames[-1]) for agent in agents for track in agent]
    first, last = min((end[0] for end in ends), default=0), max((end[1] for end in ends), default=-1)
    places = np.full((len(agents), last + 1 - first, 2), np.nan)
    for agent, of_agent in zip(agents, places, strict=True):
        for track in agent:
            of_agent[np.asarray(track.frames) - first] = in_blocks(centres_of, track.keypoints)
    return places
