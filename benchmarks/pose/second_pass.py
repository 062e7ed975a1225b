"""A second pass over weak frames: what the stage would gain from it (row `second pass over weak frames`).

After the last frame, each frame in which an agent is missing or has a low score gets a turned close-up where the frames
around it say that the person is. The detection there takes the place of the one of the first pass if it scores higher.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from data.store.arrays import Floats
from extractors.keypoints import centres_of, orientations_of, sizes_of
from extractors.pose.agents import Agents, Chooser
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Image, View
from extractors.pose.search import CLOSE_UP, Search
from extractors.pose.tracking import Track, Tracker

MAX_GAP_S = 1.0
"""Frames are weak between two confident ones that are at most this many seconds apart."""


@contextmanager
def second_pass(images: Sequence[Image] | Image, network: Any, config: PoseConfig) -> Iterator[None]:
    """Context in which the stage refines its agents' tracks after the first pass, before it cleans them.

    Args:
        images: every frame that the stage processes.
        network: its pose network.
        config: of the stage; frames are weak where the person's score is below its `weak_score`.
    """
    choose = Chooser.choose
    search = Search(network, config, Tracker(config.new_score, config.max_missing_s, config.max_step))

    def refined(chooser: Chooser, tracks: Sequence[Track], shots: Any, times: Floats) -> Agents:
        agents = choose(chooser, tracks, shots, times)
        for shot in agents.shots:
            for chain in shot:
                _refine(chain, images, times, search)
        return agents

    with mock.patch.object(Chooser, "choose", refined):
        yield


def _refine(chain: Sequence[Track], images: Sequence[Image] | Image, times: Floats, search: Search) -> None:
    """Add to the last of an agent's tracks what close-ups of its weak frames show; the higher score is stored."""
    frames = np.array([frame for track in chain for frame in track.frames])
    poses = np.concatenate([track.keypoints.copy() for track in chain])
    scores = np.array([score for track in chain for score in track.scores])
    good = scores >= search.config.weak_score
    if good.sum() < 2:
        return
    frames, first = np.unique(frames[good], return_index=True)
    poses = poses[good][first]
    times_good = times[frames]
    series = np.column_stack([centres_of(poses), sizes_of(poses), np.unwrap(orientations_of(poses))])
    weak = np.setdiff1d(np.arange(frames[0], frames[-1] + 1), frames)
    after = np.searchsorted(frames, weak)
    for frame in weak[times_good[after] - times_good[after - 1] <= MAX_GAP_S].tolist():
        x, y, size, angle = (float(np.interp(times[frame], times_good, column)) for column in series.T)
        view = View.around(np.array([x, y]), CLOSE_UP * size, angle, search.config.close_up_side)
        people = search.in_view(np.asarray(images[frame]), view)
        if len(people):
            row = bisect_left(chain[-1].frames, frame)  # frames stay ascending
            chain[-1].frames.insert(row, frame)
            chain[-1].scores.insert(row, float(people.scores[0]))
            chain[-1].joints[51 * row : 51 * row] = array("f", people.keypoints[0].ravel().tolist())
