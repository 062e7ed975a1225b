"""Odd paths and orientations, settings and models that can give nothing, and inputs that are left out."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from benchmarks.faults.bench import STAGE, Bench, Outcome, equal_arrays, run_in_process
from benchmarks.faults.forked_command import Done, run_forked
from data.store import hdf5 as store
from data.video import write_video
from data.video.writer import LOSSLESS
from pipeline.cache.local_cache import stem_of
from pipeline.score.bundle_hashes import FILES, cover

Picture = NDArray[np.uint8]

NAMES = ("file:real.mp4", "12:30.mp4", "concat:real.mp4|real.mp4", "data:/real.mp4", "a%03d.mp4", "pipe:0.mp4")

ONE = 1 << 16
ORIENTATIONS: Mapping[tuple[int, int, int, int], Callable[[Picture], Picture]] = {
    (ONE, 0, 0, ONE): lambda picture: picture,
    (-ONE, 0, 0, -ONE): lambda picture: picture[::-1, ::-1],
    (0, ONE, -ONE, 0): lambda picture: np.rot90(picture, -1),
    (0, -ONE, ONE, 0): lambda picture: np.rot90(picture),
    (-ONE, 0, 0, ONE): lambda picture: picture[:, ::-1],
    (ONE, 0, 0, -ONE): lambda picture: picture[::-1],
    (0, ONE, ONE, 0): lambda picture: picture.swapaxes(0, 1),
    (0, -ONE, -ONE, 0): lambda picture: picture[::-1, ::-1].swapaxes(0, 1),
}
"""a, b, c, d of the display matrix, and how players show a picture with it (FFmpeg's autorotation)."""

EMPTY_SETTINGS = (
    *("pose.region=[0, 0, 640, 480]", "pose.region=[0.8, 0, 0.2, 1]", "pose.region=[.nan, 0, 1, 1]"),
    *("timesteps.primary=pose:5", "timesteps.secondary=[]", "pose.min_score=1", "pose.agents=0", "stages=[]"),
)
"""Settings that leave no feature."""


def paths(bench: Bench) -> Outcome:
    """Names that FFmpeg takes for protocols and patterns; the folder that they are read from holds a decoy."""
    outcome = Outcome("names with a colon")
    inputs, cache = bench.fresh("paths"), bench.fresh("paths-cache")
    originals = sorted(bench.videos.rglob("*.mp4"))
    for name, original in zip(NAMES, originals, strict=False):
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(original, inputs / name)
    shutil.copy(originals[-1], inputs / "real.mp4")
    done = run_forked(["extract", ".", "--cache", str(cache), "--stages", STAGE, "--workers", "0"], inputs, [cache])
    outcome.wrong += done.code != 0
    for name, original in zip(NAMES, originals, strict=False):
        whole = bench.whole / STAGE / original.relative_to(bench.videos).parent
        outputs = [path for path in (cache / STAGE / name).parent.glob("*.h5") if stem_of(path).name == Path(name).name]
        outcome.disturbed += 1
        outcome.wrong += len(outputs) != 1 or not equal_arrays(
            store.read(outputs[0]), store.read(next(whole.glob(f"{original.name}.*.h5")))
        )
    outcome.notes += done.outside
    return outcome


def orientation(bench: Bench) -> Outcome:
    """Files with each display matrix beside files of pictures that were turned beforehand; two streams in one file."""
    outcome = Outcome("orientation and default stream")
    odd, plain = bench.fresh("turned"), bench.fresh("plain")
    noise = np.random.default_rng(5).integers(0, 255, (96, 128), dtype=np.uint8)
    pictures = [np.repeat(np.roll(noise, 3 * i, axis=1)[..., None], 3, axis=2) for i in range(6)]
    for number, (matrix, shown) in enumerate(ORIENTATIONS.items()):
        path = odd / f"{number}.mp4"
        write_video(path, pictures, 25, options=LOSSLESS)
        content = bytearray(path.read_bytes())
        place = content.index(b"tkhd") + 44
        a, b, c, d = matrix
        content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(content)
        write_video(plain / path.name, (np.ascontiguousarray(shown(p)) for p in pictures), 25, options=LOSSLESS)
    _two_streams(odd / "two.mp4", pictures[::-1], pictures)
    write_video(plain / "two.mp4", pictures, 25, options=LOSSLESS)
    for videos in (odd, plain):
        outcome.wrong += len(run_in_process(videos, bench.folder / f"{videos.name}-cache").failed)
    for path in sorted((bench.folder / "plain-cache").rglob("*.h5")):
        outcome.disturbed += 1
        outcome.wrong += not equal_arrays(
            store.read(bench.folder / "turned-cache" / STAGE / path.name), store.read(path)
        )
    outcome.wrong += outcome.disturbed != len(ORIENTATIONS) + 1
    return outcome


def _two_streams(path: Path, first: list[Picture], default: list[Picture]) -> None:
    """A file with two video streams, of which the second is marked default."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25, options={**LOSSLESS, "threads": "1"}) for _ in range(2)]
        for number, stream in enumerate(streams):
            stream.height, stream.width = first[0].shape[:2]
            stream.pix_fmt, stream.disposition = "yuv420p", Disposition.default if number else Disposition(0)
        for pictures in zip(first, default, strict=True):
            for stream, picture in zip(streams, pictures, strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode(None))


def refused(done: Done) -> bool:
    """Whether a command ended with one sentence and exit code 2."""
    return done.code == 2 and done.err.count("error: ") == 1 and "Traceback" not in done.err


def settings(bench: Bench) -> Outcome:
    """Ranges and combinations that leave no feature, and training on videos in which nobody is detected."""
    outcome = Outcome("settings that give nothing")
    world, place = bench.world, bench.fresh("nothing")
    for text in EMPTY_SETTINGS:
        done = run_forked(["status", str(world.new), "--config", str(world.config), "--set", text], place, [place])
        outcome.disturbed += 1
        outcome.wrong += not refused(done)
        outcome.notes += [] if refused(done) else [f"{text}: exit code {done.code}"]
    nobody = world.copy("train", place / "train")
    for path in nobody.glob("*.json"):
        path.write_text("[]")
    options = ["--config", str(world.config), "--set", f"dataset.root={nobody}", "--cache", str(place / "cache")]
    extracted = run_forked(["extract", *options], place, [place])
    trained = run_forked(["train", *options, "--out", str(place / "run")], place, [place])
    outcome.disturbed += 1
    outcome.wrong += extracted.code != 0 or not refused(trained)
    outcome.notes.append(trained.err.strip().splitlines()[-2] if refused(trained) else f"train: {trained.code}")
    return outcome


def models(bench: Bench) -> Outcome:
    """Weights that are not finite, and one flipped bit in every file of a run folder."""
    outcome = Outcome("broken models")
    world, place = bench.world, bench.fresh("models")
    cache = str(world.copy("cache", place / "cache"))

    def score(run: Path) -> Done:
        return run_forked(["score", str(world.new), "--model", str(run), "--cache", cache, "--json"], place, [place])

    for odd in (np.nan, np.inf):
        run = world.copy("run", place / f"run-{odd}")
        tensors = load_file(run / "model.safetensors")
        key = next(name for name in sorted(tensors) if name.startswith("state.") and tensors[name].ndim > 2)
        save_file({**tensors, key: np.full_like(tensors[key], odd)}, run / "model.safetensors")
        cover(run)
        done = score(run)
        rows = json.loads(done.out)["videos"] if done.code == 1 else []
        errors = [row["error"] for row in rows if row["score"] is None]
        outcome.disturbed += 1
        outcome.wrong += not (refused(done) or (rows and all(errors) and len(errors) == len(rows)))
        outcome.notes += errors[:1]
    for name in FILES:
        for share in (0.2, 0.5, 0.9):
            run = world.copy("run", place / f"run-{name}-{share}")
            content = bytearray((run / name).read_bytes())
            content[int(share * len(content))] ^= 1
            (run / name).write_bytes(content)
            done = score(run)
            outcome.disturbed += 1
            outcome.wrong += not (refused(done) and name in done.err)
    return outcome


def left_out(bench: Bench) -> Outcome:
    """Every command names an unreadable folder, a dangling link, and what is no regular file."""
    outcome = Outcome("what is left out")
    world, place = bench.world, bench.fresh("left-out")
    inputs, run = world.copy("new", place / "in"), world.copy("run", place / "run")
    (inputs / "gone.mp4").symlink_to(place / "nowhere.mp4")
    os.mkfifo(inputs / "pipe.mp4")
    (inputs / "closed").mkdir()
    options = ["--config", str(world.config), "--cache", str(place / "cache")]
    commands = (
        ["extract", str(inputs), *options],
        ["status", str(inputs), *options],
        ["cache", "prune", str(inputs), *options],
        ["score", str(inputs), "--model", str(run), "--cache", str(place / "cache")],
        ["report", str(run), str(inputs), "--out", str(place / "page.html")],
        ["plot", str(run), str(inputs), "--out", str(place / "figures"), "--formats", "svg"],
    )
    for command in commands:
        done = run_forked(command, place, [place], before=_closed)
        missing = [name for name in ("gone.mp4", "pipe.mp4", "closed") if f"{name}: left out" not in done.err]
        outcome.disturbed += 1
        outcome.wrong += bool(missing) or done.code != 0
        outcome.notes += [f"{command[0]}: {', '.join(missing)} not named, exit code {done.code}"] if missing else []
    return outcome


def _closed() -> None:
    """The folder `closed` cannot be read, not even by root."""
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    os.scandir = refusing  # type: ignore[assignment]
