"""Plots figures for papers, as PDF and PNG: figures 6 and 7 of the paper, and the figures of an evaluation.

    for path in plot_report(data, Path("figures")): ...

Vector PDF with embedded fonts, widths of one (3.4 in) or two columns (7 in), colours for colour-blind readers and
grey print. The same data gives the same bytes.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError, printable
from data.store import atomic_path
from data.store.arrays import Floats
from pipeline.outputs import file_error
from pipeline.report.page_data import BarChart, CurveChart, Prediction, ReportData, VideoReport
from pipeline.report.view import step_views, tasks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0
"""Widths in inches."""

LABEL_LENGTH = 48
"""Characters of a name that a figure shows."""

FORMATS = ("pdf", "png")

BAD, MIDDLE, GOOD = "#d55e00", "#f2f0ea", "#009e73"
"""Vermilion to bluish green (Okabe and Ito): distinct without red-green vision."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a51a3", "#4d4d4d")

STYLE: dict[str, Any] = {
    "font.size": 8,
    "font.family": "DejaVu Sans",
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "text.parse_math": False,
}


def plot_report(data: ReportData, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write every figure of a report's data.

    Args:
        data: a report's data.
        folder: folder of the files; made where absent.
        formats: "pdf", "png", "svg".

    Returns:
        the files written: `steps-NAME`, `attention`, `predictions`, `bars-N`, `curves-N`.

    Raises:
        UsageError: the folder cannot be written, or an unknown format.
    """
    import matplotlib as mpl

    unknown = [name for name in formats if name not in ("pdf", "png", "svg")]
    if unknown:
        raise UsageError(f"no such figure format: {', '.join(unknown)}", fix="Use pdf, png or svg")
    written: list[Path] = []
    with mpl.rc_context(STYLE):  # type: ignore[arg-type, unused-ignore]
        for name, figure in _figures(data):
            written += [save(figure, folder / f"{name}.{kind}") for kind in formats]
    return written


def _figures(data: ReportData) -> Iterable[tuple[str, Figure]]:
    counts: dict[str, int] = {}
    for video in data.videos:
        if video.result.steps:
            name = file_name(video.name)
            counts[name] = counts.get(name, 0) + 1
            yield f"steps-{name}" + (f"-{counts[name]}" if counts[name] > 1 else ""), step_figure(video)
    attention = attention_by_task(data.videos)
    if attention:
        yield "attention", attention_figure(attention)
    if data.evaluation is None:
        return
    if data.evaluation.predictions:
        yield "predictions", prediction_figure(data.evaluation.predictions)
    for i, bars in enumerate(data.evaluation.bars):
        yield f"bars-{i + 1}", bar_figure(bars)
    for i, curves in enumerate(data.evaluation.curves):
        yield f"curves-{i + 1}", curve_figure(curves)


def step_figure(video: VideoReport, stills: int = 10) -> Figure:
    """Figure 6: frames of the video over the score of each time step, coloured bad to good."""
    pictures = [picture for frame in video.key_frames[:stills] if (picture := _picture(frame.uri)) is not None]
    height = 1.25 + (0.75 if pictures else 0)
    figure = _new(TWO_COLUMNS, height)
    ratios = [0.75, 0.95] if pictures else [1]
    grid = figure.add_gridspec(len(ratios), 1, height_ratios=ratios, hspace=0.12)
    if pictures:
        strip = grid[0].subgridspec(1, len(pictures), wspace=0.04)
        for i, picture in enumerate(pictures):
            axes = figure.add_subplot(strip[i])
            axes.imshow(picture)
            axes.axis("off")
    _step_bars(figure.add_subplot(grid[-1]), video)
    return figure


def _step_bars(axes: Axes, video: VideoReport) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("quality", [BAD, MIDDLE, GOOD])
    for view in step_views(video):
        colour = colours((view.quality + 1) / 2)
        width = view.step.end - view.step.start
        axes.bar(view.step.start, view.gap, width, align="edge", color=colour, edgecolor="#555555", linewidth=0.4)
        middle = view.step.start + width / 2
        side, offset = ("bottom", 1.5) if view.gap >= 0 else ("top", -1.5)
        axes.annotate(
            f"{view.step.score:.2f}",
            (middle, view.gap),
            (0, offset),
            textcoords="offset points",
            ha="center",
            va=side,
            fontsize=6.5,
        )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.margins(x=0, y=0.28)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("relative to training" if video.training else "relative to the mean")


Attention = Mapping[str, Sequence[NDArray[np.floating[Any]]]]
"""(T,) attention to the interaction of several videos, by action."""


def attention_by_task(videos: Sequence[VideoReport], most: int = 3) -> dict[str, list[Floats]]:
    """The attention of the first `most` videos of every task, as figure 7 shows three samples of two actions."""
    groups: dict[str, list[Floats]] = {}
    for video in videos:
        weights = [step.interaction for step in video.result.steps]
        if weights and all(weight is not None for weight in weights) and len(groups.get(video.task, ())) < most:
            groups.setdefault(video.task, []).append(np.array(weights, dtype=np.float64))
    return groups


def attention_figure(groups: Attention) -> Figure:
    """Figure 7: attention to the interaction by sample and time step, one panel per action."""
    figure = _new(min(TWO_COLUMNS, 0.9 + 2.9 * len(groups)), 0.95 + 0.16 * max(len(rows) for rows in groups.values()))
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    image = None
    for axes, (name, rows) in zip(panels, groups.items(), strict=True):
        steps = max(len(row) for row in rows)
        grid = np.full((len(rows), steps), np.nan)
        for i, row in enumerate(rows):
            grid[i, : len(row)] = row
        image = axes.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(steps), [str(i + 1) for i in range(steps)])
        axes.set_yticks(range(len(rows)), [str(i + 1) for i in range(len(rows))])
        axes.set(title=_label(name), xlabel="time step", ylabel="sample")
        axes.tick_params(length=0)
    if image is not None:
        bar = figure.colorbar(image, ax=list(panels), fraction=0.05, pad=0.02)
        bar.set_label("weight of AIM")
    return figure


def prediction_figure(predictions: Sequence[Prediction]) -> Figure:
    """Predicted against true scores of held-out videos, with intervals and the line of agreement."""
    figure = _new(ONE_COLUMN, ONE_COLUMN * 0.95)
    axes = figure.subplots()
    tasks = tasks_of(predictions)
    for task, colour in zip(tasks, cycle(COLOURS), strict=False):
        rows = [p for p in predictions if p.task == task]
        bounded = [(p.true, *p.interval) for p in rows if p.interval is not None]
        if bounded:
            axes.vlines(*zip(*bounded, strict=True), color=colour, alpha=0.25, linewidth=1)
        true, predicted = [p.true for p in rows], [p.predicted for p in rows]
        axes.plot(true, predicted, "o", color=colour, markersize=2.6, label=_label(task))
    values = [v for p in predictions for v in (p.true, p.predicted) if math.isfinite(v)]
    ends = (min(values), max(values))
    axes.plot(ends, ends, color="#777777", linewidth=0.8, zorder=0)
    axes.set(xlabel="judges' score", ylabel="predicted score")
    if len(tasks) > 1:
        axes.legend(frameon=False, loc="upper left", handletextpad=0.2)
    return figure


def bar_figure(chart: BarChart) -> Figure:
    """Bars with intervals, such as ablations; the first bar on top."""
    figure = _new(ONE_COLUMN, 0.6 + 0.24 * len(chart.bars))
    axes = figure.subplots()
    places = np.arange(len(chart.bars))[::-1]
    kinds = {"ours": COLOURS[0], "paper": "#999999", "baseline": "#999999"}
    axes.barh(places, [b.value for b in chart.bars], 0.68, color=[kinds.get(b.kind, COLOURS[4]) for b in chart.bars])
    for place, bar in zip(places, chart.bars, strict=True):
        if bar.interval is not None:
            axes.hlines(place, *bar.interval, color="black", linewidth=0.9)
        end = max(bar.value, *(bar.interval or ()), 0)
        axes.text(end, place, f" {bar.value:.3f}", va="center", fontsize=6.5)
    axes.set_yticks(places, [_label(bar.name) for bar in chart.bars])
    axes.set_xlabel(_label(chart.unit))
    axes.axvline(0, color="black", linewidth=0.6)
    axes.margins(x=0.16)
    return figure


def curve_figure(chart: CurveChart) -> Figure:
    """Training curves with their spread over the runs."""
    figure = _new(ONE_COLUMN, 2.2)
    axes = figure.subplots()
    for curve, colour in zip(chart.curves, cycle(COLOURS), strict=False):
        axes.plot(curve.epoch, curve.value, color=colour, label=_label(curve.name))
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.epoch, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    axes.set(xlabel="epoch", ylabel=_label(chart.unit), yscale="log" if chart.log else "linear")
    axes.margins(x=0)
    axes.legend(frameon=False)
    return figure


def save(figure: Figure, path: Path) -> Path:
    """Write a figure atomically and without dates: equal figures are equal files.

    Raises:
        UsageError: the folder cannot be written.
    """
    kind = path.suffix.lstrip(".")
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
    try:
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, metadata=undated, bbox_inches="tight", pad_inches=0.02)
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


def _new(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _picture(uri: str) -> NDArray[np.uint8] | None:
    """The pixels of a JPEG `data:` URI, or None where it is none."""
    from matplotlib.image import imread

    head, _, body = uri.partition(",")
    if head != "data:image/jpeg;base64":
        return None
    return np.asarray(imread(io.BytesIO(base64.b64decode(body)), format="jpeg"), dtype=np.uint8)
