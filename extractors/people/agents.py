"""Which of the people are the agents: a whole-video decision over tracks, inspectable and overridable.

Every track of a shot gets a salience, the product of
- persistence: share of the shot's frames in which the person was seen;
- size: body size against the largest in the shot;
- motion: travel against the background and change of posture, in body sizes per second;
- position: closeness to the middle of the frame, where cameras keep athletes;
- score: how sure the network is in the better frames: what is read into a background never scores high.

The most salient track starts agent after agent; each agent takes up further tracks that continue it (a person who was
lost for longer than the tracker waits), so that one person is one agent.

Order: agents are numbered from left to right by their median horizontal place over the frames in which all of them
are seen (their own frames where there is none). A shot after a cut is ordered anew by the same rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extractors.people.bodies import centre_of, centres_of, leans_of, size_of, sizes_of
from extractors.people.tracking import Track

FIGURES = (
    "shot",
    "first_frame",
    "last_frame",
    "persistence",
    "size",
    "motion",
    "position",
    "score",
    "salience",
    "agent",
)
"""Columns of the table of tracks, in order; `agent` is -1 for people who were not chosen."""


@dataclass(frozen=True)
class ChoiceSettings:
    """How agents are chosen.

    Attributes:
        agents: how many at most.
        tracks: numbers of the tracks to take, instead of choosing (read them from the table of a first run).
        region: x1 y1 x2 y2 relative to the frame; only people whose median centre lies inside are considered.
        min_persistence: share of a shot's frames below which a person is never an agent.
    """

    agents: int = 2
    tracks: tuple[int, ...] = ()
    region: tuple[float, float, float, float] | None = None
    min_persistence: float = 0.1


@dataclass(frozen=True)
class Choice:
    """The agents of a video.

    Attributes:
        members: for each shot, for each agent in order, its tracks in order of time.
        table: (tracks, len(FIGURES)) float64, one row per track.
    """

    members: tuple[tuple[tuple[Track, ...], ...], ...]
    table: NDArray[np.float64]

    @property
    def agents(self) -> int:
        """The most agents that any shot has."""
        return max((len(shot) for shot in self.members), default=0)


def choose(
    tracks: Sequence[Track],
    shots: Sequence[tuple[int, int]],
    size: tuple[int, int],
    times: NDArray[np.float64],
    settings: ChoiceSettings,
    latest: int = 0,
) -> Choice:
    """Decide who the agents are.

    Args:
        tracks: all tracks, each inside one shot.
        shots: first frame and one past the last frame of every shot, by position in `times`.
        size: width and height of the frame in the tracks' pixels.
        times: (N,) seconds of every processed frame.
        settings: number of agents and overrides.
        latest: how many of a track's poses to judge it by, 0 for all; while a video still runs, few.
    """
    table = np.full((len(tracks), len(FIGURES)), -1.0)
    members: list[tuple[tuple[Track, ...], ...]] = []
    for number, (start, stop) in enumerate(shots):
        rows = [i for i, track in enumerate(tracks) if start <= track.frames[0] < stop]
        for row in rows:
            table[row, :9] = number, *_figures(tracks[row], stop - start, size, times, latest)
        if rows:
            table[rows, 4] /= max(table[rows, 4].max(), 1e-9)
            table[rows, 8] = [_salience(table[row], tracks[row], size, settings) for row in rows]
        chosen = _chosen([tracks[r] for r in rows], table[rows, 8], times, settings)
        members.append(_ordered(chosen))
        for agent, chain in enumerate(members[-1]):
            for track in chain:
                table[[r for r in rows if tracks[r] is track], 9] = agent
    return Choice(tuple(members), table)


RECENT_POSES = 120
"""Poses of a track that its salience looks at while the video runs: no frame may cost more than the one before."""


def running_salience(
    tracks: Sequence[Track], frames: int, size: tuple[int, int], times: Sequence[float]
) -> list[float]:
    """Salience of tracks while the video is still running, `frames` frames into the shot, by their latest poses."""
    if not tracks:
        return []
    rows = np.array([(0, *_figures(track, frames, size, times, RECENT_POSES), 0) for track in tracks])
    rows[:, 4] /= max(rows[:, 4].max(), 1e-9)
    return [_salience(row, track, size, ChoiceSettings()) for row, track in zip(rows, tracks, strict=True)]


def _figures(
    track: Track, frames: int, size: tuple[int, int], times: Sequence[float] | NDArray[np.float64], latest: int = 0
) -> tuple[float, ...]:
    """first_frame, last_frame, persistence, size (pixels), motion, position, score, salience (0 for now).

    Of the track's poses only the `latest` are looked at, or all for 0.
    """
    poses = np.stack(track.keypoints[-latest:])
    seen = np.array([times[frame] for frame in track.frames[-latest:]])
    body = float(np.median(sizes_of(poses)))
    middle = np.median(centres_of(poses), axis=0)
    offset = np.linalg.norm((middle - np.array(size) / 2) / np.array(size))
    return (
        track.frames[0],
        track.frames[-1],
        len(track.frames) / max(frames, 1),
        body,
        _motion(track.places[-latest:], poses, seen, body),
        float(np.exp(-0.5 * (offset / 0.35) ** 2)),
        float(np.percentile(track.scores[-latest:], 75)),
        0.0,
    )


def _motion(
    where: Sequence[NDArray[np.float64]], poses: NDArray[np.float32], seen: NDArray[np.float64], body: float
) -> float:
    """Body sizes per second: median speed against the background, plus turning at half a body per radian.

    Speeds are taken over at least .1 s, so that the jitter of the joints is no motion.
    """
    if len(seen) < 3:
        return 0.0
    later = np.searchsorted(seen, seen + 0.1)
    first = np.flatnonzero(later < len(seen))
    if not len(first):
        return 0.0
    last = later[first]
    gap = seen[last] - seen[first]
    places, leans = np.stack(where), np.unwrap(leans_of(poses))
    speed = np.linalg.norm(places[last] - places[first], axis=1) / gap / max(body, 1.0)
    turning = np.abs(leans[last] - leans[first]) / gap
    return float(np.median(speed) + 0.5 * np.median(turning))


def _salience(row: NDArray[np.float64], track: Track, size: tuple[int, int], settings: ChoiceSettings) -> float:
    _, _, _, persistence, body, motion, position, score = row[:8]
    if settings.tracks:
        return float(track.number in settings.tracks)
    if settings.region is not None:
        x, y = np.median([centre_of(pose) for pose in track.keypoints], axis=0) / np.array(size)
        x1, y1, x2, y2 = settings.region
        if not (x1 <= x <= x2 and y1 <= y <= y2):
            return 0.0
    if persistence < settings.min_persistence:
        return 0.0
    # Nobody travels and turns at more than about twelve body sizes a second: beyond that it is readings of nothing.
    moving = 0.25 + motion / (motion + 0.5) * np.exp(-max(motion - 12, 0.0) / 6)
    return float(persistence * np.sqrt(max(body, 0.0)) * moving * (0.5 + 0.5 * position) * max(score, 0.0))


def _chosen(
    tracks: Sequence[Track], salience: NDArray[np.float64], times: NDArray[np.float64], settings: ChoiceSettings
) -> list[list[Track]]:
    """Tracks grouped into agents, most salient agent first."""
    agents: list[list[Track]] = []
    for row in np.argsort(-salience, kind="stable"):
        track = tracks[row]
        fits = [(_step(agent, track, times), number) for number, agent in enumerate(agents)]
        continued = [(step, number) for step, number in fits if step is not None]
        if continued:
            agents[min(continued)[1]].append(track)
        elif len(agents) < settings.agents and salience[row] > 0:
            agents.append([track])
    return [sorted(agent, key=lambda t: t.frames[0]) for agent in agents]


def _step(agent: Sequence[Track], track: Track, times: NDArray[np.float64]) -> float | None:
    """Body sizes between `track` and the nearest-in-time part of `agent`, None where it cannot continue it."""
    if any(_both_seen(other, track) for other in agent):
        return None
    steps: list[tuple[float, float, float]] = []
    for other in agent:
        early, late = (other, track) if other.frames[0] <= track.frames[0] else (track, other)
        gap = max(times[late.frames[0]] - times[early.frames[-1]], 0.0)
        sizes = size_of(early.keypoints[-1]), size_of(late.keypoints[0])
        way = np.linalg.norm(centre_of(late.keypoints[0]) - centre_of(early.keypoints[-1]))
        steps.append((float(gap), float(way / max(sizes)), max(sizes) / min(sizes)))
    gap, nearest, ratio = min(steps)
    return nearest if nearest < 1.0 + 3.0 * gap and ratio < 2.5 and gap < 3.0 else None


def _both_seen(a: Track, b: Track) -> bool:
    """Whether two tracks are two people: seen in the same frames, but for a few in which one lies on the other."""
    common = sorted(set(a.frames) & set(b.frames))
    if len(common) <= 3 and len(common) + 2 <= min(len(a.frames), len(b.frames)):
        return False  # a body read twice in a few frames: the surer reading of each frame is kept
    if len(common) > 0.2 * min(len(a.frames), len(b.frames)):
        return True
    poses = [(a.keypoints[a.frames.index(f)], b.keypoints[b.frames.index(f)]) for f in common]
    return any(np.linalg.norm(centre_of(p) - centre_of(q)) > 0.5 * max(size_of(p), size_of(q)) for p, q in poses)


def _ordered(agents: list[list[Track]]) -> tuple[tuple[Track, ...], ...]:
    """Agents from left to right by the median over the frames in which all are seen."""
    seen = [
        {f: pose for track in agent for f, pose in zip(track.frames, track.keypoints, strict=True)} for agent in agents
    ]
    common = set.intersection(*map(set, seen)) if seen else set()
    places = [np.median([centre_of(a[f])[0] for f in (common or a)]) for a in seen]
    return tuple(tuple(agents[i]) for i in np.argsort(places, kind="stable"))


def suspected_swaps(members: Sequence[Sequence[Track]]) -> int:
    """Steps at which two agents of one shot may have been exchanged, over all pairs of agents."""
    return sum(_swaps(a, b) for i, a in enumerate(members) for b in members[i + 1 :])


def _swaps(a: Sequence[Track], b: Sequence[Track]) -> int:
    """Steps at which exchanging two agents would have made both paths clearly shorter while they were apart."""
    paths = [
        {f: place for track in agent for f, place in zip(track.frames, track.places, strict=True)} for agent in (a, b)
    ]
    frames = sorted(set(paths[0]) & set(paths[1]))
    count = 0
    for before, after in itertools.pairwise(frames):
        (p, q), (r, s) = ([path[frame] for path in paths] for frame in (before, after))
        kept = np.linalg.norm(r - p) + np.linalg.norm(s - q)
        exchanged = np.linalg.norm(s - p) + np.linalg.norm(r - q)
        count += bool(exchanged < 0.5 * kept)
    return count
