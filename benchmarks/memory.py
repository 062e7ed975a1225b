"""Resident memory of extraction: a long video compared with a short one, and many short videos in sequence.

    python -m benchmarks.memory length --seconds 60,3600 [--size 1920x1080] [--people made] [--set pose.stride=5]
    python -m benchmarks.memory count --videos 500

`length`: one process per length runs every stage of `configs/folder.yaml` on a synthetic video. It repeats compressed
pictures, so any length is made in seconds: a repeated dive (`--scene dive`, a cut at every repetition) or one unbroken
shot (`--scene shot`). The table shows the peak resident memory of each, their ratio (at most 1.15), and the slope
during decoding. With `--people made`, a function that returns swaying people replaces the pose network, which measures
memory per frame without hours of inference. An hour of 1080p with the network takes about an hour.

`count`: one process extracts many short videos of several sizes, and reports its resident memory after each. The value
after the 500th may be at most 1.10 times that after the 20th.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np

from benchmarks.measuring import options, show, write
from data.video import Picture, Record, decode, find_videos, write_video
from extractors.pose.detections import Detections
from pipeline.cache import Cache
from pipeline.run import Planner, Result
from pipeline.run.runner import PlanRunner
from pipeline.settings.config import Config, load_config
from synthetic import render_dives

LENGTH_TARGET, COUNT_TARGET = 1.15, 1.10
RATE, LOOP = 25, 100
"""Frames per second, and frames that a synthetic video repeats."""

FIRST = 20
"""Number of the reference video for memory: by then every network is loaded."""

SIZES = ((320, 180), (180, 320), (320, 240), (240, 240), (384, 160))
"""Width and height of the short videos, in turn."""

T = TypeVar("T")


class MadePeople:
    """Replaces the pose network by two swaying people, without its cost."""

    max_views = 4

    def __init__(self) -> None:
        self._calls = 0
        self._body = np.random.default_rng(0).uniform(0, 1, (17, 2))

    def detect(self, image: Picture) -> Detections:
        """Two people of a fifth of the picture's height."""
        height, width = image.shape[:2]
        self._calls += 1
        keypoints = np.full((2, 17, 3), 0.7, np.float32)
        for number in range(2):
            sway = 0.05 * np.array([np.sin(self._calls / 50), np.cos(self._calls / 70)])
            keypoints[number, :, :2] = (self._body * 0.2 + [0.2 + 0.4 * number, 0.4] + sway) * [width, height]
        return Detections(keypoints, np.array([0.8, 0.7], np.float32))


def resident(peak: bool) -> float:
    """Resident memory of this process in MiB, now or at its peak."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise SystemExit("memory is read from /proc, which this system lacks")


def write_loop(path: Path, pictures: Path, seconds: float, size: tuple[int, int]) -> None:
    """Write a video that repeats the packets of another one."""
    import av
    import cv2

    once = path.with_name("once.mp4")
    large = (cv2.resize(f.image, size, interpolation=cv2.INTER_CUBIC) for f in decode(pictures))
    write_video(once, (np.asarray(i, np.uint8) for i in large), RATE, options={"crf": "26", "bf": "0", "g": str(LOOP)})
    with av.open(str(once)) as source, av.open(str(path), "w", format="mp4") as target:
        packets = [(bytes(p), p.is_keyframe) for p in source.demux(source.streams.video[0]) if p.size]
        stream = target.add_stream_from_template(source.streams.video[0])
        for number in range(round(seconds * RATE)):
            content, key = packets[number % len(packets)]
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = number
            packet.is_keyframe = key
            target.mux(packet)


def write_sway(path: Path) -> None:
    """Write a swaying picture that ends at its start, so its repetition is one unbroken shot."""
    from scipy.ndimage import gaussian_filter, zoom

    noise = np.random.default_rng(0).normal(size=(60, 96, 3))
    picture = np.asarray(zoom(gaussian_filter(noise, (2, 2, 0)), (8, 8, 1)))
    shown = np.clip(128 + 400 * picture, 0, 255).astype(np.uint8)
    shifts = (round(40 * np.sin(2 * np.pi * i / LOOP)) for i in range(LOOP))
    write_video(path, (np.roll(shown, shift, axis=1)[60:420, 64:704] for shift in shifts), RATE)


def in_a_child(call: Callable[..., T], *arguments: Any) -> T:
    """The result of a function in a separate process with one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def configured(overrides: Sequence[str]) -> Config:
    """The configuration of `configs/folder.yaml`, with one thread for the clip network."""
    return load_config("folder", ["clips.threads=1", *overrides])


