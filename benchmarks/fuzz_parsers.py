"""Fuzzing of every parser of label and motion files: whatever the bytes, rows or the declared error.

    python -m benchmarks.fuzz_parsers --inputs 100000

Each input is a valid file with random damage (bytes changed, cut, repeated, spliced from another file, tokens
swapped for hostile ones) or plain noise. Allowed outcomes are a result and an `AimError` whose one line is printable;
any other exception is a finding, is printed with its seed, and makes the exit code 1. Input number i of a seed is
the same on every machine, so `--first i --inputs 1` repeats a finding.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from data.datasets.aqa7 import read_list
from data.datasets.folder import list_folder
from data.datasets.jigsaws import list_jigsaws, parse_kinematics, parse_meta
from data.datasets.tasd2 import list_tasd2
from data.errors import AimError
from data.splits import jigsaws_4fold
from data.store import write_text

TOKENS = (
    *(
        b"nan",
        b"inf",
        b"-inf",
        b"1e999",
        b"1_0",
        b"0x1p3",
        b"--1",
        b"1e",
        b".",
        b"",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ),
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\t",
        b",",
        b";",
        b'"',
        b"'",
        b"\x1b[2J",
        b"\xe2\x80\xa8",
        b"\xd9\xa1",
        b"../../x",
        b"/etc",
    ),
    *(
        b"C:\\x",
        b"\\\\h\\s",
        b"Suturing_B001",
        b"Knot_Tying_Z999",
        b"9" * 400,
        b"-0",
        b"{",
        b"[",
        b"null",
        b"\xc3",
        b"video",
    ),
)


@dataclass(frozen=True)
class Target:
    """One parser under test.

    Attributes:
        name: shown in the table.
        place: the file that the input is written to, below the scratch folder.
        read: parses the file at that place.
        seeds: valid inputs that damage starts from.
    """

    name: str
    place: str
    read: Callable[[Path], object]
    seeds: tuple[bytes, ...]


def targets(scratch: Path) -> list[Target]:
    """Every parser with its valid inputs; makes the surroundings that listers need."""
    _surroundings(scratch)
    row = " ".join(f"{value:.6f}" for value in np.linspace(-1, 1, 76))
    meta = "Suturing_B001\t\tE\t18\t\t3\t3\t3\t3\t3\t3\r\nSuturing_C002\t\tI\t21\t\t1\t2\t3\t4\t5\t6\r\n"
    table = b"video,score,execution,group,split\na.mp4,7.5,,g,train\nd/b.mp4,-1e2,3,g,test\n"
    dives = b"video,final,split,original,event\na.mp4,7.5,train,,3m\nd/b.mp4,71,test,a,10m\n"
    folds = json.dumps({"folds": {"Suturing": [["Suturing_B001"], ["Suturing_C002"]]}}).encode()
    meta_place = "jigsaws/Suturing/meta_file_Suturing.txt"
    return [
        Target("kinematics", "k.txt", parse_kinematics, (f"{row}\n{row}\n".encode(), f"{row} \r\n".encode())),
        Target("meta file", "m.txt", parse_meta, (meta.encode(),)),
        Target("JIGSAWS lister", meta_place, lambda _: list_jigsaws(scratch / "jigsaws"), (meta.encode(),)),
        Target("AQA-7 list", "l.mat", lambda p: read_list(p, "consolidated_train_list"), (_mat(True), _mat(False))),
        Target(
            "folder table", "folder/scores.csv", lambda p: list_folder(p.parent), (table, table.replace(b",", b";"))
        ),
        Target("TASD-2 table", "tasd2/labels.csv", lambda p: list_tasd2(p.parent), (dives, dives.replace(b",", b"\t"))),
        Target("fold list", "f.json", lambda p: jigsaws_4fold([], p), (folds,)),
    ]


def _surroundings(scratch: Path) -> None:
    for name in ("folder/a.mp4", "folder/d/b.mp4", "tasd2/a.mp4", "tasd2/d/b.mp4"):
        write_text(scratch / name, "x")
    for trial in ("Suturing_B001", "Suturing_C002"):
        write_text(scratch / "jigsaws" / "Suturing" / "video" / f"{trial}_capture1.avi", "x")


def _mat(compress: bool) -> bytes:
    import scipy.io

    stream: Any = io.BytesIO()
    rows = np.array([[1, 1, 8150], [6, 91, 4500], [3, 7, 3975]], dtype=np.float64)
    scipy.io.savemat(stream, {"x": [[1]], "consolidated_train_list": rows}, do_compression=compress)
    return bytes(stream.getvalue())


def damaged(rng: np.random.Generator, target: Target, others: list[Target]) -> bytes:
    """A valid input of `target` with one or a few random changes, or noise."""
    if rng.random() < 0.05:
        return rng.bytes(int(rng.integers(0, 300)))
    content = bytearray(target.seeds[rng.integers(len(target.seeds))])
    for _ in range(int(rng.geometric(0.6))):
        position = int(rng.integers(0, len(content) + 1))
        end = min(len(content), position + int(rng.integers(0, 12)))
        kind = rng.integers(0, 7)
        if kind == 0 and position < len(content):
            content[position] = int(rng.integers(0, 256))
        elif kind == 6:
            content[position:end] = bytes(rng.choice(list(b"0123456789"), size=end - position).tolist())
        elif kind == 1:
            content[position:end] = TOKENS[rng.integers(len(TOKENS))]
        elif kind == 2:
            del content[position:]
        elif kind == 3:
            content[position:position] = content[position:end] * int(rng.integers(1, 30))
        elif kind == 4:
            seeds = others[rng.integers(len(others))].seeds
            content[position:end] = seeds[rng.integers(len(seeds))][: int(rng.integers(0, 60))]
        else:
            del content[position:end]
    return bytes(content)


def outcome(target: Target, path: Path, content: bytes) -> str:
    """ "read" or "refused"; anything else is a finding and says what."""
    path.write_bytes(content)
    try:
        target.read(path)
    except AimError as error:
        return "refused" if str(error).isprintable() else f"unprintable error {str(error)!r}"
    except Exception:  # noqa: BLE001 (what the run looks for)
        return traceback.format_exc(limit=-3)
    return "read"


def run(inputs: int, first: int, seed: int, scratch: Path, quiet: bool) -> dict[str, Any]:
    """Feed `inputs` inputs from number `first` on; returns counts by parser and the findings."""
    chosen = targets(scratch)
    counts: dict[str, Counter[str]] = {target.name: Counter() for target in chosen}
    findings: list[dict[str, Any]] = []
    start = time.perf_counter()
    for number in track(range(first, first + inputs), "fuzzing", disable=quiet, update_period=1.0):
        rng = np.random.default_rng([seed, number])
        target = chosen[number % len(chosen)]
        said = outcome(target, scratch / target.place, damaged(rng, target, chosen))
        kind = said if said in ("read", "refused") else "finding"
        counts[target.name][kind] += 1
        if kind == "finding":
            findings.append({"input": number, "parser": target.name, "error": said})
    seconds = time.perf_counter() - start
    return {"inputs": inputs, "seed": seed, "seconds": seconds, "counts": counts, "findings": findings}


def main() -> int:
    """Run from the command line; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/fuzz_parsers.json"))
    given = parser.parse_args()
    memory = Path("/dev/shm")  # files in memory: the disk is not what is tested
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        result = run(given.inputs, given.first, given.seed, Path(scratch), not sys.stdout.isatty())
    table = Table(
        "parser", "read", "refused", "findings", title=f"{result['inputs']} inputs, {result['seconds']:.0f} s"
    )
    for name, count in result["counts"].items():
        table.add_row(name, *(str(count[kind]) for kind in ("read", "refused", "finding")))
    console = Console()
    console.print(table)
    for finding in result["findings"][:10]:
        console.print(f"input {finding['input']} ({finding['parser']}):\n{finding['error']}", markup=False)
    write_text(given.out, json.dumps(result, indent=1))
    return 1 if result["findings"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
