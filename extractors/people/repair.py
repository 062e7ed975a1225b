"""A second look, with hindsight: an agent who is missing or faint in a frame is sought from the frames on both sides.

While a video streams, people are known only from the past. Once a stretch of frames has gone by, each agent's way
through it is chosen as a whole (`path.py`), and the frames in which the agent is missing or faint are looked at
again, close up, from many sides, at the place and angle that the surer frames around them predict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extractors.people.appearance import Appearance
from extractors.people.between import between
from extractors.people.bodies import centre_of, lean_of, size_of
from extractors.people.hunt import Hunt, longest_bones
from extractors.people.path import DOUBT, Sight, best_path
from extractors.people.search import Person, whole_frame
from extractors.people.tracking import GROWTH, LOW_BAR, PLAIN, Track
from extractors.pose_backends.base import Image, PoseBackend

RECENT = 120
"""Frames before the window whose sights still say how large the agent is and how it usually scores."""

NEAR = 0.25
"""A reading that the path leaves out is kept if it lies so near to where the path leads, in body sizes."""

FAR, PATIENCE = 20, 3
"""Frames from the nearest sight beyond which nobody is looked for between two sights, and before or after all."""


@dataclass
class Repair:
    """Looks again at the frames of one window.

    Attributes:
        backend: the pose network.
        images: the window's pictures by position, at the size in which tracks are measured.
        zoom, pixels: of close-ups.
        sure: person score from which nothing has to be looked at again, in a good picture.
        times, cameras: seconds of every position, and the background's summed shift.
        seen: everything read in each of the window's frames while it streamed.
    """

    backend: PoseBackend
    images: Mapping[int, Image]
    zoom: float
    pixels: int
    sure: float
    times: Sequence[float]
    cameras: Sequence[NDArray[np.float64]]
    seen: Mapping[int, Sequence[Sight]]

    def agent(
        self,
        chain: Sequence[Track],
        others: Sequence[Sequence[Track]],
        shot: tuple[int, int],
        look: Appearance,
    ) -> dict[int, Sight | None]:
        """What a second look changes of one agent, by position; None where the agent was somebody else.

        Args:
            chain: the agent's tracks.
            others: the other agents' tracks; somebody who is already one of them is not taken.
            shot: first position and one past the last.
            look: the agent's colours.
        """
        places = [p for p in sorted(self.images) if shot[0] <= p < shot[1]]
        if not places:
            return {}
        known, main = sights(chain), max(chain, key=lambda track: len(track.frames))
        latest = [sight for place, sight in known.items() if place >= places[0] - RECENT] or list(known.values())
        size = max(float(np.median([size_of(sight.pose) for sight in latest])), main.largest / GROWTH)
        usual = max(float(np.percentile([sight.score for sight in latest], 75)), LOW_BAR * PLAIN)
        taken, bones = [sights(other) for other in others], longest_bones(latest, usual)
        settings = (self.backend, self.images, self.zoom, self.pixels, main.bar(self.sure))
        hunt = Hunt(*settings, size, look, taken, bones)
        pool = {p: hunt.fitting(p, self.seen.get(p, ()), known.get(p)) for p in places}
        path = self._sought(hunt, pool, places, usual)
        _keep_near(path, {p: known[p] for p in places if p in known}, size)
        changed = {p: path.get(p) for p in places if (p in path) != (p in known)}
        return changed | {p: s for p, s in path.items() if p in known and not np.array_equal(s.pose, known[p].pose)}

    def _sought(
        self, hunt: Hunt, pool: dict[int, list[Sight]], places: Sequence[int], usual: float
    ) -> dict[int, Sight]:
        """The best path after whole frames were searched where it is far away, and close-ups made where it is weak."""
        way = (self.times, self.cameras, hunt.size, usual)
        path = best_path(pool, *way)
        lost = _lost(places, path)
        for place in lost:
            found = whole_frame(self.backend, self.images[place])
            seen = [Sight(p, float(s)) for p, s in zip(found.keypoints, found.scores, strict=True)]
            pool[place] = [*pool[place], *hunt.fitting(place, seen)]
        path = best_path(pool, *way) if lost else path
        weak = {p for p in places if p not in path or path[p].score < hunt.sure}
        if not weak or not path:
            return path
        sure = np.array([p for p in path if p not in weak] or list(path))
        for place in sorted(weak, key=lambda p: (int(np.abs(sure - p).min()), p)):
            person = _expected(path, place, hunt.size)
            found_now = hunt.look_again(place, person) if person else []
            pool[place] = [*pool[place], *found_now]
            best = max(found_now, key=lambda sight: sight.weight, default=None)
            if best is not None and best.weight > max(DOUBT * usual, path[place].weight if place in path else 0):
                path[place] = best
        return best_path(pool, *way)


def _keep_near(path: dict[int, Sight], known: Mapping[int, Sight], size: float) -> None:
    """Readings that the path leaves out are taken up again where they lie near to where it leads."""
    for place in sorted(set(known) - set(path), key=lambda p: min((abs(p - q) for q in path), default=0)):
        person = _expected(path, place, size)
        if person and np.linalg.norm(centre_of(known[place].pose) - centre_of(person.pose)) < NEAR * size:
            path[place] = known[place]


def _expected(path: Mapping[int, Sight], place: int, size: float) -> Person | None:
    """Where the agent should be: between its sights before and after, or on from the last ones on one side.

    None where it was not seen for too long.
    """
    before = [p for p in range(place - 1, place - FAR, -1) if p in path][:2]
    after = [p for p in range(place + 1, place + FAR) if p in path][:2]
    if before and after:
        share = (place - before[0]) / (after[0] - before[0])
        pose = between(path[before[0]].pose, path[after[0]].pose, share)
        return Person(pose, size, lean_of(pose))
    trail = before or after
    if not trail or abs(place - trail[0]) > PATIENCE:
        return None
    sight = path[trail[0]]
    pose, lean, turn, step = sight.pose.copy(), lean_of(sight.pose), 0.0, np.zeros(2)
    if len(trail) > 1 and abs(trail[0] - trail[1]) <= PATIENCE:
        earlier = path[trail[1]].pose
        ratio = abs(place - trail[0]) / abs(trail[0] - trail[1])
        step = (centre_of(sight.pose) - centre_of(earlier)) * ratio
        step *= min(1.0, 0.5 * size / max(float(np.linalg.norm(step)), 1e-6))
        change = (lean - lean_of(earlier) + np.pi) % (2 * np.pi) - np.pi
        turn = change * ratio if abs(change) < 1.3 else 0.0
    pose[:, :2] += step.astype(np.float32)
    return Person(pose, size, lean + float(np.clip(turn, -1.3, 1.3)))


def _lost(places: Sequence[int], path: Mapping[int, Sight]) -> list[int]:
    """Every third frame that is more than `PATIENCE` and less than `FAR` frames from the nearest sight."""
    known = np.array(list(path))
    if not len(known):
        return []
    away = {place: int(np.abs(known - place).min()) for place in places}
    return [place for place in places[::PATIENCE] if PATIENCE < away[place] < FAR]


def sights(chain: Sequence[Track]) -> dict[int, Sight]:
    """Every frame in which an agent was seen; where two of its tracks overlap, the surer one."""
    seen: dict[int, Sight] = {}
    for track in chain:
        for frame, pose, score in zip(track.frames, track.keypoints, track.scores, strict=True):
            if frame not in seen or score > seen[frame].score:
                seen[frame] = Sight(pose, score)
    return seen
