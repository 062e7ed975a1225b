"""Whatever disturbs a run, an undisturbed run then leaves the cache whole: every output equals that of a quiet run."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest

from data.errors import UsageError, VideoError
from data.store import hdf5 as store
from data.store.atomic_writes import TEMPORARY
from pipeline import api
from pipeline.cache import output_cache
from pipeline.run import decode_pass
from tests.helpers.checkout import ROOT
from tests.helpers.extracting import assert_equal_outputs, extract_flow, flow_config, moving_films, outputs
from tests.helpers.watching import Watching

STAGE = "camera_flow"
ADDRESS_SPACE = 1 << 30
"""Bytes of `ulimit -v`: enough to start, too few for the work."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "in"
    return moving_films(folder, [f"{number % 3}/{number:02}" for number in range(6)])


@pytest.fixture(scope="module")
def quiet(videos):
    """The cache of a run that nothing disturbed."""
    extract(videos, videos.parent / "quiet")
    return videos.parent / "quiet"


def extract(videos, cache, **hooks):
    """`extract` in this process."""
    return extract_flow(videos, flow_config(cache), **hooks)


def command(videos, cache):
    """`extract` as a person types it."""
    program = [sys.executable, str(ROOT / "run_pipeline.py"), "extract", str(videos), "--cache", str(cache)]
    return [*program, "--stages", STAGE, "--workers", "0"]


def check_whole(cache):
    """Every output under its final name can be read whole."""
    for name in outputs(cache):
        store.read(cache / name)


def check_equal(cache, videos, quiet):
    """After one more run every output equals the quiet run's."""
    assert not extract(videos, cache).failed
    assert_equal_outputs(cache, quiet)


@contextmanager
def small_disk(place, kilobytes):
    """A file system of that size at `place`; skips where mounting is not allowed."""
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], capture_output=True, check=False)


def remount(place, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], capture_output=True, check=True)


@pytest.mark.slow
def test_two_commands_on_one_cache(videos, quiet, tmp_path):
    started = [subprocess.Popen(command(videos, tmp_path / "cache")) for _ in range(2)]
    assert [process.wait(300) for process in started] == [0, 0]
    check_equal(tmp_path / "cache", videos, quiet)
    assert not list(tmp_path.rglob(f"{TEMPORARY}*"))


