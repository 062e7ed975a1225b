"""Plots figures for papers, as PDF and SVG: figures 6 and 7 of the paper, and the figures of an evaluation.

    for path in plot_report(data, Path("figures")): ...

Every figure is one column wide (3.3 in), with text of 7 and 8 points, so it needs no scaling in a paper. Colours are
safe for colour-blind readers: the palette of Okabe and Ito, and `cividis` for attention. Markers differ too, for grey
print. Text stays text in both formats. The same data gives the same bytes.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError, UsageError, decimals, interval_text, printable
from data.store import write_bytes
from models.estimate import Estimate
from pipeline.checks.accuracy import Interval
from pipeline.observer import SILENT, Observer
from pipeline.report.chart_json import (
    LEAD_AXIS,
    PREDICTED_AXIS,
    TRUE_AXIS,
    is_known,
    leads,
    prediction_range,
)
from pipeline.report.page_data import ReportData, ScatterPoint, VideoSection
from pipeline.report.page_downloads import table_latex
from pipeline.report.report_pages import RESULTS
from pipeline.report.template_values import drawn_steps, plotted_tasks
from pipeline.report.text import MINUS, to_digits
from pipeline.score import TrainedModel
from pipeline.score.model_files import DESCRIPTION
from pipeline.score.video_score import StepScore, phases_of_steps
from pipeline.settings.destinations import file_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.3
"""Inches of a column."""

SMALL = 7
"""Points of the smallest text; labels of axes have 8."""

LABEL_LENGTH = 48
"""Most characters of a task's name in a figure."""

NAME_LENGTH = 20
"""Most characters of a video's name beside the attention; longer names lose their folders, then their beginning."""

LEGEND_ROW = 0.15
"""Height of a legend's row in inches."""

LABELLED_STEPS = 16
"""Most bars with numbers in a figure; more would overlap."""

LEAST_ATTENTION = 2.0
"""Smallest colour range of attention in per cent, so that noise does not look like a difference."""

FORMATS = ("pdf", "svg", "png", "tex")
"""Formats of figures, and LaTeX for the table."""

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#999999"

COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""The palette of Okabe and Ito without its yellow, which is too faint for lines on white."""

MARKERS = "os^Dv<>"

STYLE: dict[str, Any] = {
    **dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize"), 8),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), SMALL),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "font.family": "DejaVu Sans",
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "aqa",
    "savefig.dpi": 300,
    "text.parse_math": False,
}


def check_figures(folder: Path, formats: Sequence[str]) -> None:
    """Check, before minutes of work, that figures of a folder from `train` or `evaluate` are possible.

    Raises UsageError for a format outside `FORMATS`, DataError for a model without scores.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise UsageError(f"no such figure format: {', '.join(unknown)}", fix=f"Use {', '.join(FORMATS)}")
    if (folder / DESCRIPTION).exists() and not (folder / RESULTS).exists() and TrainedModel.load(folder).guesses:
        what = "this model is not certainly better than guessing: without scores there is nothing to draw"
        raise DataError(what, where=folder, fix="See the movement: `report`")


def plot_report(
    data: ReportData, folder: Path, formats: Sequence[str] = FORMATS, observer: Observer = SILENT
) -> list[Path]:
    """Write every figure of a report's data and return the files: `steps-NAME`, `attention`,
    `predictions`, `leads`; in LaTeX the table `results`.

    Raises UsageError for a folder that is not writable, Cancelled after a stop between two figures.
    """
    import matplotlib as mpl

    written: list[Path] = []
    with mpl.rc_context(STYLE):  # type: ignore[arg-type, unused-ignore]
        for name, figure in drawn_figures(data):
            observer.raise_if_stopped()
            written += [save(figure, folder / f"{name}.{kind}") for kind in formats if kind != "tex"]
    if "tex" in formats and data.evaluation is not None and data.evaluation.paper_table is not None:
        written.append(folder / "results.tex")
        write_bytes(written[-1], table_latex(data.evaluation.paper_table, "tab:results").encode())
    return written


