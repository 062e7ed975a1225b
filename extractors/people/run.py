"""One video's people: frames stream in, tracks grow, weak places are looked at again, agents are chosen at the end."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from data.video import Frame
from extractors.people.agents import RECENT_POSES, ChoiceSettings, choose, running_salience
from extractors.people.appearance import Appearance
from extractors.people.bodies import centre_of, lean_of, sizes_of
from extractors.people.path import Sight
from extractors.people.repair import Repair
from extractors.people.scene import SceneWatch
from extractors.people.search import VIEWS, Counted, Person, close_up, close_ups, merge, whole_frame
from extractors.people.tracking import SURE, Track, Tracker, TrackSettings
from extractors.pose_backends.base import Image, People, PoseBackend
from extractors.pose_backends.imported import Imported
from extractors.pose_config import PoseConfig

LEARN = 0.35
"""Person score from which a reading teaches what the person looks like."""

DIM = 0.3
"""People who usually score below this are looked at in two more views."""

WINDOW_BYTES = 96 << 20
"""Pictures held for the second look take at most this much memory."""

TURNS = (0.8, -0.8, 1.6, -1.6, 3.1)
"""Radians of the close-ups tried for a person who is not surely found, in the body's sense of turning."""


class PoseRun:
    """People of one video. `add` every frame in order, then read `tracks`, `times`, `shots`."""

    def __init__(self, backend: PoseBackend | Imported, config: PoseConfig) -> None:
        self.backend, self.config = Counted(backend), config
        self.choice = ChoiceSettings(config.agents, config.tracks, config.region)
        self.tracker = Tracker(
            TrackSettings(config.new_score, config.faint_score, config.agents, config.lost_s, config.gate)
        )
        self.scene = SceneWatch(config.cut_threshold)
        self.times: list[float] = []
        self.cameras: list[NDArray[np.float64]] = []
        self.images: dict[int, Image] = {}
        self.seen: dict[int, list[Sight]] = {}
        self.looks: dict[int, Appearance] = {}
        self.indices: list[int] = []
        self.shot_starts: list[int] = []
        self.scale = 1.0
        self.size = (0, 0)
        self._searched = self._complete = -np.inf

    def add_all(self, frames: Iterable[Frame]) -> PoseRun:
        """Take every frame of an iterator."""
        for frame in frames:
            self.add(frame)
        self.finish()
        return self

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        position, image = len(self.times), self._shrunk(frame.image)
        step = self.scene.step(image)
        self.times.append(frame.time)
        self.indices.append(frame.index)
        if step.cut or not position:
            self.shot_starts.append(position)
        self.tracker.begin(frame.time, step.shift, step.cut)
        self.cameras.append(self.tracker.camera)
        if isinstance(self.backend.backend, Imported):
            high, wide = (image.shape[axis] / frame.image.shape[axis] for axis in (0, 1))
            people = self.backend.backend.at(frame.index).mapped(np.array([[wide, 0, 0], [0, high, 0]]))
        else:
            people = self._people(image, frame.time, fresh=step.cut or not position)
        people = people.take(people.scores >= self.config.min_score)
        self.tracker.update(position, frame.time, people, self._coloured(image, people))
        self._learn(image, frame.time)
        self.images[position] = image
        self.seen[position] = [Sight(p, float(s)) for p, s in zip(people.keypoints, people.scores, strict=True)]
        if len(self.images) * image.nbytes >= WINDOW_BYTES:
            self.finish()

    def finish(self) -> None:
        """Look again, with hindsight, at the frames held in memory, and let go of them; call after the last frame."""
        images, self.images = self.images, {}
        seen, self.seen = self.seen, {}
        if isinstance(self.backend.backend, Imported) or not images:
            return
        if self.config.rotations != "tracked" or not self.config.second_look:
            return
        settings = (self.config.zoom, self.config.crop_side, self.config.sure_score)
        repair = Repair(self.backend, images, *settings, self.times, self.cameras, seen)
        choice = choose(self.tracker.tracks, self.shots, self.size, np.array(self.times), self.choice, RECENT_POSES)
        for shot, agents in zip(self.shots, choice.members, strict=True):
            for agent, chain in enumerate(agents):
                others = [other for number, other in enumerate(agents) if number != agent]
                look = max((self.looks.get(t.number, Appearance()) for t in chain), key=lambda known: known.seen)
                for place, sight in repair.agent(chain, others, shot, look).items():
                    if sight is None:
                        for track in chain:
                            track.drop(place)
                        continue
                    nearest = min(
                        chain, key=lambda track: min(abs(f - place) for f in (track.frames[0], track.frames[-1]))
                    )
                    owner = next((track for track in chain if place in track.frames), nearest)
                    owner.put(place, sight.pose, sight.score, self.cameras[place])

    @property
    def shots(self) -> list[tuple[int, int]]:
        """First and one past the last position of every shot."""
        return list(zip(self.shot_starts, [*self.shot_starts[1:], len(self.times)], strict=True))

    def _people(self, image: Image, time: float, fresh: bool) -> People:
        if self.config.rotations == "none":
            return whole_frame(self.backend, image, (0,))
        wanted = self._wanted(time)
        for track in wanted:
            self._locate(image, time, track)
        due = fresh or time - self._searched >= self.config.search_s
        if fresh:
            self._complete = time
        if self.config.rotations == "four" or due:
            self._searched = time
            found = whole_frame(self.backend, image)
            if self.config.rotations == "four":
                return found
            if fresh:
                found = self._nearer(image, found)
            return merge(People.joined([self._close_ups(image, wanted, time), found]))
        found = self._close_ups(image, wanted, time)
        for track in wanted[: self.choice.agents]:
            found = self._turned(image, time, track, found)
        if sum(self._sure(image, time, track, found) for track in wanted) >= self.choice.agents:
            self._complete = time
        elif time - self._searched >= self._patience(time):
            self._searched = time
            found = merge(People.joined([found, whole_frame(self.backend, image)]))
        return found

    def _nearer(self, image: Image, found: People) -> People:
        """What the first search of a shot found, and close-ups of the most prominent of these people."""
        sizes = sizes_of(found.keypoints)
        order = np.argsort(-found.scores * sizes, kind="stable")[: self.choice.agents + 1]
        people = [Person(found.keypoints[i], float(sizes[i]), lean_of(found.keypoints[i])) for i in order]
        views = (self.config.zoom, self.config.crop_side, self.config.views)
        return merge(People.joined([found, close_ups(self.backend, image, people, *views)]))

    def _patience(self, time: float) -> float:
        """Seconds between searches of the whole frame while somebody is missing: short at first, then longer."""
        missing = time - self._complete
        return 0.07 if missing < 1 else 0.2 * self.config.search_s if missing < 5 else self.config.search_s

    def _turned(self, image: Image, time: float, track: Track, found: People) -> People:
        """Somebody who is not surely found may have turned faster than predicted: other turns are tried."""
        person = Person.of(track, time)
        zoom = self.config.zoom * 1.2
        for turn in TURNS:
            if self._sure(image, time, track, found):
                return found
            way = turn if track.spin >= 0 else -turn
            more = close_up(self.backend, image, person, zoom=zoom, turn=way, pixels=self.config.crop_side)
            found = merge(People.joined([found, more]))
        return found

    def _sure(self, image: Image, time: float, track: Track, found: People) -> bool:
        given = self.tracker.match(time, found, self._coloured(image, found))
        rows = [row for row, other in given.items() if other is track]
        return bool(rows) and float(found.scores[rows[0]]) >= track.bar(self.config.sure_score)

    def _coloured(self, image: Image, people: People) -> NDArray[np.float64]:
        """(alive tracks, people) how much each person is coloured like each track, 1 where that is not known."""
        likeness = np.ones((len(self.tracker.alive), len(people)))
        for row, track in enumerate(self.tracker.alive):
            look = self.looks.get(track.number)
            if look is not None and look.known:
                likeness[row] = [look.likeness(image, pose) for pose in people.keypoints]
        return likeness

    def _locate(self, image: Image, time: float, track: Track) -> None:
        """Somebody who was not surely seen in the last frame is expected where their colours gather."""
        look = self.looks.get(track.number)
        fresh = track.frames[-1] == len(self.times) - 2
        if look is None or not look.known or (fresh and track.scores[-1] >= SURE):
            return
        expected = centre_of(track.predicted(time, track.with_camera))
        place = look.locate(image, expected, track.size)
        if place is not None:
            track.hint = (time, place)

    def _learn(self, image: Image, time: float) -> None:
        """Gather the colours of those who are surely seen, and the surroundings of the others."""
        for track in self._wanted(time)[: self.choice.agents]:
            look = self.looks.setdefault(track.number, Appearance())
            if track.frames[-1] == len(self.times) - 1 and track.scores[-1] >= track.bar(LEARN):
                look.learn(image, track.keypoints[-1])
            elif look.known:
                look.learn_around(image, centre_of(track.predicted(time, track.with_camera)), track.size)

    def _close_ups(self, image: Image, wanted: list[Track], time: float) -> People:
        groups: list[People] = []
        for faint in (False, True):
            people = [Person.of(track, time) for track in wanted if (track.usual < DIM) is faint]
            views = min(self.config.views + 2 * faint, len(VIEWS))
            groups.append(close_ups(self.backend, image, people, self.config.zoom, self.config.crop_side, views))
        return groups[0] if not len(groups[1]) else merge(People.joined(groups))

    def _wanted(self, time: float) -> list[Track]:
        """The tracks worth a view of their own: as many as there are agents, one more while the shot is young."""
        frames = len(self.times) - self.shot_starts[-1]
        alive = self.tracker.alive
        salience = running_salience(alive, frames, self.size, self.times)
        waited = np.array([time - track.time for track in alive])
        order = np.argsort(-np.array(salience) * np.exp(-waited / 0.3), kind="stable")
        return [alive[i] for i in order[: self.choice.agents + (frames < 25)]]

    def _shrunk(self, image: NDArray[np.uint8]) -> Image:
        """The frame at no more than `work_side` pixels, where people are found and measured."""
        import cv2

        if not self.times:
            self.scale = min(1.0, self.config.work_side / max(image.shape[:2]))
            self.size = (round(image.shape[1] * self.scale), round(image.shape[0] * self.scale))
        if self.scale == 1.0:
            return image
        return np.asarray(cv2.resize(image, self.size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
