"""A long video costs little memory per frame, and its blocks give what the whole would: the growth is counted."""

from __future__ import annotations

import tracemalloc
from collections import UserDict
from collections.abc import Callable
from copy import deepcopy
from typing import ClassVar

import numpy as np
import pytest

from data.store import Array, StageOutput
from extractors import keypoints as geometry
from extractors import signals
from extractors.pose import cleaning
from extractors.pose.agents import Chooser
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose, output
from extractors.pose.tracking import Track
from extractors.timesteps.pose_points import PoseSettings
from extractors.timesteps.stage import Timesteps, TimestepsConfig

FRAMES = 1500
"""Growth is counted from this length to twice it; more than one block of rows."""


def track(frames: int, number: int = 0) -> Track:
    """One person who sways, with gaps of some frames."""
    rng = np.random.default_rng(number)
    body, person = rng.uniform(0, 100, (17, 2)), Track(number)
    for frame in range(frames):
        pose = np.full((17, 3), 0.6, np.float32)
        place = [200 + 300 * number + 40 * np.sin(frame / 50), 200 + 40 * np.cos(frame / 50)]
        pose[:, :2] = body + place + rng.normal(size=(17, 2))
        if frame % 40 > 3:
            person.add(frame, frame / 25, pose, 0.5 + 0.4 * float(rng.random()))
    return person


def posed(tracks: list[Track], frames: int) -> StageOutput:
    """What the `pose` stage makes of the tracks."""
    config, times, shots = PoseConfig(agents=len(tracks)), np.arange(frames) / 25, [(0, frames)]
    agents = Chooser(config.agents, (720, 405)).choose(tracks, shots, times)
    return StageOutput.of(Pose.arrays, *output(config, times, shots, agents, (1920, 1080), np.array([2.5, 2.5])))


def stepped(pose: StageOutput, settings: PoseSettings) -> StageOutput:
    """What the `timesteps` stage makes of it."""

    class Read(UserDict[str, StageOutput]):
        def __getitem__(self, name: str) -> StageOutput:
            """As from the cache: arrays of their own at every reading."""
            return deepcopy(super().__getitem__(name))

    class Made:
        upstream: ClassVar = Read(pose=pose)

    config = TimestepsConfig(secondary=("pose:1",), scene="", pose=settings)
    return Timesteps(config).extract(Made())  # type: ignore[arg-type]


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
    posed([track(60)], 60)  # imports what is imported late

    def tracked(frames: int) -> Callable[[], object]:
        return lambda: track(frames)

    assert growth(tracked) < 300  # 17 x 3 x 4 bytes are 204


def smaller(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Blocks of this many rows, and as many numbers as are in four columns of them."""
    for module in (signals, geometry):
        patch.setattr(module, "ROWS", rows)
    for module in (signals, cleaning):
        patch.setattr(module, "BLOCK", 4 * rows)


@pytest.mark.parametrize(("stage", "most"), [("pose", 1400), ("timesteps", 1960)])
def test_memory_per_frame(stage: str, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    smaller(monkeypatch, 256)

    def run(frames: int) -> Callable[[], object]:
        tracks = [track(frames)]
        if stage == "pose":
            return lambda: posed(tracks, frames)
        pose = posed(tracks, frames)
        return lambda: stepped(pose, PoseSettings())

    run(60)()
    assert growth(run) < most


def test_blocks_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PoseSettings(forms=("place", "camera", "body", "velocity", "angle"), centre="frame")
    made: list[dict[str, Array]] = []
    for rows in (10**6, 16):
        smaller(monkeypatch, rows)
        pose = posed([track(130), track(130, 1)], 130)
        made.append(dict(pose.arrays) | {f"{k} (steps)": v for k, v in stepped(pose, settings).arrays.items()})
    for name, array in made[0].items():
        assert array.values.tobytes() == made[1][name].values.tobytes(), name