def drawn_figures(data: ReportData) -> Iterable[tuple[str, Figure]]:
    """Name and figure of everything drawable in the data."""
    counts: dict[str, int] = {}
    for video in data.videos:
        if drawn_steps(video):
            name = file_name(video.name)
            counts[name] = counts.get(name, 0) + 1
            yield f"steps-{name}" + (f"-{counts[name]}" if counts[name] > 1 else ""), step_figure(video)
    attention = attention_by_task(data.videos)
    if attention:
        yield "attention", attention_figure(attention)
    if data.evaluation is None:
        return
    if data.evaluation.predictions:
        yield "predictions", prediction_figure(data.evaluation.predictions, data.evaluation.rho)
    if data.evaluation.comparison is not None and (bars := leads(data.evaluation)):
        yield "leads", lead_figure(data.evaluation.comparison.against, bars)


def step_figure(video: VideoSection) -> Figure:
    """Figure 6 of the paper: frames of the video above the difference of each time step from training, in points."""
    from matplotlib.image import imread

    stills, columns = 10, 5
    frames = video.key_frames[:stills]
    rows = -(-len(frames) // columns)
    figure = _new(1.8 + 0.62 * rows)
    if not frames:
        _step_bars(figure.subplots(), video)
        return figure
    grid = figure.add_gridspec(2, 1, height_ratios=[0.62 * rows, 1.8])
    strip = grid[0].subgridspec(rows, columns, wspace=0, hspace=0)
    for i, frame in enumerate(frames):
        axes = figure.add_subplot(strip[i // columns, i % columns])
        axes.imshow(imread(io.BytesIO(frame.jpeg), format="jpeg"))
        axes.axis("off")
        axes.set_title(f"{frame.time:.2f} s", fontsize=SMALL, pad=1.5)
    _step_bars(figure.add_subplot(grid[1]), video)
    return figure


def _step_bars(axes: Axes, video: VideoSection) -> None:
    """Draw one bar per step: its score minus the mean, with its number; blue above zero, orange below."""
    steps = drawn_steps(video)
    for step in steps:
        gap, width = round(float(step.gap), 2) + 0.0, step.step.end - step.step.start
        colour = BLUE if gap >= 0 else ORANGE
        axes.bar(step.step.start, gap, width, align="edge", color=colour, edgecolor="white", linewidth=0.5)
        if len(steps) <= LABELLED_STEPS:
            side, offset = ("bottom", 2) if gap >= 0 else ("top", -2)
            axes.annotate(
                to_digits(gap, 2, True),
                (step.step.start + width / 2, gap),
                (0, offset),
                textcoords="offset points",
                ha="center",
                va=side,
                fontsize=SMALL,
                rotation=90 if len(steps) > 6 else 0,
            )
    axes.axhline(0, color="black", linewidth=0.6)
    _name_phases(axes, video.result.steps)
    if is_known(video):
        axes.set_title("Used for training: the model's own score proves nothing", fontsize=SMALL)
    axes.margins(x=0, y=0.45)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("time (s)" if video.result.timed else "share of the performance")
    axes.set_ylabel(f"points from the mean\nof {'the training videos' if video.training else 'this video'}")


def _name_phases(axes: Axes, steps: Iterable[StepScore]) -> None:
    """Write the names of phases above the axes, with a line at each start."""
    if kept := [phase for phase in phases_of_steps(steps) if phase.end > phase.start]:
        above = axes.secondary_xaxis("top")
        above.set_xticks(
            [(phase.start + phase.end) / 2 for phase in kept], [_wrapped(phase.name, 12) for phase in kept]
        )
        above.tick_params(length=0)
        above.spines["top"].set_visible(False)
        for phase in kept[1:]:
            axes.axvline(phase.start, color="black", linewidth=0.6)


def attention_by_task(videos: Sequence[VideoSection]) -> dict[str, list[VideoSection]]:
    """The videos whose steps have attention, by task."""
    groups: dict[str, list[VideoSection]] = {}
    for video in videos:
        weights = [step.interaction for step in video.result.steps]
        if weights and all(weight is not None for weight in weights):
            groups.setdefault(video.task, []).append(video)
    return groups


def attention_range(videos: Iterable[VideoSection]) -> Interval:
    """Ends of the colour range in whole per cent, at least `LEAST_ATTENTION` apart.

    It covers the attention of these videos and its usual range in training.
    """
    videos = list(videos)
    usual = [video.training.attention for video in videos if video.training is not None]
    values = np.concatenate([*map(_attention, videos), *(100 * np.ravel(ranges) for ranges in usual)])
    low, high = float(np.floor(np.nanmin(values))), float(np.ceil(np.nanmax(values)))
    missing = max(0.0, LEAST_ATTENTION - (high - low)) / 2
    return low - missing, high + missing


def attention_figure(groups: Mapping[str, Sequence[VideoSection]]) -> Figure:
    """Figure 7 of the paper: attention to the interaction by video and time step in per cent, one panel per task."""
    low, high = attention_range(video for videos in groups.values() for video in videos)
    lines = [len(videos) for videos in groups.values()]
    figure = _new(0.85 + 0.17 * sum(lines) + 0.3 * len(groups))
    panels = figure.subplots(len(groups), 1, squeeze=False, gridspec_kw={"height_ratios": lines})[:, 0]
    for axes, (name, videos) in zip(panels, groups.items(), strict=True):
        steps = max(len(video.result.steps) for video in videos)
        grid = np.full((len(videos), steps), np.nan)
        for row, video in zip(grid, videos, strict=True):
            row[: len(video.result.steps)] = _attention(video)
        image = axes.imshow(grid, cmap="cividis", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
        shown = range(0, steps, -(-steps // 12))
        axes.set_xticks(shown, [str(i + 1) for i in shown])
        axes.set_yticks(range(len(videos)), [_short(video.name) for video in videos])
        axes.set_title(_label(name))
        axes.tick_params(length=0)
        longest = max((video.result.steps for video in videos), key=len)
        cells = (replace(step, start=column - 0.5, end=column + 0.5) for column, step in enumerate(longest))
        _name_phases(axes, cells)
        for spine in axes.spines.values():
            spine.set_visible(False)
    panels[-1].set_xlabel("time step")
    bar = figure.colorbar(image, ax=list(panels), location="bottom", aspect=30, fraction=0.12, pad=0.04)
    bar.set_label("attention to the interaction (%)")
    bar.outline.set_visible(False)
    return figure


def _attention(video: VideoSection) -> NDArray[np.floating[Any]]:
    """(T,) weights of the interaction in per cent."""
    return np.array([100 * (step.interaction or 0.0) for step in video.result.steps])


def prediction_figure(predictions: Sequence[ScatterPoint], rho: Estimate | None = None) -> Figure:
    """Predicted against true scores of held-out videos, with intervals and the line of agreement, on equal axes.

    The title has their number and the rank correlation.
    """
    tasks = plotted_tasks(predictions)
    legend = LEGEND_ROW * (len(tasks) + 1)
    figure = _new(WIDTH + legend)
    axes, below = figure.subplots(2, height_ratios=[WIDTH, legend])
    below.axis("off")
    for task, colour, marker in zip(tasks, cycle(COLOURS), cycle(MARKERS), strict=False):
        rows = [p for p in predictions if p.task == task]
        bounded = [(p.true, *ends) for p in rows if (ends := p.predicted.interval) is not None]
        if bounded:
            axes.vlines(*zip(*bounded, strict=True), color=colour, alpha=0.25, linewidth=1)
        true, predicted = np.array([(p.true, p.predicted.value) for p in rows], dtype=float).T
        axes.plot(true, predicted, marker, color=colour, markersize=2.8, label=_label(task))
    ends = prediction_range(predictions)
    axes.plot(ends, ends, color=GREY, linewidth=0.8, zorder=0)
    axes.set(xlabel=TRUE_AXIS, ylabel=PREDICTED_AXIS, xlim=ends, ylim=ends, aspect="equal")
    axes.set_yticks([tick for tick in axes.get_xticks() if ends[0] <= tick <= ends[1]])
    axes.set_xticks(axes.get_yticks())
    axes.set_title(agreement_title(predictions, rho), fontsize=SMALL)
    shown = [] if len(tasks) < 2 else axes.get_legend_handles_labels()[0]
    if any(p.predicted.interval for p in predictions):
        from matplotlib.lines import Line2D

        shown = [*shown, Line2D([], [], color=GREY, alpha=0.6, linewidth=1, label="80 % interval")]
    below.legend(handles=shown, frameon=False, loc="center", handletextpad=0.4)
    return figure


def agreement_title(predictions: Sequence[ScatterPoint], rho: Estimate | None) -> str:
    """Number of predictions, and the rank correlation with its interval if known."""
    said = f"n {len(predictions)}"
    if rho is None or rho.value is None:
        return said
    ends = interval_text(rho.interval)
    return f"{said}, rho {decimals(rho.value, 2)}{f' (95 % {ends})' if ends else ''}".replace("-", MINUS)


def lead_figure(against: str, leads: Sequence[Mapping[str, Any]]) -> Figure:
    """The leads of one system with intervals, the least on top, their values at the right edge, and what both sides
    mean; `leads` as in `chart_json.leads`.
    """
    names = [_wrapped(lead["name"], 24) for lead in leads]
    figure = _new(0.75 + sum(0.08 + 0.13 * (name.count("\n") + 1) for name in names))
    axes = figure.subplots()
    positions = np.arange(len(names))[::-1]
    colours = [GREY if lead["baseline"] else COLOURS[4] for lead in leads]
    axes.barh(positions, np.array([lead["value"] for lead in leads], dtype=float), 0.68, color=colours)
    for position, lead in zip(positions, leads, strict=True):
        if lead["low"] is not None:
            axes.hlines(position, lead["low"], lead["high"], color="black", linewidth=0.9)
        text = to_digits(lead["value"] or 0.0, 3)
        axes.text(1.01, position, text, transform=axes.get_yaxis_transform(), va="center", ha="left", fontsize=SMALL)
    axes.set_yticks(positions, names)
    axes.tick_params(axis="y", length=0)
    axes.set_title(_wrapped(f"{against} beside each system", 40))
    axes.axvline(0, color="black", linewidth=0.6)
    axes.margins(y=0.01)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.25 * high), max(high, -0.25 * low))
    for x, side, text in ((0.0, "left", "\N{LEFTWARDS ARROW} that system ranks better"),
                          (1.0, "right", f"{against} ranks better \N{RIGHTWARDS ARROW}")):  # fmt: skip
        axes.annotate(
            _wrapped(text, 15), (x, 0), (0, -14), xycoords="axes fraction", textcoords="offset points", ha=side,
            va="top", fontsize=SMALL,
        )  # fmt: skip
    axes.set_xlabel(_wrapped(LEAD_AXIS, 52), labelpad=22)
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:.3g}".replace("-", MINUS))
    return figure


def save(figure: Figure, path: Path) -> Path:
    """Write a figure atomically and without dates, so that equal figures are equal files, and return `path`.

    Raises UsageError if writing fails.
    """
    kind = path.suffix.lstrip(".")
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:  # the last bits of the layout differ between runs, and would enter names inside SVG
        left, bottom, width, height = (round(float(edge), 6) for edge in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))
    content = io.BytesIO()  # the library's PDF writer would hide the error of a full disk
    figure.savefig(content, format=kind, metadata=undated)
    try:
        write_bytes(path, content.getvalue())
    except OSError as error:
        raise file_error(error, path) from error
    return path


def file_name(text: str) -> str:
    """A short file name from any text: letters, digits, dots, dashes."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", printable(text)).strip("._")[:80] or "video"


def _label(text: str) -> str:
    """Printable text, shortened to `LABEL_LENGTH`."""
    shown = printable(text)
    return shown if len(shown) <= LABEL_LENGTH else f"{shown[: LABEL_LENGTH - 1]}…"


def _short(name: str) -> str:
    """The name of a video in at most `NAME_LENGTH` characters."""
    shown = printable(name)
    if len(shown) > NAME_LENGTH:
        shown = shown.rstrip("/").rsplit("/", 1)[-1]
    return shown if len(shown) <= NAME_LENGTH else f"…{shown[1 - NAME_LENGTH :]}"


def _wrapped(text: str, characters: int) -> str:
    """Printable text in two lines at most."""
    return textwrap.fill(printable(text), characters, max_lines=2, placeholder="…")


def _new(height: float) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02))
