"""A full disk, and Ctrl-C once and twice, in each command that writes.

No file shows unfinished work as finished, finished files stay, and the same command completes the work afterwards.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest
import yaml

from synthetic.tiny_jigsaws import make_jigsaws
from tests.conftest import ROOT
from tests.helpers.program_server import Press
from tests.helpers.rated import rate_scores

SET = "--config jigsaws --cache cache --set dataset.root=set --set stages=[kinematics,timesteps] --set timesteps.scene="
SMALL = "--set work.workers=0 --set train.networks=1 --set model.width=8 --set combined=false"
SHORT, ENDLESS = "--set train.epochs=1", "--set train.epochs=1000000"
VIDEOS = "set/Suturing/video/Suturing_B001_capture1.avi set/Suturing/video/Suturing_B002_capture1.avi"
NEW = f"{VIDEOS} --model run --cache new"


@dataclass(frozen=True)
class Case:
    """A command and what is expected of it.

    Args:
        words: the command.
        finished: names of files, each of which shows that work is finished.
        names: what the message of a full disk names.
        full: its exit code on a full disk.
        at: when Ctrl-C is pressed: the number of a written file.
        ending: options with which it ends by itself.
        endless: options in place of `ending` while Ctrl-C is tested.
        most: bytes that a file can grow to on the full disk.
    """

    words: str
    finished: tuple[str, ...]
    names: str = ""
    full: int = 2
    at: int = 1
    ending: str = ""
    endless: str = ""
    most: int = 2000


LONG = f"ending: {SHORT}, endless: {ENDLESS}"
CASES = {
    name: Case(**given)
    for name, given in yaml.safe_load(f"""
extract: {{words: "extract films --set stages=[camera_flow] --cache new --workers 0 --preview", full: 1, at: 3,
  finished: [new/preview/b.avi.mp4, new/preview/b.avi.jpg], names: no space left on the disk of the cache}}
train: {{words: "train {SET} {SMALL} --out out --folds 0", finished: [out/model.json, out/sha256.json],
  names: out/checkpoints, {LONG}}}
evaluate: {{words: "evaluate {SET} {SMALL} --out out --quick", finished: [out/results.json, out/report.html],
  names: out/checkpoints, {LONG}}}
leaderboard: {{words: "leaderboard {SET} {SMALL} --out out --systems usdl",
  finished: [out/results.json, out/report.html], names: "error: out", {LONG}}}
score: {{words: "score {NEW} --out scores.csv", finished: [scores.csv], names: scores.csv, most: 100}}
report: {{words: "report run {VIDEOS} --cache new", finished: [run/report.html], names: run/report.html}}
compare: {{words: "compare {NEW} --out page.html", finished: [page.html], names: page.html}}
plot: {{words: "plot run {VIDEOS} --cache new --formats pdf --out out",
  finished: [out/steps-Suturing_B002_capture1.avi.pdf], names: out/steps-Suturing_B001}}
export: {{words: "export run --out model.onnx", finished: [model.onnx], names: model.onnx}}
push: {{words: "push run there", finished: [there/sha256.json], names: there, at: 3}}
pack: {{words: "pack {SET} --out out.h5", finished: [out.h5, out.card.md], names: out.h5}}
pack, CSV: {{words: "pack {SET} --out out.csv", finished: [out.csv, out.card.md], names: out.csv}}
pack, NumPy: {{words: "pack {SET} --out out.npz", finished: [out.npz, out.card.md], names: out.npz}}
pack by video: {{words: "pack {SET} --out out --per-video --format npz", finished: [out/card.md], names: out, at: 3}}
label: {{words: "label films --summary", finished: [films/labels.csv], names: films/labels.csv, most: 10}}
""").items()
}

DELETING = {"prune": f"cache prune {SET} --set timesteps.steps=4 --yes", "rm": "cache rm --cache cache --yes"}


@pytest.fixture(scope="module")
def made(program, tmp_path_factory):
    """A small data set, its cache, a trained model, and a folder of two rated films."""
    folder = tmp_path_factory.mktemp("made")
    make_jigsaws(folder / "set", trials=4, tasks=["Suturing"], rows=45, videos=True)
    (folder / "films").mkdir()
    for name, film in zip("ab", sorted((folder / "set").rglob("*capture1.avi")), strict=False):
        shutil.copy(film, folder / f"films/{name}.avi")
    rate_scores(folder / "films", "anna", {f"{name}.avi": {"score": number} for number, name in enumerate("ab")})
    for words in (
        f"extract {SET} --workers 0",
        f"train {SET} {SMALL} {SHORT} --out run --folds 0",
    ):
        done = program.run(words.split(), folder)
        assert done.returncode == 0, done.printed
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "here"))


def contents(folder):
    """All files but the index of a cache, whose loss costs nothing but time."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".index", ".writing")))
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("name", CASES)
def test_ctrl_c_and_a_full_disk(name, program, folder):
    """Press once, then twice in the same command, fill the disk, then let it complete."""
    case, before = CASES[name], contents(folder)
    for times in (1, 2):
        press = Press(case.at, times)
        done = program.run(f"{case.words} {case.endless}".split(), folder, press=press)
        assert done.returncode == 130, done.printed
        assert "stopped" in done.printed or "stopping" in done.printed
        unfinished(case, done, folder, before)
        assert times == 2 or not [*folder.rglob(".writing-*")]
    left = {*folder.rglob(".writing-*")}
    done = program.run(f"{case.words} {case.ending}".split(), folder, most_bytes=case.most)
    assert done.returncode == case.full, done.printed
    assert case.names in done.printed
    assert "room" in done.printed or "Free space" in done.printed
    unfinished(case, done, folder, before)
    assert {*folder.rglob(".writing-*")} <= left
    done = program.run(f"{case.words} {case.ending}".split(), folder)
    assert done.returncode == 0, done.printed
    assert all((folder / file).exists() for file in case.finished)


