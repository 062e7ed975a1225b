"""Which views of a frame the pose network is shown.

The network reads upright people well, and loses people who are upside down. So the whole frame is shown once, in the
quarter turn that is nearest to each followed person's orientation; the other quarter turns follow only where a person
is missing or has a low score. A person who is too small in the whole frame's input is shown in a close-up, turned
upright. (Measured on composed clips of real people, `python -m benchmarks.pose`: docs/benchmarks.md.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extractors.pose.backends.base import PoseBackend
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image, View
from extractors.pose.keypoints import centres_of, wrapped
from extractors.pose.tracking import Track, Tracker

RETRY_S = 0.15
"""Seconds before quarter turns are tried again for a person whom none of them showed."""

MAX_TILT = np.radians(55)
"""Radians from upright that the network still reads well."""

CLOSE_UP = 2.2
"""Side of a close-up in body sizes."""


class Search:
    """Finds the people of each frame of one video.

    Attributes:
        forwards: how often the network ran.
    """

    def __init__(self, backend: PoseBackend, config: PoseConfig, tracker: Tracker) -> None:
        self.backend, self.config, self.tracker = backend, config, tracker
        self.forwards = 0
        self._searched = -np.inf
        self._retried: dict[int, float] = {}
        self._turns: dict[int, int] = {}

    def detect(self, image: Image, time: float, followed: Sequence[Track], new_shot: bool) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first.

        Args:
            followed: tracks that may be agents, the likeliest first.
            new_shot: nobody of the frames before is in this one.
        """
        if self.config.rotations != "auto":
            turns = range(4) if self.config.rotations == "four" else (0,)
            return self._distinct([self._seen(image, View.whole(image, turn)) for turn in turns])
        wait = self.config.search_s if len(followed) >= self.config.agents else RETRY_S
        views: list[View] = []
        if new_shot or time - self._searched >= wait:
            self._searched = time
            views = [View.whole(image, turn) for turn in range(4)]
        shown = {view.turns for view in views}
        for track in followed:
            view = self._first_view(image, time, track)
            if view.turns is None or view.turns not in shown:
                views.append(view)
                shown.add(view.turns)
        people = self._distinct([self._seen(image, view) for view in views or [View.whole(image)]])
        for track in followed:
            people = self._retry(image, time, track, people, shown)
        return people

    def _retry(self, image: Image, time: float, track: Track, people: Detections, shown: set[int | None]) -> Detections:
        """Detections with those of further views, until the person of a track is among them with confidence."""
        if time - self._retried.get(track.number, -np.inf) < RETRY_S:
            return people
        further = [View.whole(image, turn) for turn in self._turns_by_tilt(time, track) if turn not in shown]
        for view in further:
            if self._confident(time, people, track):
                return people
            shown.add(view.turns)
            people = self._distinct([people, self._seen(image, view)])
        if not self._confident(time, people, track):
            self._retried[track.number] = time
        return people

    def _first_view(self, image: Image, time: float, track: Track) -> View:
        """Where to look for a person: the whole frame, or a close-up of a person who is small in its input.

        The quarter turn of the frame before is kept as long as the person is within `MAX_TILT` of upright in it.
        """
        turns, last = self._turns_by_tilt(time, track), self._turns.get(track.number)
        tilt = wrapped(track.predicted_orientation(time) + (last or 0) * np.pi / 2)
        if last is None or abs(tilt) > MAX_TILT:
            self._turns[track.number] = turns[0]
        input_px = track.size * self.config.long_side / max(image.shape[:2])
        if input_px < self.config.close_up_px:
            return self._close_up(time, track)
        return View.whole(image, self._turns[track.number])

    def _close_up(self, time: float, track: Track) -> View:
        """A square around the predicted place, turned so that the body is upright."""
        centre, angle = centres_of(track.predicted(time)[None])[0], track.predicted_orientation(time)
        return View.around(centre, CLOSE_UP * track.size, angle, self.config.close_up_side)

    def _turns_by_tilt(self, time: float, track: Track) -> list[int]:
        """Quarter turns of the whole frame, the one that shows the person nearest to upright first."""
        upright = np.cos(track.predicted_orientation(time) + np.arange(4) * np.pi / 2)
        return [int(turn) for turn in np.argsort(-upright, kind="stable")]

    def _confident(self, time: float, people: Detections, track: Track) -> bool:
        rows = [row for row, other in self.tracker.match(time, people).items() if other is track]
        return bool(rows) and float(people.scores[rows[0]]) >= self.config.weak_score

    def _seen(self, image: Image, view: View) -> Detections:
        """Detections of one view in frame pixels. A square cuts off people at its border: these are left out."""
        self.forwards += 1
        side = None if view.turns is not None else self.config.close_up_side
        found = self.backend.detect(view.draw(image), side)
        found = found.take(found.scores >= self.config.min_score)
        if side and len(found):
            middle = np.array(view.size) / 2
            found = found.take(np.linalg.norm(centres_of(found.keypoints) - middle, axis=1) < 0.35 * side)
        return view.in_frame(found)

    def _distinct(self, groups: Sequence[Detections]) -> Detections:
        return Detections.joined(groups).distinct()
