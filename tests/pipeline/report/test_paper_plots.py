"""Figures for papers: one for everything that the data holds, in complete files, equal for equal data."""

from dataclasses import replace

import pytest

from data.errors import UsageError
from models.estimate import Estimate
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import ReportData, paper_plots
from pipeline.report import page_data as d
from pipeline.score.video_score import Score, StepScore
from tests.helpers import report_samples
from tests.helpers.approved import steady
from tests.helpers.hostile_pages import HOSTILE, hostile_report

mpl = pytest.importorskip("matplotlib")

from matplotlib.text import Text  # noqa: E402

PHASES = ("run",) * 4 + ("flight",) * 5 + ("entry",)


def drawn(figure):
    """The visible texts of a figure, without labels of ticks outside the axes."""
    texts = [text for axes in figure.axes for text in (axes.title, *axes.texts)]
    for axis in [axis for axes in figure.axes if axes.axison for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        ticks = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        texts += [axis.label, *ticks]
    return [text for text in texts if text.get_text() and text.get_visible()]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A report with four videos of two tasks, and an evaluation."""
    return report_samples.report(tmp_path_factory.mktemp("sample"), 4)


@pytest.fixture(autouse=True)
def style():
    """Draws figures in the style of `plot_report`."""
    with mpl.rc_context(paper_plots.STYLE):  # type: ignore[arg-type, unused-ignore]
        yield


def test_every_figure_is_one_column_wide_and_its_text_is_readable(sample):
    for name, figure in paper_plots.drawn_figures(sample):
        figure.draw_without_rendering()
        assert figure.get_figwidth() == 3.3, name
        width, height = figure.get_size_inches() * figure.dpi
        for text in drawn(figure):
            assert 7 <= text.get_fontsize() <= 8, (name, text.get_text())
            box = text.get_window_extent()
            assert -1 < box.x0 < box.x1 < width + 1, (name, text.get_text())
            assert -1 < box.y0 < box.y1 < height + 1, (name, text.get_text())


def test_every_figure_of_a_report_has_equal_files_for_equal_data(sample, tmp_path):
    table = Table("R", ("dive", "average"), (TableRow("AIM", (0.7, 0.8)),), better=("neither", "high"))
    data = replace(sample, videos=sample.videos[:1], evaluation=replace(sample.evaluation, paper_table=table))
    first, second = (paper_plots.plot_report(data, tmp_path / name, paper_plots.FORMATS) for name in ("a", "b"))
    names = ("steps-final_dive_01.mp4", "attention", "predictions", "leads")
    files = {f"{name}.{kind}" for kind in ("pdf", "svg", "png") for name in names}
    assert {path.name for path in first} == files | {"results.tex"}
    starts = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml", ".tex": b"\\begin{table}"}
    for a, b in zip(first, second, strict=True):
        content = a.read_bytes()
        assert content.startswith(starts[a.suffix])
        assert content == b.read_bytes(), a.name
        assert b"date" not in content.lower() or a.suffix == ".png", a.name
        assert b"/Type3" not in content, "text stays text"
        assert a.suffix != ".svg" or b"<text" in content
        assert a.suffix != ".tex" or rb"AIM & 0.700 & \textbf{0.800}" in content


@pytest.mark.parametrize("tasks", ["a", "ab", "abcdef"])
def test_the_legend_of_predictions_covers_no_point(tasks):
    points = [d.ScatterPoint(str(i), i, Estimate(30 - i, 0, 30), tasks[i % len(tasks)]) for i in range(30)]
    figure = paper_plots.prediction_figure(points, Estimate(0.5, 0.4, 0.6))
    figure.draw_without_rendering()
    (legend,) = figure.findobj(mpl.legend.Legend)
    assert not legend.get_window_extent().overlaps(figure.axes[0].get_window_extent())


def test_colours_of_attention_hold_the_usual_range_in_training():
    steps = tuple(StepScore(i, i + 1, 1.0, 0.475, weight) for i, weight in enumerate((0.524, 0.525)))
    video = d.VideoSection("v", Score("v", steps=steps))
    assert paper_plots.attention_range([video]) == (51.5, 53.5), "noise is not drawn as large as a difference"
    training = d.TrainingSteps(((1.0, 0.1),) * 2, (0.0,), ((0.412, 0.53), (0.5, 0.606)))
    assert paper_plots.attention_range([replace(video, training=training)]) == (41, 61)


@pytest.mark.parametrize("name", [*HOSTILE[:4], "$\\frac{broken", "x" * 500, "/"])
def test_hostile_names_give_harmless_files(tmp_path, name):
    written = paper_plots.plot_report(hostile_report(name), tmp_path / "out", ["png"])
    assert len(written) >= 3
    assert {path.parent for path in written} == {tmp_path / "out"}
    assert not set(tmp_path.iterdir()) - {tmp_path / "out"}


def test_two_ids_with_one_file_name_give_two_files(tmp_path):
    result = Score("a", steps=(StepScore(0, 1, 1.0), StepScore(1, 2, 2.0)), duration=2.0)
    data = ReportData("t", videos=(d.VideoSection("a b", result), d.VideoSection("a_b", result)))
    assert [p.name for p in paper_plots.plot_report(data, tmp_path, ["png"])] == ["steps-a_b.png", "steps-a_b-2.png"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        paper_plots.plot_report(hostile_report("x"), tmp_path / "file" / "sub", ["png"])


def test_the_words_of_every_figure(sample, snapshot):
    """Titles, labels of axes and legends, and numbers beside marks."""
    videos = [replace(report_samples.in_phases(video, PHASES), task="") for video in sample.videos[:2]]
    tiny = (StepScore(0, 1, 1.001), StepScore(1, 2, 0.999), StepScore(2, 3, 1.0))
    points = (d.ScatterPoint("a", 1.0, Estimate(2.0, 0.5, 3.0)), d.ScatterPoint("b", 2.0, Estimate(1.0)))
    long = [d.VideoSection(name, videos[0].result) for name in ("season/final/dive_020.mp4", f"a/{'x' * 30}1.mp4")]
    figures = {
        **dict(paper_plots.drawn_figures(sample)),
        "phases": paper_plots.step_figure(videos[0]),
        "phases of attention": paper_plots.attention_figure({"": videos}),
        "no step is minus zero": paper_plots.step_figure(d.VideoSection("a", Score("a", steps=tiny, duration=3.0))),
        "negative rho": paper_plots.prediction_figure(points, Estimate(-0.5, -0.8, 0.1)),
        "long names": paper_plots.attention_figure({"": long}),
    }
    words = {}
    for name, figure in figures.items():
        figure.draw_without_rendering()
        words[name] = [steady(" ".join(text.get_text().split())) for text in figure.findobj(Text) if text.get_visible()]
    assert {name: [text for text in texts if text] for name, texts in words.items()} == snapshot
