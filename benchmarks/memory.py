"""Resident memory of a process that extracts: a long video beside a short one, and many short videos one after another.

    python -m benchmarks.memory length --seconds 60,3600 [--size 1920x1080] [--people made] [--set pose.stride=5]
    python -m benchmarks.memory count --videos 500

`length`: one process per length runs every stage of `configs/folder.yaml` on a synthetic video. It repeats compressed
pictures, so that any length is made in seconds: a dive over and over (`--scene dive`, a cut at every repetition) or one
unbroken shot (`--scene shot`). The table shows the largest resident memory of each, their ratio (at most 1.15), and the
slope while the frames are decoded. With `--people made` a function that returns swaying people replaces the pose
network, so that memory per frame is measured without hours of networks. An hour of 1080p with the network takes about
as long as the video lasts.

`count`: one process extracts many short videos of several sizes, and reports its resident memory after each. That after
the 500th may be at most 1.10 times that after the 20th.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from data.video import Picture, Record, decode, find_videos, write_video
from extractors.pose.detections import Detections
from pipeline.cache import Cache
from pipeline.run import Planner
from pipeline.run.runner import PlanRunner
from pipeline.settings.config import Config, load_config
from synthetic import render_dives

LENGTH_TARGET, COUNT_TARGET = 1.15, 1.10
RATE, LOOP = 25, 100
"""Frames per second, and frames that a synthetic video repeats."""

FIRST = 20
"""Number of the video whose memory the later ones are compared with: by then every network is loaded."""

SIZES = ((320, 180), (180, 320), (320, 240), (240, 240), (384, 160))
"""Width and height of the short videos, in turn."""

app = typer.Typer(add_completion=False)
console = Console(width=100)


class MadePeople:
    """Two swaying people in place of a pose network, without its cost."""

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
    """Write a video that repeats the pictures of another one: compressed once, with its packets repeated."""
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
    """Write a picture that sways and ends where it began: repeated, it is one unbroken shot."""
    from scipy.ndimage import gaussian_filter, zoom

    noise = np.random.default_rng(0).normal(size=(60, 96, 3))
    picture = np.asarray(zoom(gaussian_filter(noise, (2, 2, 0)), (8, 8, 1)))
    shown = np.clip(128 + 400 * picture, 0, 255).astype(np.uint8)
    shifts = (round(40 * np.sin(2 * np.pi * i / LOOP)) for i in range(LOOP))
    write_video(path, (np.roll(shown, shift, axis=1)[60:420, 64:704] for shift in shifts), RATE)


def result_of_a_child(arguments: list[str]) -> Any:
    """The JSON that this program prints in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def configured(overrides: list[str]) -> Config:
    """The configuration of `configs/folder.yaml`, with one thread for the clip network."""
    return load_config("folder", ["clips.threads=1", *overrides])


@app.command("one", hidden=True)
def extract_one(
    video: Path, cache: Path, made: bool = False, overrides: Annotated[list[str] | None, typer.Option()] = None
) -> None:
    """In a process of its own: extract one video and print memory as JSON."""
    if made:
        mock.patch("extractors.pose.stage.load_backend", return_value=MadePeople()).start()
    config, kept, measured = configured(overrides or []), Cache(cache), list[tuple[int, float]]()

    def progress(done: int, total: int, _: tuple[str, ...]) -> None:
        if done >= (measured[-1][0] if measured else 0) + 250:
            measured.append((done, resident(False)))

    start = time.perf_counter()
    plan = Planner(config, kept).plan(Record(id=video.name, path=video))
    result = PlanRunner(kept, threading.Event(), progress)(plan)
    kept.close()
    memory = {"frames": result.frames, "peak_mib": resident(True), "end_mib": resident(False)}
    failed = [str(failure) for failure in result.failed.values()]
    times = {"seconds": time.perf_counter() - start, "failed": failed, "course": measured}
    sys.stdout.write(json.dumps(memory | times) + "\n")


def ignored(*_: object) -> None:
    """Take no progress."""


@app.command("many", hidden=True)
def extract_many(folder: Path, cache: Path, overrides: Annotated[list[str] | None, typer.Option()] = None) -> None:
    """In a process of its own: extract the videos of a folder and print memory after each as JSON."""
    config, kept, held = configured(["clips.steps=1", *(overrides or [])]), Cache(cache), list[float]()
    planner, runner, failed = Planner(config, kept), PlanRunner(kept, threading.Event(), ignored), list[str]()
    for record in find_videos([folder]).records:
        failed += map(str, runner(planner.plan(record)).failed.values())
        held.append(resident(False))
    kept.close()
    sys.stdout.write(json.dumps({"held_mib": held, "failed": failed}) + "\n")


