"""Figures for papers: all that the data holds, whole files, the same bytes twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import UsageError
from pipeline.report import ReportData
from pipeline.report import page_data as d
from pipeline.report.plots import attention_by_task, file_name, plot_report
from pipeline.results import Score, StepScore
from tests.helpers import report_samples
from tests.pipeline.report.test_page_writer import HOSTILE, hostile_report

pytest.importorskip("matplotlib")


def test_every_figure_of_a_report(tmp_path: Path) -> None:
    data = report_samples.report(tmp_path, 1)
    written = plot_report(data, tmp_path / "figures")
    names = {path.name for path in written}
    assert names == {
        f"{name}.{kind}"
        for kind in ("pdf", "png")
        for name in (
            "steps-final_dive_01.mp4",
            "attention",
            "predictions",
            "bars-1",
            "curves-1",
        )
    }
    for path in written:
        start = path.read_bytes()[:8]
        assert start.startswith(b"%PDF" if path.suffix == ".pdf" else b"\x89PNG")


def test_equal_data_gives_equal_files(tmp_path: Path) -> None:
    data = ReportData("t", evaluation=report_samples.evaluation(np.random.default_rng(0)))
    first, second = (plot_report(data, tmp_path / name) for name in ("a", "b"))
    assert [a.read_bytes() for a in first] == [b.read_bytes() for b in second]


def test_fonts_are_embedded_as_outlines_that_can_be_edited(tmp_path: Path) -> None:
    bars = d.EvaluationReport(bars=(d.BarChart("Ablations", (d.Bar("full", 0.8, (0.7, 0.9), "ours"),)),))
    (path,) = plot_report(ReportData("t", evaluation=bars), tmp_path, ["pdf"])
    assert b"/FontFile2" in path.read_bytes()
    assert b"/Type3" not in path.read_bytes()


@pytest.mark.parametrize("name", [*HOSTILE[:4], "$\\frac{broken", "x" * 500, "/"])
def test_hostile_names_give_harmless_files(tmp_path: Path, name: str) -> None:
    written = plot_report(hostile_report(name), tmp_path / "out", ["png"])
    assert len(written) >= 4
    assert {path.parent for path in written} == {tmp_path / "out"}
    assert not set(tmp_path.iterdir()) - {tmp_path / "out"}


def test_file_names() -> None:
    assert file_name("../../etc/passwd") == "etc_passwd"
    assert file_name("a b/c.mp4") == "a_b_c.mp4"
    assert file_name("…") == "video"


def test_two_ids_with_one_file_name_give_two_files(tmp_path: Path) -> None:
    result = Score("a", steps=(StepScore(0, 1, 1.0), StepScore(1, 2, 2.0)))
    data = ReportData("t", videos=(d.VideoReport("a b", result), d.VideoReport("a_b", result)))
    assert [p.name for p in plot_report(data, tmp_path, ["png"])] == ["steps-a_b.png", "steps-a_b-2.png"]


def test_attention_takes_three_of_each_task() -> None:
    step = StepScore(0, 1, 1.0, scene=0.4, interaction=0.6)
    video = d.VideoReport("v", Score("v", steps=(step, step)), task="a")
    groups = attention_by_task([video] * 5 + [replace(video, task="b"), d.VideoReport("w", Score("w"), task="c")])
    assert {name: len(rows) for name, rows in groups.items()} == {"a": 3, "b": 1}
    assert np.allclose(groups["a"][0], 0.6)


def test_wrong_formats_and_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such figure format: exe"):
        plot_report(ReportData("t"), tmp_path, ["exe"])
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        plot_report(hostile_report("x"), tmp_path / "file" / "sub", ["png"])
