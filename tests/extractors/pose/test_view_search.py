"""Which views of a frame the network gets, counted frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image, View
from extractors.pose.search import Search
from extractors.pose.tracking import Tracker
from tests.helpers.drawn_people import ColourReader, people, person, picture

READABLE = 1.0
"""Radians of tilt that the drawn network reads, a little more than the search relies on."""


def searched(reader: Any, images: Sequence[Image], **settings: Any) -> tuple[list[int], list[Detections]]:
    """Forwards of each frame, and its detections."""
    config = PoseConfig(**{"agents": 1, **settings})
    tracker = Tracker(config.new_score, config.max_missing_s, config.max_step)
    search = Search(reader, config, tracker)
    counts, detections = [], []
    for frame, image in enumerate(images):
        before, time = search.forwards, frame / 25
        tracker.begin(time, frame == 0)
        detections.append(search.detect(image, time, tracker.active[: config.agents], frame == 0))
        tracker.update(frame, time, detections[-1])
        counts.append(search.forwards - before)
    return counts, detections


@pytest.mark.parametrize(("rotations", "forwards"), [("none", 1), ("four", 4)])
def test_a_fixed_choice_of_quarter_turns(rotations: str, forwards: int) -> None:
    counts, detections = searched(ColourReader(READABLE), [picture(person(160, 120, np.pi))] * 3, rotations=rotations)
    assert counts == [forwards] * 3
    assert [len(group) for group in detections] == [int(rotations == "four")] * 3


@pytest.mark.parametrize("angle", [0.0, 1.6, 3.1, -1.5, 0.7])
def test_a_person_is_detected_in_one_forward_once_the_orientation_is_clear(angle: float) -> None:
    pose = person(160, 120, angle)
    counts, detections = searched(ColourReader(READABLE), [picture(pose)] * 6)
    assert counts == [4, 1, 1, 1, 1, 1]
    for group in detections:
        assert np.abs(group.keypoints[0, 5:, :2] - pose[5:, :2]).max() < 1.5


def test_quarter_turns_follow_a_somersault() -> None:
    counts, detections = searched(ColourReader(READABLE), [picture(person(160, 120, 0.35 * t, 0.9)) for t in range(20)])
    assert all(len(group) == 1 for group in detections)
    assert counts[0] == 4
    assert np.mean(counts[1:]) < 1.5


def test_all_quarter_turns_are_searched_again_after_a_time() -> None:
    counts, _ = searched(ColourReader(READABLE), [picture(person(160, 120))] * 12, search_s=0.2)
    assert counts == [4, 1, 1, 1, 1, 4, 1, 1, 1, 1, 4, 1]


def test_further_turns_are_tried_for_a_low_score_but_not_in_every_frame() -> None:
    counts, _ = searched(ColourReader(READABLE, score=0.2), [picture(person(160, 120))] * 6)
    assert counts == [4, 4, 1, 1, 1, 4]


def test_a_missing_agent_is_searched_several_times_a_second() -> None:
    counts, _ = searched(ColourReader(READABLE), [picture()] * 6)
    assert counts == [4, 1, 1, 1, 4, 1]


def test_a_small_person_gets_a_close_up_that_is_turned_upright() -> None:
    reader = ColourReader(max_tilt=0.5)
    poses = [person(160, 120, 0.2 * t) for t in range(10)]
    counts, detections = searched(reader, [picture(pose) for pose in poses], close_up_px=1000, close_up_side=320)
    assert counts == [4] + [1] * 9
    assert reader.inputs[4:] == [((320, 320, 3), 320)] * 9
    for pose, group in zip(poses, detections, strict=True):
        assert np.abs(group.keypoints[0, 5:, :2] - pose[5:, :2]).max() < 2


class Corner:
    """Detects one person in the middle of a picture, and one whom the border cuts off."""

    def detect(self, image: Image, long_side: int | None = None) -> Detections:
        """Two people, wherever they are asked for."""
        height, width = image.shape[:2]
        return people(person(width / 2, height / 2), person(width - 5, height / 2))


def test_people_whom_a_close_up_cuts_off_are_left_out() -> None:
    image, config = picture(), PoseConfig(close_up_side=192)
    search = Search(Corner(), config, Tracker(0.15, 1.0, 0.6))
    close_up = View.around(np.array([160.0, 120.0]), 192, 0.0, 192)
    assert len(search.in_view(image, close_up)) == 1
    assert len(search.in_view(image, View.whole(image))) == 2