def test_nothing_is_deleted_while_another_command_works(videos, quiet, tmp_path, monkeypatch):
    """`extract` with other settings runs meanwhile; without locks a note says what is not seen."""
    cache, other = tmp_path / "cache", {"overrides": ["camera_flow.stride=2"], "cache": tmp_path / "cache"}
    process = subprocess.Popen(command(videos, cache), stderr=subprocess.DEVNULL)
    while not outputs(cache):
        assert process.poll() is None
    for delete, given in (
        (api.cache_prune, {"inputs": videos, "stages": STAGE, **other}),
        (api.cache_rm, {"cache": cache}),
    ):
        with pytest.raises(UsageError, match=rf"{cache}: another command works in this cache.*fuser {cache}"):
            delete(**given, yes=True)
    assert process.poll() is None, "it worked meanwhile"
    assert process.wait(60) == 0
    assert_equal_outputs(cache, quiet)
    monkeypatch.setattr("fcntl.flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    assert len(api.cache_prune(videos, stages=STAGE, **other, yes=True, observer=(seen := Watching())).files) == 6
    assert "cannot be locked ([Errno 37] No locks available)" in seen.lines[-1]


@pytest.mark.slow
def test_kills_then_the_same_cache(videos, quiet, tmp_path):
    """SIGKILL at the start, and as soon as there is one more output; half of the videos are left, so it is at work."""
    cache = tmp_path / "cache"
    for count in (0, 1, 2, 3):
        process = subprocess.Popen(command(videos, cache), stderr=subprocess.DEVNULL)
        while len(outputs(cache)) < count and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None, "it was killed before its end"
        process.kill()
        process.wait()
        check_whole(cache)
    assert len(outputs(cache)) < len(outputs(quiet))
    check_equal(cache, videos, quiet)


def test_a_read_only_cache_is_still_read(videos, quiet, tmp_path):
    with small_disk(tmp_path / "fixed", 1 << 16):
        cache = Path(shutil.copytree(quiet, tmp_path / "fixed/cache"))
        (cache / outputs(cache)[0]).unlink()
        remount(cache.parent, "ro")
        with pytest.raises(UsageError, match=f"{cache}: cannot be written.*Read-only"):
            extract(videos, cache, on_frames=lambda *_: pytest.fail("a video was decoded first"))
        remount(cache.parent, "rw")
        check_equal(cache, videos, quiet)
        remount(cache.parent, "ro")
        assert extract(videos, cache).fresh == len(outputs(quiet)), "what is there is read"
        remount(cache.parent, "rw")


def test_a_place_that_cannot_hold_a_cache_is_named_before_the_work(videos, tmp_path):
    (tmp_path / "a file").touch()
    for cache in (tmp_path / "a file", Path("/dev/null"), Path("/proc/cache")):
        with pytest.raises(UsageError, match=rf"{cache}: .*cannot be written"):
            extract(videos, cache, on_frames=lambda *_: pytest.fail("a video was decoded first"))


def test_a_clock_set_back_hides_no_change(videos, tmp_path):
    """All files seem to be from the future; a video then changes under the date and the size that it had."""
    changing, cache = Path(shutil.copytree(videos, tmp_path / "in")), tmp_path / "cache"
    extract(changing, cache)
    ahead = time.time() + 400 * 86400
    for path in (*changing.rglob("*.mp4"), *(cache / name for name in outputs(cache))):
        os.utime(path, (ahead, ahead))
    assert extract(changing, cache).results == []
    changed = min(changing.rglob("*.mp4"))
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    os.utime(changed, (ahead, ahead))
    assert [result.record.path for result in extract(changing, cache).results] == [changed]


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_clock_that_jumps_all_the_time_changes_nothing(videos, quiet, tmp_path):
    """Each reading of the time of day is 25 h before the one before, in all libraries; files keep their stamps."""
    options = ["-m", "--exclude-monotonic", "-f", "+0 i-90000"]
    words = ["faketime", *options, *command(videos, tmp_path / "cache")]
    done = subprocess.run(words, env={**os.environ, "NO_FAKE_STAT": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_equal_outputs(tmp_path / "cache", quiet)


def test_an_input_that_changes_is_not_believed(videos, tmp_path, monkeypatch):
    """One video is replaced while it is read, another one between planning and reading."""
    changing, cache = Path(shutil.copytree(videos, tmp_path / "in")), tmp_path / "cache"
    paths, replaced, decode = sorted(changing.rglob("*.mp4")), list[Path](), decode_pass.decode

    def change(video, indices):
        for done, frame in enumerate(decode(video, indices)):
            if done == 3 and not replaced:
                for target in (video, next(p for p in reversed(paths) if p != video)):
                    swap = target.with_suffix(".new")
                    shutil.copy(paths[1], swap)
                    os.replace(swap, target)
                    replaced.append(target)
            yield frame

    monkeypatch.setattr(decode_pass, "decode", change)
    failed = extract(changing, cache).failed
    assert sorted(str(result.failed[STAGE]) for result in failed) == [
        "the video file changed since the run began. Run the same command again",
        "the video file changed while it was read. Run the same command again",
    ]
    check_whole(cache)
    extract(changing, tmp_path / "quiet")
    check_equal(cache, changing, tmp_path / "quiet")


@pytest.mark.parametrize(("target", "kinds"), [("/proc/self/mem", ["disk"]), ("whole.mp4", ["changed"]), (None, [])])
def test_only_a_fault_of_the_content_is_kept(target, kinds, tmp_path, monkeypatch):
    """The disk does not read (the first byte of that file gives EIO), a copy is in progress, or a stamp alone changes.

    FFmpeg calls the video damaged in the first two cases.
    """
    film, cache, decode = moving_films(tmp_path / "in", ["a"]) / "a.mp4", tmp_path / "cache", decode_pass.decode
    os.link(film, tmp_path / "whole.mp4")

    def disturb(video, indices):
        if target is None:
            film.touch()
            return decode(video, indices)
        film.unlink()
        film.symlink_to(tmp_path / target)
        raise VideoError("damaged video stream (Input/output error)")

    monkeypatch.setattr(decode_pass, "decode", disturb)
    assert [why.kind for result in extract(film.parent, cache).failed for why in result.failed.values()] == kinds
    assert not list(cache.rglob("*.failed.json"))
    monkeypatch.undo()
    (tmp_path / "whole.mp4").replace(film)
    assert not extract(film.parent, cache).failed


def test_a_large_file_is_opened_before_it_is_read_and_a_note_tells_that_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(output_cache, "LARGE_BYTES", 1000)
    film = moving_films(tmp_path / "in", ["film"]) / "film.mp4"
    with (tmp_path / "in/sparse.mp4").open("wb") as sparse:
        sparse.truncate(1 << 40)
    observer, given = Watching(), {"stages": (STAGE,), "cache": tmp_path / "cache", "workers": 0}
    (failed,) = api.extract(tmp_path / "in", observer=observer, **given).failed
    assert failed.failed[STAGE].cause == "not a readable video (Invalid data found when processing input)"
    assert [line for line in observer.lines if "GiB" in line] == [f"reading {film}, 0 GiB, once for its fingerprint"]


@pytest.mark.slow
def test_a_lack_of_memory_is_no_fault_of_a_video(videos, quiet, tmp_path):
    limit = (ADDRESS_SPACE, ADDRESS_SPACE)
    subprocess.run(
        command(videos, tmp_path / "cache"), capture_output=True, check=False, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )  # fmt: skip
    check_whole(tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.failed.json"))
    check_equal(tmp_path / "cache", videos, quiet)  # without being asked to retry
