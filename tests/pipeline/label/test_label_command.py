"""The command `label`: the report, the table that it writes, and wrong use."""

import json
import re
import shlex
import shutil

import pytest
from typer.testing import CliRunner

from data.errors import PROGRAM, AimError, UsageError
from data.video import Phase
from pipeline import api
from pipeline.cli import app
from tests.helpers.rated import mark_phases, rate_scores


@pytest.fixture
def folder(make_video, tmp_path, monkeypatch):
    """Five videos with scores of two raters, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for number in range(5):
        make_video(tmp_path / f"{number}.mp4", frames=3 + number)
    for name, shift in (("anna", 0.0), ("ben", 1.0)):
        rate_scores(tmp_path, name, {f"{n}.mp4": {"score": n * 2 + shift} for n in range(5)})
    return tmp_path


def label(folder, *words):
    """The command; it must return 0."""
    done = CliRunner().invoke(app, ["label", str(folder), *words])
    assert done.exit_code == 0, done.output
    return done


def test_the_report_is_printed_and_the_labels_are_written(folder):
    """The line to type next is quoted for the shell, and missing where no video has a label."""
    folder = folder.rename(folder.parent / "my; rm -rf $HOME")
    report = json.loads(label(folder, "--summary", "--json").stdout)
    assert report["answers"] == {"anna": 5, "ben": 5}
    assert (folder / "labels.csv").read_text().splitlines()[1] == "0.mp4,0.5,0.707107,2,0 1"
    shown = label(folder, "--summary")
    assert "videos on which the raters differ most" in shown.stdout
    said = shown.stderr.splitlines()
    assert said[1].startswith("The raters agree "), "the verdict comes first"
    extract = shlex.split(said[-1].removeprefix("extract features, to train on these labels: "))
    assert extract == [PROGRAM, "extract", str(folder), "--config", "folder"]
    rate_scores(folder, "ben", {f"{n}.mp4": {"score": -n} for n in range(5)})
    said = label(folder, "--summary").stderr
    assert re.search(r"^decide what counts, .*\nor keep .*--summary\nextract .* as they are: ", said, re.M), (
        "they disagree"
    )
    rate_scores(folder, "ben", {f"{n}.mp4": {"score": (0, 7, 3, 4, 8)[n]} for n in range(5)})
    said = label(folder, "--summary").stderr
    assert re.search(r"(?s)^The raters seem to agree, but 5 .*alpha 0\.67$.*^add videos to .*as they are: ", said, re.M)
    for path in (folder / "ratings").iterdir():
        head, *lines = path.read_text().splitlines()
        path.write_text("\n".join([head, *(line.replace("scored", "no performance") for line in lines)]))
    assert "train on these labels" not in label(folder, "--summary").stderr


def test_a_table_of_phases_is_named_to_train_on(folder):
    (folder / "cache/folder/timesteps").mkdir(parents=True)
    for name, begin, videos in (("anna", 0.0, (0, 1)), ("ben", 0.08, (0,))):
        for video in videos:
            mark_phases(folder, name, f"{video}.mp4", [Phase("run", begin, 0.12)])
    no_scores = label(folder, "--phases", "run, entry", "--summary").stderr.splitlines()
    assert no_scores[-1] == f"give the videos scores too: {PROGRAM} label {folder}"
    (folder / "scores.csv").write_text("video,score\n")
    said = label(folder, "--phases", "run, entry", "--summary").stderr.splitlines()
    assert said[0] == "two raters put a begin 2 frames apart (median of 1 begin), at most 2"
    train = shlex.split(said[-1].removeprefix("train on these phases: "))
    assert train[:4] == [PROGRAM, "train", str(folder), "--config"]
    assert {f"dataset.phases={folder / 'phases/anna.csv'}", "timesteps.bounds=[run, entry]"} < set(train)
    lines = (folder / "phases/anna.csv").read_text().splitlines()
    assert lines == ["video,phase,start_s,end_s", "0.mp4,run,0.0000,0.1200", "1.mp4,run,0.0000,0.1200"]
    assert not (folder / "labels.csv").exists()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_ratings_that_cannot_be_written_are_an_error_before_the_page_opens(folder, kind, monkeypatch):
    ratings = folder / "ratings"
    shutil.rmtree(ratings)
    if kind == "link":
        ratings.symlink_to(folder.parent)
    else:
        ratings.write_text("")
    monkeypatch.setattr("pipeline.serve.run_app", lambda *_: pytest.fail("the page opened"))
    with pytest.raises(UsageError, match="ratings: "):
        api.label(folder, out=folder.parent / "elsewhere.csv")


def test_wrong_use(folder):
    for arguments, said in (
        ({"rubric": folder / "none.md"}, "none.md: cannot be read"),
        ({"out": folder}, "it is not a file"),
        ({"score_range": "10,0"}, "the least, then the greatest"),
        ({"phases": "run", "pairs": True}, "in one video at a time"),
        ({"phases": ["run", "run"]}, "once each"),
        ({"columns": "scroe"}, "no score is called"),
        ({"host": "127.0.0.2"}, "in a network raters need links of their own.*--raters"),
        ({"raters": "anna,../ben", "port": 0}, "cannot be the name of a rater"),
    ):
        with pytest.raises(AimError, match=said):
            api.label(folder, **arguments)  # type: ignore[arg-type]
