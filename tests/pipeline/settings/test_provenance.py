"""Files for sharing name no folder of this machine."""

import json
from pathlib import Path

import pytest

from pipeline.cache.failure import Failure
from pipeline.checks.flag import Flag
from pipeline.score.score_tables import csv_text, scores_as_json
from pipeline.score.video_score import Score
from pipeline.settings.provenance import command_line, without_folders, without_folders_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/anna/dives/a.mp4: no frame", "a.mp4: no frame"),
        ('File "/opt/env/lib/python3.11/av/x.py", line 3', 'File "x.py", line 3'),
        ("run_pipeline.py report /data/run --out=/tmp/x/page.html", "run_pipeline.py report run --out=page.html"),
        (r"C:\Users\Anna B\dives\a.mp4 is damaged", "a.mp4 is damaged"),
        ("C:/Users/anna/a.mp4", "a.mp4"),
        ("file:///home/anna/a.mp4", "a.mp4"),
        ("processing input: 'file:/home/anna/a.mp4'", "processing input: 'a.mp4'"),
        ("what:/home/anna/a.mp4", "what:a.mp4"),
        ("dives/final/a.mp4 and ../b.mp4", "dives/final/a.mp4 and ../b.mp4"),
        ("https://example.org/a/b and s3://bucket/a/b", "https://example.org/a/b and s3://bucket/a/b"),
        ("picture widths / heights, 3 m/s, and/or", "picture widths / heights, 3 m/s, and/or"),
    ],
)
def test_absolute_paths_are_cut_to_their_name(text, expected):
    assert without_folders(text) == expected


def test_home_and_working_directory_go_whatever_their_names(monkeypatch, tmp_path):
    home, work = tmp_path / "Anna Berg", tmp_path / "my work"
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    assert without_folders(f"{home}/dives/a.mp4, {work}/cache, {home}") == "dives/a.mp4, cache, ~"
    config = {"cache": f"{home}/cache", "stages": [f"{work}/x", 3, None]}
    assert without_folders_in(config) == {"cache": "cache", "stages": ["x", 3, None]}


def test_csv_and_json_never_name_them():
    place = "/data/anna/a.mp4"
    row = Score(
        "a.mp4",
        path=Path(place),
        failure=Failure("video", "", f"{place}: no frame"),
        flags=(Flag("bad", "x", f"{place}: 1, not 2"),),
    )
    for made in (csv_text([row]), json.dumps(scores_as_json([row]))):
        assert "anna" not in made
        assert "a.mp4: no frame" in made
    assert scores_as_json([row])[0]["path"] == "a.mp4"


def test_the_command_can_be_typed_again(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "sys.argv", ["/opt/bin/aqa", "score", "videos/anna 1.mp4", "--set", "train.switch_epochs=[2, 3]"]
    )
    assert command_line() == "aqa score 'videos/anna 1.mp4' --set 'train.switch_epochs=[2, 3]'"
    monkeypatch.setattr("sys.argv", ["/opt/bin/aqa", "score", "/home/anna/-1.mp4", "-m", "runs/a"])
    assert command_line() == "aqa score ./-1.mp4 -m runs/a", "a name that lost its folder is not an option"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients/Meier/videos").mkdir(parents=True)
    monkeypatch.setattr("sys.argv", ["aqa", "evaluate", "patients/Meier/videos", "--out=patients/Meier/videos"])
    assert command_line() == "aqa evaluate videos --out=videos"
    monkeypatch.setattr("sys.argv", ["aqa", "report", "patients/Meier/run", "--out", "patients/Meier/new/page.html"])
    assert command_line() == "aqa report run --out page.html", "not even those of files that are yet to be made"