def extract_one(video: Path, cache: Path, made: bool, overrides: Sequence[str]) -> dict[str, Any]:
    """Extract one video, and return the memory."""
    if made:
        mock.patch("extractors.pose.stage.load_backend", return_value=MadePeople()).start()
    config, kept, course = configured(overrides), Cache(cache), list[tuple[int, float]]()

    def progress(done: int, total: int, _: tuple[str, ...]) -> None:
        if done >= (course[-1][0] if course else 0) + 250:
            course.append((done, resident(False)))

    start = time.perf_counter()
    plan = Planner(config, kept).plan(Record(id=video.name, path=video))
    result = PlanRunner(kept, threading.Event(), progress)(plan)
    kept.close()
    refuse_failed(result)
    done, held = np.array(course[4:] or [(0, 0)], np.float64).T
    slope = 1024 * float(np.polyfit(done, held, 1)[0]) if len(done) > 2 else ""
    seconds = time.perf_counter() - start
    return {"frames": result.frames, "peak MiB": resident(True), "KiB a frame, decoding": slope, "seconds": seconds}


def refuse_failed(result: Result) -> None:
    """Raise RuntimeError if a stage failed."""
    if result.failed:
        raise RuntimeError(f"extraction failed: {result.fault}")


def ignored(*_: object) -> None:
    """Ignore progress."""


def extract_many(folder: Path, cache: Path, overrides: Sequence[str]) -> list[float]:
    """Extract the videos of a folder, and return the memory after each."""
    config, kept, held = configured(["clips.steps=1", *overrides]), Cache(cache), list[float]()
    planner, runner = Planner(config, kept), PlanRunner(kept, threading.Event(), ignored)
    for record in find_videos([folder]).records:
        refuse_failed(runner(planner.plan(record)))
        held.append(resident(False))
    kept.close()
    return held


def length(given: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Peak memory of one process per length."""
    pictures, rows = folder / "pictures.mp4", list[dict[str, Any]]()
    if given.scene == "dive":
        render_dives(folder, 1, seed=20, frames=LOOP)
        pictures = next((folder / "videos").glob("*.mp4"))
    else:
        write_sway(pictures)
    width, height = (int(side) for side in given.size.split("x"))
    # Extract one second first: compiling a network for the first time takes twice the memory.
    for seconds in (1.0, *map(float, given.seconds.split(","))):
        video = folder / f"{seconds:g}.mp4"
        write_loop(video, pictures, seconds, (width, height))
        made = in_a_child(extract_one, video, folder / f"cache-{len(rows)}", given.people == "made", given.set)
        rows.append({"video in s": seconds, **made})
        video.unlink()
    return [row | {f"by the first (target {LENGTH_TARGET})": row["peak MiB"] / rows[1]["peak MiB"]} for row in rows[1:]]


def count(given: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Memory after many short videos."""
    rng = np.random.default_rng(0)
    for number in range(given.videos):
        width, height = SIZES[number % len(SIZES)]
        picture = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        write_video(folder / f"in/{number:04}.mp4", (np.roll(picture, 3 * i, axis=1) for i in range(12)), RATE)
    held = in_a_child(extract_many, folder / "in", folder / "cache", given.set)
    ends = {f"MiB after {FIRST} videos": held[FIRST - 1], f"MiB after {given.videos}": held[-1], "most": max(held)}
    return [ends | {f"most by the {FIRST}th (target {COUNT_TARGET})": max(held[FIRST:]) / held[FIRST - 1]}]


PARTS: dict[str, Callable[[argparse.Namespace, Path], list[dict[str, Any]]]] = {"length": length, "count": count}


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, "memory.json")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--seconds", default="60,3600", help="lengths of the videos, comma separated")
    parser.add_argument("--size", default="1920x1080", help="width and height in pixels")
    parser.add_argument("--scene", choices=("dive", "shot"), default="dive")
    parser.add_argument("--people", choices=("network", "made"), default="network")
    parser.add_argument("--videos", type=int, default=500, help=f"short videos, more than {FIRST}")
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aim-memory-") as folder:
        rows = PARTS[given.part](given, Path(folder))
    show(given.part, rows)
    write(given.out, {name: value for name, value in vars(given).items() if name != "out"} | {"rows": rows})


if __name__ == "__main__":
    main()
