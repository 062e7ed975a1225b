"""The command `label`: the report, the table that it writes, and wrong use."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.errors import PROGRAM, UsageError, typed
from data.video import Phase
from pipeline import api
from pipeline.cli import app
from tests.helpers.rated import mark_phases, rate_scores

TRAIN = ("train", "--config", "folder", "--set")


@pytest.fixture
def folder(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Three videos with scores of two raters."""
    for number in range(3):
        make_video(tmp_path / f"{number}.mp4", frames=3 + number)
    for name, shift in (("anna", 0.0), ("ben", 1.0)):
        rate_scores(tmp_path, name, {f"{n}.mp4": {"score": n * 2 + shift} for n in range(3)})
    return tmp_path


def test_the_report_is_printed_and_the_labels_are_written(folder: Path) -> None:
    done = CliRunner().invoke(app, ["label", str(folder), "--summary", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["answers"] == {"anna": 3, "ben": 3}
    assert (folder / "labels.csv").read_text().splitlines()[1] == "0.mp4,0.5,0.707107,2,0 1"
    shown = CliRunner().invoke(app, ["label", str(folder), "--summary"])
    assert "videos on which the raters differ most" in shown.stdout
    said = shown.stderr.splitlines()
    assert said[1].startswith("The raters agree "), "the verdict comes first"
    assert said[-1] == f"train on these labels: {typed(*TRAIN, f'dataset.root={folder}')} --out runs/mine"


def test_videos_without_a_label_are_not_offered_for_training(folder: Path) -> None:
    for path in (folder / "ratings").iterdir():
        head, *lines = path.read_text().splitlines()
        path.write_text("\n".join([head, *(line.replace("scored", "no performance") for line in lines)]))
    assert "train on these labels" not in CliRunner().invoke(app, ["label", str(folder), "--summary"]).stderr


def test_the_line_to_type_next_is_quoted_for_the_shell(folder: Path) -> None:
    other = folder.parent / "my; rm -rf $HOME"
    folder.rename(other)
    shown = CliRunner().invoke(app, ["label", str(other), "--summary"])
    line = shown.stderr.splitlines()[-1].removeprefix("train on these labels: ")
    assert f"dataset.root={other}" in shlex.split(line)


def test_a_published_list_is_read_by_the_command(folder: Path) -> None:
    (folder.parent / "list.txt").write_text("0 1\n1 2\n0 2\n")
    done = CliRunner().invoke(app, ["label", str(folder), "--import", str(folder.parent / "list.txt"), "--json"])
    assert done.exit_code == 0, done.output
    assert [row["video"] for row in sorted(json.loads(done.stdout)["rows"], key=lambda r: -r["score"])] == [
        "0.mp4", "1.mp4", "2.mp4",
    ]  # fmt: skip


def test_two_raters_of_phases_are_compared_and_a_table_is_named_to_train_on(folder: Path) -> None:
    for name, begin, videos in (("anna", 0.0, (0, 1)), ("ben", 0.08, (0,))):
        for video in videos:
            mark_phases(folder, name, f"{video}.mp4", [Phase("run", begin, 0.12)])
    words = ["label", str(folder), "--phases", "run, entry", "--summary"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["answers"] == {"anna": 2, "ben": 1}
    assert report["disputed"] == [["0.mp4, frame of run", 2, 0, 2]]
    said = CliRunner().invoke(app, words).stderr.splitlines()
    assert said[0] == "two raters put a begin 2 frames apart (median of 1 begin), at most 2"
    train = shlex.split(said[-1].removeprefix("train on these phases: "))
    assert train[:4] == [PROGRAM, "train", "--config", "folder"]
    assert f"dataset.phases={folder / 'phases/anna.csv'}" in train
    assert (folder / "phases/anna.csv").read_text().splitlines() == [
        "video,phase,start_s,end_s", "0.mp4,run,0.0000,0.1200", "1.mp4,run,0.0000,0.1200",
    ]  # fmt: skip
    assert "timesteps.bounds=[run, entry]" in train
    assert not (folder / "labels.csv").exists()


def test_the_report_loads_no_network_library(folder: Path) -> None:
    program = (
        f"import sys; from pipeline import api; api.label({str(folder)!r}, summary=True); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_page_that_ends_writes_the_labels_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr("pipeline.serve.run_app", lambda app, port, observer: served.append((app, port)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "user"))
    (folder / "rubric.md").write_text("# Entry")
    result = api.label(folder, rubric=folder / "rubric.md", port=0)
    assert served[0][1] == 0
    assert result.rows
    assert (folder / "labels.csv").is_file()
    api.label(folder, port=0)
    (first, _), (again, _) = served
    assert again.state.token == first.state.token, "the link is the same after a restart"


@pytest.mark.parametrize("kind", ["link", "file", "unwritable"])
def test_ratings_that_cannot_be_written_are_an_error_before_the_page_opens(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratings = folder / "ratings"
    shutil.rmtree(ratings)
    if kind == "link":
        ratings.symlink_to(folder.parent)
    elif kind == "file":
        ratings.write_text("")
    else:

        def refused(**_: Path) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", refused)
        monkeypatch.setattr("pipeline.api.pages.check_file", lambda _: None)  # `out` is elsewhere and can be written
    monkeypatch.setattr("pipeline.serve.run_app", lambda *_: pytest.fail("the page opened"))
    with pytest.raises(UsageError, match="ratings: "):
        api.label(folder, out=folder.parent / "elsewhere.csv")


def test_wrong_use(folder: Path) -> None:
    for arguments, said in (
        ({"rubric": folder / "none.md"}, "rubric cannot be read"),
        ({"out": folder}, "it is no file"),
        ({"phases": "run", "pairs": True}, "in one video at a time"),
        ({"phases": ["run", "run"]}, "once each"),
    ):
        with pytest.raises(UsageError, match=said):
            api.label(folder, **arguments)  # type: ignore[arg-type]
