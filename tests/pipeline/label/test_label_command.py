"""The command `label`: the report, the table that it writes, and wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.errors import UsageError
from pipeline import api
from pipeline.cli import app
from tests.helpers.rated import rate_scores


@pytest.fixture
def folder(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Three videos with scores of two raters."""
    for number in range(3):
        make_video(tmp_path / f"{number}.mp4", frames=3 + number)
    for name, shift in (("anna", 0.0), ("ben", 1.0)):
        rate_scores(tmp_path, name, {f"{n}.mp4": {"score": n * 2 + shift} for n in range(3)})
    return tmp_path


def test_the_report_is_printed_and_the_labels_are_written(folder: Path) -> None:
    done = CliRunner().invoke(app, ["label", str(folder), "--report", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)["report"]
    assert report["answers"] == {"anna": 3, "ben": 3}
    assert (folder / "labels.csv").read_text().splitlines()[1] == "0.mp4,0.5,0.707107,2,0 1"
    shown = CliRunner().invoke(app, ["label", str(folder), "--report"])
    assert "videos on which the raters differ most" in shown.stdout


def test_the_report_loads_no_network_library(folder: Path) -> None:
    program = (
        f"import sys; from pipeline import api; api.label({str(folder)!r}, report=True); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_page_that_ends_writes_the_labels_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr("pipeline.serve.run_app", lambda app, port, observer: served.append((app, port)))
    (folder / "rubric.md").write_text("# Entry")
    result = api.label(folder, rubric=folder / "rubric.md", port=0)
    assert served[0][1] == 0
    assert result.report is not None
    assert (folder / "labels.csv").is_file()


def test_the_configuration_says_which_scores_are_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("pipeline.label.label_app.create_label_app", lambda judged, _: asked.append(judged.columns))
    monkeypatch.setattr("pipeline.serve.run_app", lambda *_: None)
    both = ["model.multi_task=true"]
    for given in ({}, {"overrides": both}, {"overrides": both, "columns": "difficulty"}):
        api.label(folder, **given)  # type: ignore[arg-type]
    assert asked == [("score",), ("score", "execution", "synchronisation"), ("difficulty",)]


def test_wrong_use(folder: Path) -> None:
    for arguments, said in (
        ({"suggest": 2}, "needs a model"),
        ({"rubric": folder / "none.md"}, "rubric cannot be read"),
        ({"out": folder}, "it is no file"),
    ):
        with pytest.raises(UsageError, match=said):
            api.label(folder, **arguments)  # type: ignore[arg-type]
