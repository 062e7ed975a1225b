"""The videos that a page or the figures of a run show."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import UsageError
from pipeline.config import load_config
from pipeline.evaluate import Results, write_results
from pipeline.report.evaluation_section import evaluation_report
from pipeline.report.page_data import ReportData
from pipeline.report.run_report import _records, run_report_data
from pipeline.score.run_config import save_config
from pipeline.session import Session
from tests.pipeline.report.test_evaluation_section import evaluated  # noqa: F401 -- a fixture


def page_of(run: Path) -> ReportData:
    """The page of a run's folder."""
    return run_report_data(run, (), run / "report.html", 4, Session())


def test_the_data_set_of_a_page_is_named_by_the_user(tmp_path: Path) -> None:
    dives, run = tmp_path / "dives", tmp_path / "run"
    dives.mkdir()
    (dives / "a.mp4").touch()
    (dives / "scores.csv").write_text("video,score\na.mp4,1\n")
    config = load_config(None, {"dataset.root": dives})
    save_config(config, run)
    with pytest.raises(UsageError, match="no videos to show") as raised:
        _records(run, (), Session())
    assert "Name videos after the run" in str(raised.value)
    assert "--config PRESET --set dataset.root=FOLDER" in str(raised.value)
    assert [record.id for record in _records(run, (), Session(config))] == ["a.mp4"]


def test_a_folder_of_results_alone_is_a_page_of_its_evaluation(evaluated: Results, tmp_path: Path) -> None:  # noqa: F811
    write_results(evaluated, tmp_path / "results.json")
    page = page_of(tmp_path)
    assert page.title == f"Evaluation: {tmp_path.name}"
    assert page.batch is None
    assert page.evaluation is not None
    assert page.evaluation.summary == evaluation_report(evaluated).summary
    with pytest.raises(UsageError, match="no results and no model in this folder"):
        page_of(tmp_path / "empty")
