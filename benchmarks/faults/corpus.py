"""Hostile inputs, each with one command: no traceback, no hang, nothing written outside, nothing of others changed.

A case sets up one command in a folder of its own and spoils one file that the command reads: of a run folder, a cache,
a pack, labels, a configuration, keypoints, kinematics, or it is a hostile command line. The same seed gives the same
cases. Good are exit codes 0, 1 and 2, the last with one sentence, and printable text. Where a run ends well although
its cache or its model was damaged, its scores must be those of the undisturbed run, unless hashes were made to fit.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.faults import hostile_videos
from benchmarks.faults.bench import ROOT, Bench, Outcome
from benchmarks.faults.forked_command import Done, Forked
from benchmarks.faults.hostile_texts import COMMAND_LINES, CONFIGURATIONS, HOSTILE_SETTINGS, LABELS
from benchmarks.faults.small_world import World, scores_of
from benchmarks.faults.tampering import damaged_bytes, repacked, retyped
from benchmarks.fuzz_parsers import Target
from benchmarks.fuzz_parsers import damaged as fuzzed
from data.store import Array, sha256_file
from data.store import hdf5 as store
from pipeline.score.bundle_hashes import FILES, HASHES, cover

SEED = 12
LIMIT_S = 60
"""Seconds after which a command counts as hanging; most take less than one."""

VIDEOS_LIMIT_S = 400
"""The same for the command that extracts every hostile video."""

REAL_EVERY = 50
"""Of so many cases one is a program of its own and not a forked process."""

DAMAGES = 28
"""Contents that `damaged_bytes` gives."""

RUN_FILES = (*FILES, HASHES)
ODD = ("folder", "pipe", "device", "dangling link", "link to others", "gone")
COMMANDS = ("score", "extract", "status", "verify", "gc", "prune", "report", "ls")
INDEX_FACTS = ("", "[]", "{", "5", '"x"', "null", '{"quality": 5, "inputs": []}', "[" * 20000, "1e999", '{"key": []}')
STRANGERS = (
    *("theirs.h5", "timesteps/theirs.h5", "theirs/theirs-best.h5", ".runs/theirs.jsonl"),
    "pose/theirs.failed.json",
)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
PROGRAM_FAULT = ("Traceback", "fault of the program", "report the traceback")

Prepare = Callable[[World, Path], tuple[Path, list[str]]]
"""Sets up a command in a folder; returns the file that it reads, to be spoilt, and the command line."""

Spoil = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """One hostile input.

    Attributes:
        name: unique.
        prepare, spoil: see above.
        whole: a score that is printed must be that of the undisturbed run.
        limit_s: seconds until the command hangs.
    """

    name: str
    prepare: Prepare
    spoil: Spoil
    whole: bool = False
    limit_s: float = LIMIT_S


@dataclass
class Tally:
    """What the run of a corpus gave.

    Attributes:
        cases: how many inputs.
        codes: how often each exit code.
        findings: of each bad case the name, and what was wrong.
        slowest: seconds and name.
    """

    cases: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[str, str]] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


def all_cases() -> list[Case]:
    """Every case but the videos, which `hostile_video_case` gives to one command."""
    rng = random.Random(SEED)
    return [*_runs(rng), *_caches(rng), *_training(rng), *_configurations(), *_beside_videos(rng), *_command_lines()]


def _runs(rng: random.Random) -> Iterator[Case]:
    for name in RUN_FILES:
        for number in range(DAMAGES):
            rehashed = number % 3 == 2 and name in FILES
            yield Case(f"run/{name}/damage {number}", _scored(name), _bytes(number, rehash=rehashed), not rehashed)
        for what in ODD:
            yield Case(f"run/{name}/{what}", _scored(name), _odd(what))
    for name, count in (("model.json", 50), ("config.json", 60), ("calibration.json", 30)):
        for number in rng.sample(range(2000), count):
            yield Case(f"run/{name}/retyped {number}", _scored(name), _values(number))
    for name in ("model.safetensors", "calibration.safetensors"):
        for number in range(8):
            yield Case(f"run/{name}/numbers {number}", _scored(name), _numbers(number))
    for number, (key, value) in enumerate(HOSTILE_SETTINGS):
        yield Case(f"run/config.json/{number} {key}", _scored("config.json", cache=False), _setting(key, value))


def _caches(rng: random.Random) -> Iterator[Case]:
    for stage in ("pose", "camera_flow", "timesteps"):
        output = f"{stage}/day/0.mp4.h5"
        for number in range(DAMAGES):
            yield Case(f"cache/{stage}/damage {number}", _cached(output, "score"), _bytes(number), whole=True)
        for number in rng.sample(range(2000), 14):
            yield Case(f"cache/{stage}/retyped {number}", _cached(output, rng.choice(COMMANDS)), _header(number))
        for what in ODD:
            yield Case(f"cache/{stage}/{what}", _cached(output, rng.choice(COMMANDS)), _odd(what), whole=True)
    for number in range(DAMAGES):
        prepare = _cached(".index.sqlite", rng.choice(COMMANDS))
        yield Case(f"cache/index/damage {number}", prepare, _bytes(number), whole=True)
    for number, text in enumerate(INDEX_FACTS):
        yield Case(f"cache/index/fact {number}", _cached(".index.sqlite", "score"), _facts(text), whole=True)
        prepare = _cached("timesteps/day/0.mp4.h5", rng.choice(COMMANDS))
        yield Case(f"cache/failure {number}", prepare, _failure(text), whole=True)
    for name in (".aim-cache", ".index.sqlite", ".runs", ".runs/0.jsonl", "timesteps"):
        for what in ODD:
            yield Case(f"cache/{name} itself/{what}", _cached(name, rng.choice(COMMANDS)), _odd(what), whole=True)
    for what in ODD:
        prepare = _cached("timesteps/day/0.mp4.failed.json", rng.choice(COMMANDS))
        yield Case(f"cache/failure/{what}", prepare, _odd_failure(what), whole=True)
    for command in COMMANDS:
        yield Case(f"cache/strangers, {command}", _cached("", command), _strangers, whole=True)


def _training(rng: random.Random) -> Iterator[Case]:
    """Packs and tables of labels."""
    for number in range(DAMAGES):
        yield Case(f"pack/damage {number}", _packed, _bytes(number))
    for number in rng.sample(range(2000), 24):
        yield Case(f"pack/retyped {number}", _packed, _header(number))
    for number in range(36):
        yield Case(f"labels/damage {number}", _labelled, _fuzz(number))
    for number, text in enumerate(LABELS):
        yield Case(f"labels/text {number}", _labelled, _text(text))
    for what in ODD:
        yield Case(f"pack/{what}", _packed, _odd(what))
        yield Case(f"labels/{what}", _labelled, _odd(what))


def _configurations() -> Iterator[Case]:
    for number, text in enumerate(CONFIGURATIONS):
        yield Case(f"configuration/text {number}", _configured, _text(text))
    for number in range(16):
        yield Case(f"configuration/damage {number}", _configured, _fuzz(number))
    for what in ODD:
        yield Case(f"configuration/{what}", _configured, _odd(what))


def _beside_videos(rng: random.Random) -> Iterator[Case]:
    """Keypoint files and kinematics."""
    for number in range(44):
        yield Case(f"keypoints/damage {number}", _imported((".json", ".csv", ".h5")[number % 3]), _fuzz(number))
    for number in rng.sample(range(2000), 16):
        yield Case(f"keypoints/retyped {number}", _imported(".json"), _values(number))
    for number in range(36):
        yield Case(f"kinematics/damage {number}", _kinematics(number % 3), _fuzz(number))
    for what in ODD:
        yield Case(f"keypoints/{what}", _imported(".json"), _odd(what))
        yield Case(f"kinematics/{what}", _kinematics(0), _odd(what))


def _command_lines() -> Iterator[Case]:
    for number, words in enumerate(COMMAND_LINES):
        yield Case(f"command line/{number} {words[0]}", _typed(words), lambda _: None)


def _scored(name: str, cache: bool = True) -> Prepare:
    """`score` with a copy of the run folder, which is a foreign one: another user trained it."""

    def prepare(world: World, place: Path) -> tuple[Path, list[str]]:
        run = world.copy("run", place / "run")
        where = ["--cache", str(world.copy("cache", place / "cache"))] if cache else []
        return run / name, ["score", str(world.new), "--model", str(run), "--json", "--workers", "0", *where]

    return prepare


def _cached(name: str, command: str) -> Prepare:
    def prepare(world: World, place: Path) -> tuple[Path, list[str]]:
        cache = world.copy("cache", place / "cache")
        inputs, run = str(world.new), str(world.copy("run", place / "run"))
        options = ["--config", str(world.config), "--cache", str(cache)]
        lines = {
            "score": ["score", inputs, "--model", run, "--json", "--workers", "0", "--cache", str(cache)],
            "report": ["report", run, inputs, "--out", str(place / "page.html"), "--workers", "0"],
            "extract": ["extract", inputs, "--json", *options],
            "status": ["status", inputs, "--json", *options],
            "verify": ["cache", "verify", *options],
            "ls": ["cache", "ls", "--runs", *options],
            "gc": ["cache", "gc", "--max-gb", "0", "--yes", *options],
            "prune": ["cache", "prune", inputs, "--yes", *options],
        }
        return cache / name, lines[command]

    return prepare


def _train(world: World, place: Path, *more: str) -> list[str]:
    cache = str(world.copy("training-cache", place / "cache"))
    options = ["--config", str(world.config), "--cache", cache, "--out", str(place / "trained"), "--folds", "0"]
    return ["train", *options, "--set", "train.epochs=1", *more]


def _packed(world: World, place: Path) -> tuple[Path, list[str]]:
    pack = Path(shutil.copy(world.folder / "pack.h5", place))
    return pack, _train(world, place, "--pack", str(pack))


def _labelled(world: World, place: Path) -> tuple[Path, list[str]]:
    labels = Path(shutil.copy(world.train / "scores.csv", place))
    return labels, _train(world, place, "--set", f"dataset.labels={labels}")


def _config(world: World, place: Path) -> Path:
    """The configuration with a cache of its own."""
    config, cache = place / "hostile.yaml", str(world.folder / "training-cache")
    config.write_text(world.config.read_text().replace(cache, str(place / "cache")))
    return config


def _configured(world: World, place: Path) -> tuple[Path, list[str]]:
    config = _config(world, place)
    return config, ["status", str(world.new), "--config", str(config)]


def _imported(suffix: str) -> Prepare:
    def prepare(world: World, place: Path) -> tuple[Path, list[str]]:
        (place / "in").mkdir()
        shutil.copy(world.new / "day/0.mp4", place / "in/0.mp4")
        table = b"scorer,s,s\nbodyparts,nose,nose\ncoords,x,y\n" + b"".join(b"%d,10,20\n" % n for n in range(10))
        keypoints = place / f"in/0{suffix}"
        others = {".json": world.new / "day/0.json", ".h5": world.cache / "pose/day/0.mp4.h5"}
        keypoints.write_bytes(others[suffix].read_bytes() if suffix in others else table)
        options = ["--config", str(world.config), "--stages", "pose", "--cache", str(place / "cache")]
        return keypoints, ["extract", str(place / "in"), *options]

    return prepare


def _kinematics(number: int) -> Prepare:
    def prepare(world: World, place: Path) -> tuple[Path, list[str]]:
        root = world.copy("jigsaws", place / "jigsaws")
        files = [*sorted(root.rglob("AllGestures/*.txt"))[:2], *root.rglob("meta_file_Suturing.txt")]
        options = ["--config", "jigsaws", "--set", f"dataset.root={root}", "--cache", str(place / "cache")]
        return files[number], ["extract", *options, "--workers", "0", "--stages", "kinematics"]

    return prepare


def _typed(words: Sequence[str]) -> Prepare:
    def prepare(world: World, place: Path) -> tuple[Path, list[str]]:
        names = {name: str(world.copy(name, place / name)) for name in ("new", "run", "cache")}
        names |= {"train": str(world.train), "config": str(_config(world, place))}
        return place, [word.format(**names) if "{" in word else word for word in words]

    return prepare


def _bytes(number: int, rehash: bool = False) -> Spoil:
    def spoil(path: Path) -> None:
        path.write_bytes(next(islice(damaged_bytes(path.read_bytes()), number, None)))
        if rehash:
            cover(path.parent)

    return spoil


def _text(text: str) -> Spoil:
    def spoil(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return spoil


def _fuzz(number: int) -> Spoil:
    def spoil(path: Path) -> None:
        target = Target("", "", Path, (path.read_bytes(),))
        path.write_bytes(fuzzed(np.random.default_rng([SEED, number]), target, [target]))

    return spoil


def _odd(what: str) -> Spoil:
    """Something that is no regular file in the place of a file."""

    def spoil(path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        others = next(parent for parent in path.parents if (parent / "outside").is_dir()) / "outside"
        if what == "folder":
            path.mkdir()
        elif what == "pipe":
            os.mkfifo(path)
        elif what != "gone":
            links = {
                "device": Path("/dev/zero"),
                "dangling link": others / "nowhere",
                "link to others": others / "theirs.h5",
            }
            path.symlink_to(links[what])

    return spoil


def _retyped(values: Any, number: int) -> Any:
    made = list(islice(retyped(values), 4000))
    return made[number % len(made)]


def _values(number: int) -> Spoil:
    def spoil(path: Path) -> None:
        path.write_text(json.dumps(_retyped(json.loads(path.read_text()), number)))
        if (path.parent / HASHES).exists():
            cover(path.parent)

    return spoil


def _header(number: int) -> Spoil:
    """A cache file or pack whose header is retyped, with hashes that fit it."""

    def spoil(path: Path) -> None:
        header = {key: value for key, value in store.read(path).header.items() if key not in ("arrays", "quality")}

        def change(old: dict[str, Any], _: dict[str, Array]) -> None:
            old.clear()
            old.update(_retyped(header, number))

        repacked(path, path, change)

    return spoil


def _numbers(number: int) -> Spoil:
    """Tensors of another shape, or with odd numbers, with hashes that fit them."""

    def spoil(path: Path) -> None:
        tensors, run = load_file(path), path.parent
        key = sorted(tensors)[number % len(tensors)]
        values = tensors[key]
        shapes = values.reshape(-1)[:0], values.reshape(-1), values[None]
        odd = (np.nan, np.inf, 1e300, -1.0)[number % 4]
        changed = shapes[number] if number < 3 else np.full_like(values, odd)
        save_file({**tensors, key: np.ascontiguousarray(changed)}, path)
        facts = json.loads((run / "calibration.json").read_text())
        facts["arrays_sha256"] = sha256_file(run / "calibration.safetensors")
        (run / "calibration.json").write_text(json.dumps(facts))
        cover(run)

    return spoil


def _setting(key: str, value: Any) -> Spoil:
    def spoil(path: Path) -> None:
        config = json.loads(path.read_text())
        *sections, last = key.split(".")
        part = config
        for section in sections:
            part = part[section]
        part[last] = value
        path.write_text(json.dumps(config))
        (path.parents[1] / "outside/outside.py").write_text("open('executed', 'w')\n")
        cover(path.parent)

    return spoil


def _facts(text: str) -> Spoil:
    def spoil(path: Path) -> None:
        database = sqlite3.connect(path)
        with database:
            database.execute("UPDATE facts SET value = ?", (text,))
            database.execute("UPDATE shared SET value = ?", (text,))
            database.execute("UPDATE rates SET work = ?, seconds = ?", (text, text))
        database.close()

    return spoil


def _failure(text: str) -> Spoil:
    """A failure with the right key takes the place of an output; its cause is the text."""

    def spoil(path: Path) -> None:
        key = store.read(path).header["key"]
        entry = {"stage": "timesteps", "video": "day/0.mp4", "key": key, "kind": "VideoError", "what": f"\x1b[2J{text}"}
        path.unlink()
        content = json.dumps(entry) if len(text) < 3 else text
        path.with_name("0.mp4.failed.json").write_text(content)

    return spoil


def _odd_failure(what: str) -> Spoil:
    def spoil(path: Path) -> None:
        path.with_name("0.mp4.h5").unlink()
        _odd(what)(path)

    return spoil


def _strangers(cache: Path) -> None:
    """Old files of other programs; `_theirs` checks what became of them."""
    for name in STRANGERS:
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text("theirs")
        os.utime(cache / name, (0, 0))


def corpus(bench: Bench, cases: int = 0) -> Outcome:
    """Every case, or so many of them; every `REAL_EVERY`-th is a program of its own."""
    outcome, every = Outcome("corpus"), all_cases()
    some = every if not cases else every[:: max(1, len(every) // cases)]
    world = bench.world
    tally = run_corpus(some, bench.fresh("corpus"), world, real_every=REAL_EVERY)
    if not cases:
        hostile_video_case(tally, world, bench.folder)
    outcome.disturbed, outcome.wrong = tally.cases, len(tally.findings)
    outcome.counts = {"cases": tally.cases, "ends": dict(tally.codes), "slowest": tally.slowest, "limit_s": LIMIT_S}
    outcome.notes = [f"{tally.cases} cases: {dict(tally.codes)}; slowest {tally.slowest[0]:.1f} s, {tally.slowest[1]}"]
    outcome.notes += [f"{name}: {' '.join(text.split())[-600:]}" for name, text in tally.findings]
    return outcome


def hostile_video_case(tally: Tally, world: World, folder: Path) -> None:
    """Every file of `hostile_videos` in one run: each is extracted or fails with a sentence of ours."""
    videos = folder / "hostile"
    names = {case.path.name for case in hostile_videos.build(videos)}
    arguments = ["extract", str(videos), "--stages", "camera_flow", "--json", "--workers", "0"]
    place = folder / "hostile-case"
    case = Case("videos", lambda *_: (videos, arguments), lambda _: None, limit_s=VIDEOS_LIMIT_S)
    forked = Forked(_prepared(case, world, place), place, [place], case.limit_s)
    while (done := forked.poll()) is None:
        time.sleep(0.01)
    _judge(case, done, world, tally)
    if done.code not in (0, 1):
        return
    reported = json.loads(done.out)
    tally.cases += len(names) - 1
    tally.slowest = max(tally.slowest, (done.seconds / len(names), "videos, each"))
    failures = list((place / "cache").rglob("*.failed.json"))
    for path in failures:
        if not json.loads(path.read_text())["expected"]:
            tally.findings.append((f"videos/{path.name}", "the program calls it a fault of its own"))
    failed = sum(1 for row in reported["results"] if row["failed"])
    left_out = len(names) - reported["videos"]
    tally.codes["video extracted"] += reported["videos"] - failed
    tally.codes["video refused"] += failed + left_out


def run_corpus(cases: Sequence[Case], folder: Path, world: World, *, together: int = 2, real_every: int = 0) -> Tally:
    """Run every case, `together` at a time; each `real_every`-th as a program of its own instead of a forked one."""
    tally, waiting = Tally(), list(enumerate(cases))
    running: list[tuple[Case, Path, Forked]] = []
    while waiting or running:
        while waiting and len(running) < together:
            number, case = waiting.pop(0)
            place = folder / f"case-{number:04}"
            arguments = _prepared(case, world, place)
            if real_every and number % real_every == 0:
                _judge(case, _as_program(case, arguments, place), world, tally, place)
            else:
                running.append((case, place, Forked(arguments, place, [place], case.limit_s)))
        for one in list(running):
            case, place, forked = one
            done = forked.poll()
            if done is not None:
                running.remove(one)
                _judge(case, done, world, tally, place)
        time.sleep(0.002)
    return tally


def _prepared(case: Case, world: World, place: Path) -> list[str]:
    outside = place / "outside"
    outside.mkdir(parents=True)
    (outside / "theirs.h5").write_text("theirs")
    path, arguments = case.prepare(world, place)
    case.spoil(path)
    return arguments


def _as_program(case: Case, arguments: Sequence[str], place: Path) -> Done:
    """The same as a person types it."""
    command, start = [sys.executable, str(ROOT / "run_pipeline.py"), *arguments], time.monotonic()
    home = {"HOME": str(place / "home"), "XDG_CACHE_HOME": str(place / "home")}
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=2 * case.limit_s,
            cwd=place,
            env={**os.environ, **home},
            check=False,
        )
    except (subprocess.TimeoutExpired, ValueError):  # ValueError: a NUL in an argument
        return Done(None, "", "", 2 * case.limit_s, [])
    return Done(ended.returncode, ended.stdout, ended.stderr, time.monotonic() - start, [])


def _judge(case: Case, done: Done, world: World, tally: Tally, place: Path | None = None) -> None:
    """Count the case; what is wrong with it becomes a finding."""
    tally.cases += 1
    tally.codes["hangs" if done.code is None else str(done.code)] += 1
    tally.slowest = max(tally.slowest, (done.seconds, case.name))
    wrong = list(_wrong(case, done, world))
    if place is not None:
        wrong += _theirs(place)
    wrong += [f"changed {path}" for path in world.changed()]  # by this case, or the one beside it
    tally.findings += [(case.name, text) for text in wrong]
    if place is not None and not wrong:
        with suppress(OSError):
            shutil.rmtree(place)


def _wrong(case: Case, done: Done, world: World) -> Iterator[str]:
    text = done.out + done.err
    if done.code is None:
        yield f"hangs for {done.seconds:.0f} s"
        return
    if done.code not in (0, 1, 2):
        yield f"exit code {done.code}: {done.err[-300:]}"
    for words in PROGRAM_FAULT:
        if words in text:
            yield text[max(0, text.rindex(words) - 100) :][-1500:]
            break
    if done.code == 2 and "Usage:" not in done.err:
        errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
        if len(errors) != 1:
            yield f"{len(errors)} errors: {done.err[-500:]}"
    if UNPRINTABLE.search(text):
        yield f"not printable: {text[-300:]!r}"
    yield from (f"outside: {change}" for change in done.outside)
    if case.whole and done.code == 0 and done.out.startswith("{"):
        scores = scores_of(done) if '"model"' in done.out else {}
        differing = {name: score for name, score in scores.items() if score != world.scores[name]}
        if differing:
            yield f"wrong scores, exit code 0: {differing}"


def _theirs(place: Path) -> Iterator[str]:
    """Files of others in the case's folder that are no longer as they were."""
    outside = place / "outside"
    names = {path.name for path in outside.rglob("*")} - {"outside.py"}
    if names != {"theirs.h5"} or (outside / "theirs.h5").read_text() != "theirs":
        yield f"the folder of others now holds {sorted(names)}"
    strangers = sorted((place / "cache").rglob("theirs*")) if (place / "cache").is_dir() else []
    if strangers and len([path for path in strangers if path.is_file()]) != len(STRANGERS):
        yield f"of others remain only {[path.name for path in strangers]}"
    if (place / "executed").exists():
        yield "a foreign program was executed"
