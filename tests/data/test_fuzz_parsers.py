"""Parsers of label and motion files: whatever the bytes, they give rows or the declared error, in one printable line.

Each input is a valid file with random damage (bytes changed, cut, repeated, spliced from another file, tokens swapped
for hostile ones) or plain noise. Input number i of a seed is the same on every machine.
"""

from __future__ import annotations

import io
import json
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets.aqa7 import read_list
from data.datasets.folder import list_folder
from data.datasets.jigsaws import list_jigsaws, parse_kinematics, parse_meta
from data.datasets.tasd2 import list_tasd2
from data.errors import AimError, DataError
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
    except Exception:
        return traceback.format_exc(limit=-3)
    return "read"


def run(inputs: int, first: int, seed: int, scratch: Path) -> dict[str, Any]:
    """Feed `inputs` inputs from number `first` on; returns counts by parser and the findings."""
    chosen = targets(scratch)
    counts: dict[str, Counter[str]] = {target.name: Counter() for target in chosen}
    findings: list[dict[str, Any]] = []
    for number in range(first, first + inputs):
        rng = np.random.default_rng([seed, number])
        target = chosen[number % len(chosen)]
        said = outcome(target, scratch / target.place, damaged(rng, target, chosen))
        kind = said if said in ("read", "refused") else "finding"
        counts[target.name][kind] += 1
        if kind == "finding":
            findings.append({"input": number, "parser": target.name, "error": said})
    return {"counts": counts, "findings": findings}


def test_a_short_run_finds_nothing_and_reaches_both_outcomes(tmp_path: Path) -> None:
    result = run(1600, first=0, seed=7, scratch=tmp_path)
    assert result["findings"] == []
    assert all(count["read"] > 0 and count["refused"] > 0 for count in result["counts"].values())


def test_a_planted_crash_and_an_unprintable_error_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(path: Path) -> None:
        error = DataError("planted")
        error.what = "\x1b[2J"
        raise IndexError if b"nan" in path.read_bytes() else error

    planted = Target("planted", "x", crash, (b"1 2 nan 3",))
    monkeypatch.setattr(f"{__name__}.targets", lambda scratch: [planted])
    result = run(50, first=0, seed=0, scratch=tmp_path)
    said = " ".join(finding["error"] for finding in result["findings"])
    assert "IndexError" in said
    assert "unprintable" in said
    again = run(1, first=result["findings"][3]["input"], seed=0, scratch=tmp_path)
    assert again["findings"][0] == result["findings"][3]
