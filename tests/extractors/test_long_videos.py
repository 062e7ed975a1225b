"""Memory per frame of a long video is small, and blocks of rows give the same bytes as all rows at once."""

from __future__ import annotations

import tracemalloc
import weakref
from collections import UserDict
from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.stage_files import StageFiles
from data.store import Array, StageOutput
from data.video import Picture
from extractors import keypoint_geometry as geometry
from extractors import signals
from extractors.contract import MadeSource
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections
from extractors.pose.shot_people import People
from extractors.pose.stage import Pose, VideoAgents
from extractors.timesteps.pose_points import PoseSettings
from extractors.timesteps.stage import Timesteps, TimestepsConfig
from tests.helpers.drawn_people import ColourReader, person, picture

FILES = StageFiles()

FRAMES = 1500
"""Growth is counted from this length to twice it; more than one block of rows."""


def swaying(frames: int, count: int = 1) -> People:
    """People who sway, with gaps of some frames."""
    rng = np.random.default_rng(count)
    bodies, people = rng.uniform(0, 100, (count, 17, 2)), People()
    for frame in range(frames):
        poses = np.full((count, 17, 3), 0.6, np.float32)
        place = np.array(
            [[200 + 300 * k + 40 * np.sin(frame / 50), 200 + 40 * np.cos(frame / 50)] for k in range(count)]
        )
        poses[..., :2] = bodies + place[:, None] + rng.normal(size=(count, 17, 2))
        there = Detections(poses, 0.5 + 0.4 * rng.random(count))
        people.add(frame, [there if frame % 40 > 3 else Detections.none()])
    return people


def posed(people: People, frames: int, agents: int = 1) -> StageOutput:
    """The output of the `pose` stage for the detections."""
    video = VideoAgents(PoseConfig(agents=agents), (720, 405), frames)
    video.taken.extend((np.arange(frames) / 25).tolist())
    video.end_shot(people)
    return StageOutput.of(Pose.arrays, *video.output())


def stepped(pose: StageOutput, settings: PoseSettings) -> StageOutput:
    """The output of the `timesteps` stage for it."""

    class Read(UserDict[str, StageOutput]):
        def __getitem__(self, name: str) -> StageOutput:
            """A copy of the output, as the cache gives at every reading."""
            return deepcopy(super().__getitem__(name))

    config = TimestepsConfig(secondary=("pose:1",), scene="", pose=settings)
    return Timesteps(config, FILES).extract(SimpleNamespace(upstream=Read(pose=pose)))  # type: ignore[arg-type]


def peak_bytes(run: Callable[[], object]) -> int:
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def growth(run: Callable[[int], Callable[[], object]]) -> float:
    """Bytes of peak memory per frame."""
    return (peak_bytes(run(2 * FRAMES)) - peak_bytes(run(FRAMES))) / FRAMES


def test_a_detection_costs_little_more_than_its_numbers() -> None:
    posed(swaying(60), 60)  # imports what is imported late

    def detected(frames: int) -> Callable[[], object]:
        return lambda: swaying(frames)

    assert growth(detected) < 240  # 17 x 3 x 4 bytes are 204


def smaller(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Set blocks to this many rows, and temporary arrays to four columns of them."""
    for module in (signals, geometry):
        patch.setattr(module, "ROWS", rows)
    patch.setattr(signals, "BLOCK", 4 * rows)


@pytest.mark.parametrize(("stage", "most"), [("pose", 900), ("timesteps", 1960)])
def test_memory_per_frame(stage: str, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    smaller(monkeypatch, 256)

    def run(frames: int) -> Callable[[], object]:
        people = swaying(frames)
        if stage == "pose":
            return lambda: posed(people, frames)
        pose = posed(people, frames)
        return lambda: stepped(pose, PoseSettings())

    run(60)()
    assert growth(run) < most


class EverySecond:
    """A cut in every second of 25 frames."""

    def __init__(self) -> None:
        self.frames = -1

    def begins_shot(self, _: Picture) -> bool:
        """As `ShotDetector` says."""
        self.frames += 1
        return self.frames % 25 == 0


def test_detections_of_a_shot_are_freed_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, counts = weakref.WeakSet[People](), list[int]()

    class Counted(People):
        """Counts those that somebody still holds when the next ones begin."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            alive.add(self)
            counts.append(len(alive))

    monkeypatch.setattr("extractors.pose.stage.ShotDetector", EverySecond)
    monkeypatch.setattr("extractors.pose.stage.People", Counted)
    pose = Pose(PoseConfig(agents=1), FILES)
    pose._backend = ColourReader()
    output = pose.extract(MadeSource([picture(person(160, 120))] * 100))
    assert output.quality["cuts"] == 3
    assert output.quality["found_rate"] == 1
    assert counts == [1, 2, 2, 2]


def test_blocks_give_the_bytes_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PoseSettings(forms=("place", "camera", "body", "velocity", "angle"))
    made: list[dict[str, Array]] = []
    for rows in (10**6, 16):
        smaller(monkeypatch, rows)
        pose = posed(swaying(130, 2), 130, agents=2)
        made.append(dict(pose.arrays) | {f"{k} (steps)": v for k, v in stepped(pose, settings).arrays.items()})
    for name, array in made[0].items():
        assert array.values.tobytes() == made[1][name].values.tobytes(), name
