"""Damaged, hostile and odd files: each fails alone and by name, opens no other file and runs nothing."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from data.errors import CacheError, DataError, VideoError
from data.store import Array, StageOutput
from data.store import hdf5 as store
from data.video.decoder import decode, probe
from pipeline.pack.pack_file import read_pack
from tests.helpers.checkout import ROOT
from tests.helpers.hostile_videos import build

MOST_KILOBYTES = 1_500_000


def read(path):
    """Probe and decode one file whole."""
    try:
        info, times = probe(path)
        shapes = [frame.image.shape for frame in decode(path)]
    except VideoError as error:
        return {"outcome": "VideoError", "what": error.what, "where": error.where}
    except BaseException as error:
        return {"outcome": "crash", "what": f"{type(error).__name__}: {error}"}
    return {
        "outcome": "ok",
        "frames": len(shapes),
        "times": len(times),
        "increasing": bool((times[1:] > times[:-1]).all() and times[0] == 0),
        "shapes": sorted(set(shapes)),
        "shown": [info.height, info.width],
    }


def peak_kib():
    """Largest resident memory of this program; `ru_maxrss` would count that of the process which started it too."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.split("VmHWM:")[1].split()[0])


def answer():
    """Read the videos named on standard input, one per line, and print the outcome of each as a line of JSON."""
    for line in sys.stdin:
        print(json.dumps(read(Path(line.rstrip("\n"))) | {"peak": peak_kib()}), flush=True)


def test_every_video_is_read_or_refused_by_name(tmp_path):
    """In a process of its own, which no file may end."""
    corpus = build(tmp_path)
    assert len({case.path for case in corpus}) == len(corpus) >= 300
    before = sorted(path.name for path in tmp_path.iterdir())
    command, names = [sys.executable, "-m", "tests.data.test_corpus"], "".join(f"{case.path}\n" for case in corpus)
    done = subprocess.run(command, cwd=ROOT, input=names, capture_output=True, text=True, timeout=500, check=False)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) == len(corpus), f"{corpus[len(reports)]} ends the process: {done.returncode}"
    complaints = {case.path.name: _complaint(case, report) for case, report in zip(corpus, reports, strict=True)}
    assert {name: complaint for name, complaint in complaints.items() if complaint} == {}
    said = {case.path.name: report.get("what", "") for case, report in zip(corpus, reports, strict=True)}
    assert said["empty.mp4"] == "the file is empty"
    assert said["text.mp4"].startswith("not a readable video")
    assert said["sound.mp4"] == "no video stream in it, only audio"
    outcomes = Counter((case.expected, report["outcome"]) for case, report in zip(corpus, reports, strict=True))
    assert outcomes["any", "ok"] > 50, "the corpus is too destructive to show anything"
    assert outcomes["any", "VideoError"] > 150, "the corpus is too tame to show anything"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def _complaint(case, report):
    """The fault of an outcome, empty where there is none."""
    outcome = report["outcome"]
    if outcome not in ("ok", "VideoError"):
        return f"{outcome} {report.get('what', '')}"
    if report["peak"] > MOST_KILOBYTES:
        return f"took {report['peak']} KiB"
    if outcome == "VideoError" and report["where"] != str(case.path):
        return f"is called {report['where']}"
    if outcome == "VideoError":
        return f"should decode: {report['what']}" if case.expected == "good" else ""
    if case.expected == "bad":
        return "should be refused"
    if report["frames"] != report["times"] or not report["increasing"] or report["shapes"] != [[*report["shown"], 3]]:
        return f"has wrong numbers: {report}"
    return ""


def _cache_file(path):
    store.write(path, {"stage": "s", "key": "k"}, StageOutput({"a": Array(np.arange(10.0), ("n",), "1")}))
    return path


HOSTILE_HDF5 = (
    *("external link", "soft link", "external storage", "virtual", "bomb", "unwritten", "group", "objects"),
    *("arrays in a list", "no arrays", "another hash"),
)


def spoil(file, how, other):
    """Replace the array of an open cache file, or change its header; the hash of the header is made to fit."""
    header = json.loads(bytes(file["_header"][()]))
    array = header["arrays"]["a"]
    file.move("a", "b")
    match how:
        case "external link":
            file["a"] = h5py.ExternalLink(str(other), "a")
        case "soft link":
            file["a"] = h5py.SoftLink("/b")
        case "external storage":
            file.create_dataset("a", (10,), "<f8", external=[(str(other), 0, 80)])
        case "virtual":
            layout = h5py.VirtualLayout((10,), "<f8")
            layout[:] = h5py.VirtualSource(str(other), "a", (10,))
            file.create_virtual_dataset("a", layout)
        case "bomb" | "unwritten":
            array["shape"] = [1 << (42 if how == "bomb" else 29)]
            file.create_dataset("a", array["shape"], "<f8", chunks=(1 << 16,), compression="gzip")
        case "group":
            file.create_group("a")
        case "objects":
            array["dtype"] = "|O"
            file.create_dataset("a", data=[b"text"] * 10, dtype=h5py.string_dtype())
        case _:
            file.move("b", "a")
            header["arrays"] = [1, 2] if how == "arrays in a list" else header["arrays"]
    if how == "no arrays":
        del header["arrays"]
    text = json.dumps(header).encode()
    del file["_header"]
    file["_header"] = np.frombuffer(text, np.uint8)
    file.attrs["header_sha256"] = "0" * 64 if how == "another hash" else hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("how", HOSTILE_HDF5)
def test_a_hostile_cache_file_is_damaged_and_opens_nothing(tmp_path, how):
    other = _cache_file(tmp_path / "other.h5")
    path = _cache_file(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        spoil(file, "nothing", other)
    assert store.read(path).output.arrays, "a change of nothing leaves a sound file"
    with h5py.File(path, "r+") as file:
        spoil(file, how, other)
    with pytest.raises(CacheError):
        store.read(path)
    with pytest.raises(DataError):
        read_pack(path)


def test_cuts_and_flipped_bytes_of_a_cache_file_are_noticed(tmp_path):
    whole = _cache_file(tmp_path / "a.h5").read_bytes()
    right = store.read(tmp_path / "a.h5")
    path = tmp_path / "b.h5"
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place])
        with pytest.raises(CacheError):
            store.read(path)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read = store.read(path)
        except CacheError:
            continue
        assert read.header == right.header
        np.testing.assert_array_equal(read.output.arrays["a"].values, right.output.arrays["a"].values)


if __name__ == "__main__":
    answer()
