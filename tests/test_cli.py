"""The command line as a person uses it: exit codes, messages, JSON, bad input beside good."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import UsageError
from pipeline.settings.destinations import check_file, check_folder
from tests.helpers.checkout import ROOT
from tests.helpers.hostile_videos import sound


def test_bad_videos_beside_good_ones(program, make_video, tmp_path, snapshot):
    good = make_video(tmp_path / "in/good.mp4", size=(128, 96), frames=40)
    for frames in (1, 10):
        make_video(tmp_path / f"in/{frames} frames.mp4", size=(128, 96), frames=frames)
    (tmp_path / "in/truncated.mp4").write_bytes(good.read_bytes()[:-800])
    (tmp_path / "in/empty.mp4").touch()
    (tmp_path / "in/text.mp4").write_text("a text file\n" * 100)
    sound(tmp_path / "in/sound.mp4", "aac", "mp4")
    flow = ("in", "--stages", "camera_flow", "--cache", "cache")
    for words in (("extract", *flow, "--workers", "0", "--json"), ("extract", *flow, "--workers", "0")):
        done = program.run(words, tmp_path)
        assert (done.returncode, re.sub(r"[0-9]\.[0-9]+", "SECONDS", done.stdout)) == snapshot
    status = program.run(("status", *flow), tmp_path)
    assert (status.returncode, status.printed) == snapshot


def python(code, **options):
    """Run Python code with this checkout's modules."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False, **options
    )


def test_the_check_of_an_output_leaves_nothing_and_refuses_no_good_place(tmp_path):
    (tmp_path / "old.csv").write_text("old")
    for place in ("new.csv", "old.csv", "a/b/new.csv"):
        check_file(tmp_path / place)
    for place in (".", "a/b"):
        check_folder(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    with (tmp_path / "old.csv").open() as shown:  # as /dev/stdout while output goes into a file
        (tmp_path / "stdout").symlink_to(f"/proc/self/fd/{shown.fileno()}")
        with pytest.raises(UsageError, match="it is not a file"):
            check_file(tmp_path / "stdout")
    for place in (tmp_path, Path("/dev/full"), Path("s3://bucket/x.csv")):
        with pytest.raises(UsageError):
            check_file(place)


@pytest.mark.parametrize("arguments", [["weights", "list", "--json"], ["weights", "list"]], ids=" ".join)
def test_a_full_standard_output_is_reported(arguments):
    command = [sys.executable, str(ROOT / "run_pipeline.py"), *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr.count("error: "), done.stderr.count("\n  -> ")) == (2, 1, 1)
    assert "standard output: cannot be written" in done.stderr


def test_no_folder_for_temporary_files_takes_anything():
    code = """
import resource, sys, tempfile, typer
from pipeline.cli import cli_main
app = typer.Typer()
@app.command()
def command():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    tempfile.gettempdir()
cli_main.app = app
sys.argv = ["aqa"]
cli_main.main()
"""
    done = python(code)
    assert done.returncode == 2
    assert done.stderr.startswith("error: No usable temporary directory found in [")
    assert "TMPDIR=FOLDER" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_the_second_interrupt_ends_at_once(tmp_path):
    code = """
import os, signal, sys, threading, time
from pipeline.cli.interrupts import stop_on_interrupt
stop = stop_on_interrupt(sys.stderr.write, sys.stderr.flush)
threading.Thread(target=time.sleep, args=(600,)).start()
sys.stdout.write("half a line")
os.kill(os.getpid(), signal.SIGINT)
assert stop.is_set()
os.kill(os.getpid(), signal.SIGINT)
"""
    done = python(code, timeout=120)
    assert (done.returncode, done.stdout) == (130, "half a line"), done.stderr


def test_text_that_the_encoding_lacks_is_escaped(make_video, tmp_path):
    video = make_video(tmp_path / "é日.mp4", size=(128, 96), frames=3)
    options = f"'{video}' --cache '{tmp_path}/cache' --set stages=[camera_flow]"
    for arguments, said in (
        ("extract --help", "Usage"),
        (f"status {options}", "\\xe9\\u65e5.mp4"),
        (f"extract {options} --dry-run", ""),
    ):
        line = f"PYTHONIOENCODING=ascii '{sys.executable}' '{ROOT / 'run_pipeline.py'}' {arguments}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        assert said in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_swallow_what_they_get(tmp_path, closed):
    for arguments in ("weights list", "weights list --json", f"cache ls --cache '{tmp_path}'"):
        line = f"exec '{sys.executable}' '{ROOT / 'run_pipeline.py'}' {arguments} {closed}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        assert all("run_pipeline.py" in line for line in done.stderr.splitlines()), "the line to type next alone"