@app.command()
def length(
    seconds: Annotated[str, typer.Option(help="Lengths of the videos in seconds, comma separated.")] = "60,3600",
    size: Annotated[str, typer.Option(help="Width and height in pixels.")] = "1920x1080",
    scene: Annotated[str, typer.Option(help="dive or shot.")] = "dive",
    people: Annotated[str, typer.Option(help="network or made.")] = "network",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value")] = None,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("runs/benchmarks/memory_length.json"),
) -> None:
    """Peak memory of one process per length."""
    rows = list[dict[str, Any]]()
    with tempfile.TemporaryDirectory(prefix="aim-memory-") as temporary:
        folder = Path(temporary)
        pictures = folder / "pictures.mp4"
        if scene == "dive":
            render_dives(folder, 1, seed=20, frames=LOOP)
            pictures = next((folder / "videos").glob("*.mp4"))
        else:
            write_sway(pictures)
        width, height = (int(side) for side in size.split("x"))
        for one in (1.0, *map(float, seconds.split(","))):
            video = folder / f"{one:g}.mp4"
            write_loop(video, pictures, one, (width, height))
            given = [part for override in overrides or [] for part in ("--overrides", override)]
            given += ["--made"] if people == "made" else []
            rows.append(result_of_a_child(["one", str(video), str(folder / f"cache-{len(rows)}"), *given]))
            rows[-1]["video_seconds"] = one
            video.unlink()
            if rows[-1]["failed"]:
                raise SystemExit(f"extraction failed: {rows[-1]['failed']}")
    del rows[0]  # a network that is compiled for the first time takes twice the memory
    table = Table(
        f"{size}, {scene}, {people}", "frames", "peak MiB", "by the first", "KiB a frame, decoding", "seconds"
    )
    for row in rows:
        done, held = np.array(row["course"][4:] or [(0, 0)], np.float64).T
        row["kib_per_frame"] = 1024 * float(np.polyfit(done, held, 1)[0]) if len(done) > 2 else None
        row["by_first"] = row["peak_mib"] / rows[0]["peak_mib"]
        slope = "" if row["kib_per_frame"] is None else f"{row['kib_per_frame']:+.2f}"
        cells = f"{row['frames']}", f"{row['peak_mib']:.0f}", f"{row['by_first']:.3f}", slope, f"{row['seconds']:.0f}"
        table.add_row(f"{row['video_seconds']:g} s", *cells)
    console.print(table, f"target: at most {LENGTH_TARGET}")
    _write(out, {"size": size, "scene": scene, "people": people, "set": overrides, "rows": rows})


@app.command()
def count(
    videos: Annotated[int, typer.Option(min=FIRST + 1, help="Short videos.")] = 500,
    frames: Annotated[int, typer.Option(min=2, help="Frames of each.")] = 12,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value")] = None,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("runs/benchmarks/memory_count.json"),
) -> None:
    """Memory after each of many short videos."""
    with tempfile.TemporaryDirectory(prefix="aim-memory-") as temporary:
        folder = Path(temporary)
        rng = np.random.default_rng(0)
        for number in range(videos):
            width, height = SIZES[number % len(SIZES)]
            picture = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
            write_video(folder / f"in/{number:04}.mp4", (np.roll(picture, 3 * i, axis=1) for i in range(frames)), RATE)
        given = [part for override in overrides or [] for part in ("--overrides", override)]
        result = result_of_a_child(["many", str(folder / "in"), str(folder / "cache"), *given])
    if result["failed"]:
        raise SystemExit(f"extraction failed: {result['failed'][0]}")
    held = result["held_mib"]
    ratio = max(held[FIRST:]) / held[FIRST - 1]
    console.print(
        f"after {FIRST} videos {held[FIRST - 1]:.0f} MiB, after {videos} {held[-1]:.0f} MiB, most {max(held):.0f}"
    )
    console.print(f"most after the {FIRST}th by the {FIRST}th: {ratio:.3f} (target {COUNT_TARGET})")
    _write(out, {"videos": videos, "frames": frames, "set": overrides, "ratio": ratio, "held_mib": held})


def _write(out: Path, result: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"cores": len(os.sched_getaffinity(0)), **result}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
