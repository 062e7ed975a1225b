"""Every reader accepts only regular files up to a limit; no text from a file reaches the terminal unescaped."""

import io
import json
import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from data.datasets.tables import read_bytes, read_table
from data.errors import AimError, DataError, UsageError, VideoError, printable
from data.keypoints import read_keypoints
from data.splits import jigsaws_4fold
from data.store import hdf5, read_regular, sha256_file
from data.store.fingerprint import fingerprint_file
from data.video import Record, probe
from data.weights.weight_files import safetensors_metadata
from pipeline.cache.failure import Failure
from pipeline.cli import terminal
from pipeline.evaluate import read_results
from pipeline.pack.pack_file import read_pack
from pipeline.run import Result, Status, StatusRow
from pipeline.score.model_config import scoring_config
from pipeline.score.model_files import check_hashes, hash_table
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.config import load_config

RED = "\x1b[31mred\x9b1m\u202e"


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def unix_socket(path):
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket has at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(before)


def endless(path):
    """Make a file of a terabyte that takes no disk space."""
    with path.open("wb") as stream:
        stream.truncate(1 << 40)


def nested(path):
    path.write_text("[" * 100_000)


def in_folder(name, read):
    """A reader of the folder in which the file has the name `name`."""

    def read_it(path):
        (path.parent / name).symlink_to(path)
        return read(path.parent)

    return read_it


def check_weights(folder):
    """Check the weights of a model whose other files are sound."""
    (folder / "model.json").touch()
    hashes = {"model.json": sha256_file(folder / "model.json"), "model.safetensors": "0" * 64}
    (folder / "sha256.json").write_text(hash_table(hashes))
    check_hashes(folder)


def keypoints(suffix):
    return in_folder(f"a{suffix}", lambda folder: read_keypoints(folder / f"a{suffix}", "a", (64, 48), 3))


READERS = {
    "configuration": load_config,
    "labels": lambda path: read_table(path, read_bytes(path), ("video",), {}),
    "folds": lambda path: jigsaws_4fold([], folds_file=path),
    "keypoints, JSON": keypoints(".json"),
    "keypoints, CSV": keypoints(".csv"),
    "keypoints, H5": keypoints(".h5"),
    "video": probe,
    "pack": read_pack,
    "header": hdf5.read_header,
    "results": read_results,
    "model": in_folder("model.json", TrainedModel.load),
    "hashes": in_folder("sha256.json", check_hashes),
    "weights of a model": in_folder("model.safetensors", check_weights),
    "configuration of a run": in_folder("config.json", lambda folder: scoring_config(folder, load_config())),
    "weights": safetensors_metadata,
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("make", [pipe, device, unix_socket, endless, nested], ids=lambda make: str(make.__name__))
@pytest.mark.parametrize("reader", READERS)
def test_regular_files_up_to_a_limit(reader, make, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    make(tmp_path / "file")
    with suppress(AimError):
        READERS[reader](tmp_path / "file")
        assert READERS[reader].__name__ == "read_it", "a reader that must refuse the file"


def test_only_regular_files_are_hashed_and_none_that_grows_is_read(tmp_path, monkeypatch):
    for read in (fingerprint_file, sha256_file):
        with pytest.raises(OSError, match="not a regular file"):
            read(Path("/dev/zero"))
    path = tmp_path / "grown.yaml"
    path.write_text("name: x\n" * 10_000)
    small = os.stat_result([os.stat(path).st_mode, *os.stat(path)[1:6], 3, *os.stat(path)[7:]])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda handle: small)
        for limit, said in ((100, "it grew while it was read"), (2, "larger than 2 bytes")):
            with pytest.raises(OSError, match=said):
                read_regular(path, limit)


def test_every_error_is_printable():
    for kind in (UsageError, DataError, VideoError):
        error = kind(RED, where=RED, fix=RED)
        assert f"{error}{error.what}{error.fix}".isprintable()


@pytest.mark.parametrize("name", [RED, "m [bold] [/x] \\[y] :on:"])
def test_the_terminal_shows_printable_text_without_markup(monkeypatch, name):
    shown = io.StringIO()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(terminal.console(stream), "_file", shown)
        monkeypatch.setattr(terminal.console(stream), "_width", 200)
    failed = Result(Record(name, None), failed={name: Failure("video", name, name)})
    terminal.say(name)
    terminal.table(name, (name,), [(name,)])
    states = Status(name, (StatusRow(name, "pose", "failed", Failure("video", "pose", name), {name: name}),))
    terminal.table("", *states.table())
    terminal.Terminal().failures([failed])
    terminal.alarm(name)
    with terminal.ShownProgress(name) as progress:
        progress.finish(name, name)
    text = shown.getvalue()
    assert text.count(printable(name)) == 11
    assert "".join(text.split("\n")).isprintable()


def test_names_of_files_are_printed_without_escape_codes(program, make_video, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / f"in/{RED}.mp4").symlink_to("nowhere")
    (tmp_path / f"in/b{RED}.mp4").write_bytes(b"no video")
    (tmp_path / "in/scores.csv").write_text(f"video,score,{RED}\nb{RED}.mp4,{RED},1\n", "utf-8")
    good = make_video(tmp_path / "good.mp4", size=(128, 96), frames=3)
    for name in ("<script>alert(1)<_script>", "a'b\"c;$(touch x)", "line\nbreak", "[red]x", "not-utf8-\udcff"):
        shutil.copy(good, tmp_path / f"in/{name}.mp4")
    flow = ["in", "--stages", "camera_flow"]
    extract = ["extract", *flow, "--workers", "0"]
    for words in (extract, ["status", *flow], ["train", "--set", "dataset.root=in"]):
        done = program.run(words, tmp_path)
        assert done.returncode in (1, 2), done.printed
        assert "Traceback" not in done.printed
        assert "".join(done.printed.split("\n")).isprintable(), (words, done.printed)
    rows = json.loads(program.run([*extract, "--json"], tmp_path).stdout)
    assert (rows["videos"], rows["fresh"]) == (6, 5)