def unfinished(case, done, folder, before):
    """Nothing shows the work as finished, and what was there is there."""
    assert "Traceback" not in done.printed
    assert not [file for file in case.finished if (folder / file).exists()]
    assert before.items() <= contents(folder).items()


@pytest.mark.parametrize("name", DELETING)
def test_what_makes_room_works_on_a_full_disk(name, program, folder):
    done = program.run(DELETING[name].split(), folder, most_bytes=0)
    assert done.returncode == 0, done.printed
    assert not [*folder.glob("cache/timesteps/**/*.h5")]


@pytest.mark.parametrize("name", DELETING)
def test_ctrl_c_while_files_are_deleted(name, program, folder):
    count = len([*folder.glob("cache/timesteps/**/*.h5")])
    done = program.run(DELETING[name].split(), folder, press=Press(2, call="unlink"))
    assert done.returncode == 130, done.printed
    assert "Traceback" not in done.printed
    assert 0 < len([*folder.glob("cache/timesteps/**/*.h5")]) <= count
    done = program.run(DELETING[name].split(), folder)
    assert done.returncode == 0, done.printed
    assert not [*folder.glob("cache/timesteps/**/*.h5")]


@pytest.mark.weights
def test_the_demo(program, tmp_path):
    """A full disk and Ctrl-C while it renders on all cores; the other commands cover its later parts."""
    done = program.run(["demo"], tmp_path, most_bytes=2000)
    assert done.returncode == 2, done.printed
    assert "error: demo: cannot be written" in done.printed
    assert "Traceback" not in done.printed
    running = program.start(["demo"], tmp_path)
    while not [*tmp_path.glob("demo/dives/*/*")]:  # a film that grows, under a name of its own
        assert running.process.status() != psutil.STATUS_ZOMBIE
        time.sleep(0.05)
    os.killpg(running.process.pid, signal.SIGINT)
    done = running.wait()
    assert done.returncode == 130, done.printed
    assert "Traceback" not in done.printed
    assert len([*tmp_path.glob("demo/dives/truth/dive*.npz")]) < 24


@pytest.mark.weights
@pytest.mark.parametrize("seconds", [0.2, 0.5])
def test_ctrl_c_while_worker_processes_start(program, tmp_path, seconds):
    """A terminal sends it to them too, when they have not yet said that they ignore it."""
    running, tracker_and_worker = program.start(["demo"], tmp_path), 2
    while len(running.process.children()) < tracker_and_worker:
        assert running.process.status() != psutil.STATUS_ZOMBIE
    time.sleep(seconds)  # no state to wait for: the worker imports the program
    os.killpg(running.process.pid, signal.SIGINT)
    done = running.wait()
    assert done.returncode == 130, done.printed
    assert "Traceback" not in done.printed


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("words", ["serve --model run", "label films"])
def test_ctrl_c_closes_a_page(program, words, times, folder):
    running = program.start(f"{words} --port 0".split(), folder)
    with suppress(HTTPError):  # any answer says that it is ready
        urlopen(f"http://127.0.0.1:{running.port()}", timeout=60).close()
    for _ in range(times):
        with suppress(ProcessLookupError):  # it has ended
            os.kill(running.process.pid, signal.SIGINT)
        time.sleep(0.03)  # two signals at once are one; the server takes .1 s to close
    done = running.wait()
    late = times == 2 and done.returncode == 130  # on a busy machine the second comes when the page is closed
    assert late or done.returncode == 0, done.printed
    assert "Traceback" not in done.printed
    if "label" in words and not late:
        assert (folder / "films/labels.csv").exists()


def listening():
    """Take Ctrl-C, which `pytest &` ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("library", "words"), [("_multiarray_umath", "doctor"), ("libtorch_cpu", "doctor"), ("cv2", "demo")]
)
def test_ctrl_c_while_a_library_is_imported(tmp_path, library, words):
    """Some libraries swallow an exception that is raised meanwhile, or abort."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run_pipeline.py"), *words.split()], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=listening,
    )  # fmt: skip
    while library not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGINT)
    printed = process.communicate(timeout=60)[1]
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
