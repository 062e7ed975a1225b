"""Figures for papers: one for everything that the data holds, in complete files, equal for equal data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import UsageError
from pipeline.report import ReportData, chart_json, paper_plots
from pipeline.report import page_data as d
from pipeline.report.template_values import drawn_steps
from pipeline.score.score import Score, StepScore
from tests.helpers import report_samples
from tests.helpers.hostile_pages import HOSTILE, hostile_report

mpl = pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.text import Text  # noqa: E402


def drawn(figure: Any) -> list[Text]:
    """The visible texts of a figure, without labels of ticks outside the axes."""
    texts = [text for axes in figure.axes for text in (axes.title, *axes.texts)]
    for axis in [axis for axes in figure.axes if axes.axison for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        ticks = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        texts += [axis.label, *ticks]
    return [text for text in texts if text.get_text() and text.get_visible()]


def test_steps_have_the_names_of_their_phases(sample: ReportData, tmp_path: Path) -> None:
    names = ("run",) * 4 + ("flight",) * 5 + ("entry",)
    videos = []
    for video in sample.videos[:2]:
        videos.append(replace(report_samples.in_phases(video, names), task=""))
    for figure in (paper_plots.step_figure(videos[0]), paper_plots.attention_figure({"": videos})):
        figure.draw_without_rendering()
        above = figure.axes[-1 if len(figure.axes) > 2 else 0].child_axes[0]
        assert [tick.get_text() for tick in above.get_xticklabels()] == ["run", "flight", "entry"]
        figure.savefig(tmp_path / f"{len(figure.axes)}.png")
    assert above.get_xticks().tolist() == [1.5, 6.0, 9.0]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """A report with four videos of two tasks, and an evaluation."""
    return report_samples.report(tmp_path_factory.mktemp("sample"), 4)


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    """Draws figures in the style of `plot_report`."""
    with mpl.rc_context(paper_plots.STYLE):  # type: ignore[arg-type, unused-ignore]
        yield


def test_every_figure_is_one_column_wide_and_its_text_is_readable(sample: ReportData) -> None:
    for name, figure in paper_plots.drawn_figures(sample):
        figure.draw_without_rendering()
        assert figure.get_figwidth() == 3.3, name
        width, height = figure.get_size_inches() * figure.dpi
        for text in figure.findobj(Text):
            if text.get_text() and text.get_visible():
                assert 7 <= text.get_fontsize() <= 8, (name, text.get_text())
        for text in drawn(figure):
            box = text.get_window_extent()
            assert box.x0 > -1, (name, text.get_text())
            assert box.y0 > -1, (name, text.get_text())
            assert box.x1 < width + 1, (name, text.get_text())
            assert box.y1 < height + 1, (name, text.get_text())


def test_every_figure_of_a_report_has_equal_files_for_equal_data(sample: ReportData, tmp_path: Path) -> None:
    data = replace(sample, videos=sample.videos[:1])
    first, second = (paper_plots.plot_report(data, tmp_path / name, paper_plots.FORMATS) for name in ("a", "b"))
    names = ("steps-final_dive_01.mp4", "attention", "predictions", "leads", "curve")
    assert {path.name for path in first} == {f"{name}.{kind}" for kind in paper_plots.FORMATS for name in names}
    starts = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml"}
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes().startswith(starts[a.suffix])
        assert a.read_bytes() == b.read_bytes(), a.name
        assert b"date" not in a.read_bytes().lower() or a.suffix == ".png", a.name


def test_text_stays_text_in_both_formats(tmp_path: Path) -> None:
    chart = d.BarChart("Leads", (d.Bar("full", 0.8, (0.7, 0.9)),), "rho", "worse", "better", "note")
    pdf, svg, _ = paper_plots.plot_report(ReportData("t", evaluation=d.EvaluationSection(bars=chart)), tmp_path)
    assert b"/FontFile2" in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()
    assert re.search(r"<text[^>]*>Leads</text>", svg.read_text())


def test_a_bar_of_a_step_says_its_own_height(sample: ReportData) -> None:
    figure = paper_plots.step_figure(replace(sample.videos[0], key_frames=()))
    (axes,) = figure.axes
    heights = [bar.get_height() for bar in axes.patches]
    assert [text.get_text() for text in axes.texts] == [f"{h:+.2f}".replace("-", "\N{MINUS SIGN}") for h in heights]
    assert heights == pytest.approx([float(step.gap) for step in drawn_steps(sample.videos[0])], abs=0.006)
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [
        paper_plots.BLUE if h >= 0 else paper_plots.ORANGE for h in heights
    ]
    assert axes.get_ylabel() == "points from the mean\nof the training videos"


def test_frames_of_a_step_figure_show_their_time(sample: ReportData) -> None:
    titles = [axes.get_title() for axes in paper_plots.step_figure(sample.videos[0]).axes[:-1]]
    assert titles == [f"{frame.time:.2f} s" for frame in sample.videos[0].key_frames]


def test_no_step_is_minus_zero() -> None:
    result = Score("a", steps=(StepScore(0, 1, 1.001), StepScore(1, 2, 0.999), StepScore(2, 3, 1.0)), duration=3.0)
    (axes,) = paper_plots.step_figure(d.VideoSection("a", result)).axes
    assert [text.get_text() for text in axes.texts] == ["+0.00"] * 3


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("videos/dive_020.mp4", "videos/dive_020.mp4"),
        ("season/final/dive_020.mp4", "dive_020.mp4"),
        ("a/" + "x" * 30 + "1.mp4", "…" + "x" * 14 + "1.mp4"),
    ],
)
def test_names_of_videos_lose_their_folders_first(name: str, shown: str) -> None:
    step = StepScore(0, 1, 1.0, scene=0.4, interaction=0.6)
    axes = paper_plots.attention_figure({"": [d.VideoSection(name, Score("v", steps=(step,)))]}).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [shown]


def test_attention_has_names_and_its_own_range(sample: ReportData) -> None:
    figure = paper_plots.attention_figure(paper_plots.attention_by_task(sample.videos))
    first, second, bar = figure.axes
    assert (first.get_title(), second.get_title()) == ("10 m", "3 m")
    assert [text.get_text() for text in first.get_yticklabels()] == ["final/dive_01.mp4", "final/dive_03.mp4"]
    weights = [100 * step.interaction for video in sample.videos for step in video.result.steps if step.interaction]
    low, high = first.images[0].get_clim()
    assert (low, high) == second.images[0].get_clim() == (np.floor(min(weights)), np.ceil(max(weights)))
    assert bar.get_xlabel() == "attention to the interaction (%)"


def test_colours_of_attention_hold_the_usual_range_in_training() -> None:
    steps = tuple(StepScore(i, i + 1, 1.0, 0.475, weight) for i, weight in enumerate((0.524, 0.525)))
    video = d.VideoSection("v", Score("v", steps=steps))
    assert paper_plots.attention_range([video]) == (51.5, 53.5), "noise is not drawn as large as a difference"
    training = d.TrainingSteps(((1.0, 0.1),) * 2, (0.0,), ((0.412, 0.53), (0.5, 0.606)))
    assert paper_plots.attention_range([replace(video, training=training)]) == (41, 61)


def test_predictions_have_one_scale_and_lose_none() -> None:
    far = (d.ScatterPoint("a", 10.0, 12.0, (9.0, 31.0)), d.ScatterPoint("b", 20.0, -4.0))
    figure = paper_plots.prediction_figure(far)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_xlim() == axes.get_ylim()
    low, high = axes.get_xlim()
    assert low < -4
    assert high > 31
    assert axes.get_aspect() == 1
    assert list(axes.get_xticks()) == list(axes.get_yticks())
    box = axes.get_window_extent()
    assert box.width == pytest.approx(box.height, rel=1e-6)
    line = axes.lines[-1]
    assert list(line.get_xdata()) == list(line.get_ydata()) == [low, high]


def test_the_page_and_the_figures_have_the_same_titles(sample: ReportData) -> None:
    assert sample.evaluation is not None
    sent = chart_json.evaluation_payload(sample.evaluation)
    (scatter,) = paper_plots.prediction_figure(sample.evaluation.predictions).axes
    assert (scatter.get_xlabel(), scatter.get_ylabel()) == (sent["axes"]["true"], sent["axes"]["predicted"])
    assert scatter.get_xlim() == sent["range"]
    assert sample.evaluation.bars is not None
    (bars,) = paper_plots.bar_figure(sample.evaluation.bars).axes
    assert bars.get_xlabel() == sent["bars"]["unit"]
    said = " ".join(text.get_text().replace("\n", " ") for text in bars.texts)
    assert f"\N{LEFTWARDS ARROW} {sent['bars']['left']}" in said
    assert f"{sent['bars']['right']} \N{RIGHTWARDS ARROW}" in said
    assert sample.evaluation.curve is not None
    (curve,) = paper_plots.curve_figure(sample.evaluation.curve).axes
    assert (curve.get_xlabel(), curve.get_ylabel()) == (sent["axes"]["epoch"], sent["axes"]["loss"])


def test_a_logarithmic_axis_has_plain_numbers() -> None:
    figure = paper_plots.curve_figure(d.TrainingCurve(np.arange(1, 21), *3 * (np.geomspace(50, 9, 20),)))
    figure.draw_without_rendering()
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels(which="both") if text.get_text()]
    assert shown == ["10", "20", "50"]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "mean of the networks", "least to greatest",
    ]  # fmt: skip
    flat = d.TrainingCurve(np.arange(3), *3 * (np.array([2.1, 2.05, 2.0]),))
    assert paper_plots.loss_ticks(flat) == [2.0, 2.1], "two ticks, where the band holds no second round number"


def test_the_scatter_says_how_many_and_how_well() -> None:
    points = (d.ScatterPoint("a", 1.0, 2.0, (0.5, 3.0)), d.ScatterPoint("b", 2.0, 1.0))
    (axes,) = paper_plots.prediction_figure(points, d.Headline(-0.5, (-0.8, 0.1), "", "")).axes
    assert axes.get_title() == "n 2, rho \N{MINUS SIGN}0.50 (95 % \N{MINUS SIGN}0.80 to 0.10)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["80 % interval"]
    assert paper_plots.prediction_figure(points[1:]).axes[0].get_title() == "n 1"


@pytest.mark.parametrize("name", [*HOSTILE[:4], "$\\frac{broken", "x" * 500, "/"])
def test_hostile_names_give_harmless_files(tmp_path: Path, name: str) -> None:
    written = paper_plots.plot_report(hostile_report(name), tmp_path / "out", ["png"])
    assert len(written) >= 4
    assert {path.parent for path in written} == {tmp_path / "out"}
    assert not set(tmp_path.iterdir()) - {tmp_path / "out"}


def test_file_names() -> None:
    assert paper_plots.file_name("../../etc/passwd") == "etc_passwd"
    assert paper_plots.file_name("a b/c.mp4") == "a_b_c.mp4"
    assert paper_plots.file_name("…") == "video"


def test_two_ids_with_one_file_name_give_two_files(tmp_path: Path) -> None:
    result = Score("a", steps=(StepScore(0, 1, 1.0), StepScore(1, 2, 2.0)), duration=2.0)
    data = ReportData("t", videos=(d.VideoSection("a b", result), d.VideoSection("a_b", result)))
    assert [p.name for p in paper_plots.plot_report(data, tmp_path, ["png"])] == ["steps-a_b.png", "steps-a_b-2.png"]


def test_attention_is_of_videos_that_have_it() -> None:
    step = StepScore(0, 1, 1.0, scene=0.4, interaction=0.6)
    video = d.VideoSection("v", Score("v", steps=(step, step)), task="a")
    groups = paper_plots.attention_by_task(
        [video] * 5 + [replace(video, task="b"), d.VideoSection("w", Score("w"), task="c")]
    )
    assert {name: len(rows) for name, rows in groups.items()} == {"a": 5, "b": 1}


def test_wrong_formats_and_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such figure format: exe"):
        paper_plots.plot_report(ReportData("t"), tmp_path, ["exe"])
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        paper_plots.plot_report(hostile_report("x"), tmp_path / "file" / "sub", ["png"])
