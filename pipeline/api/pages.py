"""Calls that write pages and figures, and the pages for raters: demo, report, compare, plot, label."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import DataError, UsageError
from pipeline.api.arguments import (
    LocalSettings,
    Names,
    Overrides,
    Place,
    Places,
    many_paths,
    settings_beside_model,
    split_names,
)
from pipeline.observer import SILENT, Observer
from pipeline.settings.destinations import check_file, check_folder, writing
from pipeline.settings.provenance import recorded

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pipeline.demo.demo_run import DemoResult
    from pipeline.label import LabelSummary


@recorded
def demo(
    *, out: Place = "demo", full: bool = False, overrides: Overrides = (), observer: Observer = SILENT
) -> DemoResult:
    """Render labelled dives, extract all stages, train, score new dives, write the report page.

    Args:
        out: folder of the dives, the cache, the model and the page.
        full: 88 dives instead of 24, and every frame: about 7 minutes on two cores.
    """
    from pipeline.demo.demo_run import run_demo
    from pipeline.settings.config import given_settings

    out = Path(out)
    check_folder(out)
    with writing(out):
        return run_demo(out, full=full, overrides=given_settings(overrides), observer=observer)


@recorded
def report(
    model: Place,
    inputs: Places = (),
    *,
    out: Place | None = None,
    sections: int = 12,
    difficulty: float | None = None,
    observer: Observer = SILENT,
    **given: Unpack[LocalSettings],
) -> Path:
    """Write the offline page of an evaluation, or of a model's scores of INPUT (default: the held-out videos of
    the data set of --config).

    Args:
        model: folder that `train` or `evaluate` wrote.
        inputs: videos or folders to show.
        config: names the data set whose held-out videos are shown, or whose best training video is shown beside
            INPUT, and your own cache, paths and devices.
        out: the page; default: MODEL/report.html.
        overrides: of --config: the data set, --set dataset.root=FOLDER, or --set frames.fps=25 for folders of frames.
        sections: videos with a section of their own.
        difficulty: as for `score`.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.report import folder_page, write_report
    from pipeline.score import local_model

    folder = local_model(model)
    page = Path(out) if out is not None else Path(model if Path(model) == folder else "") / "report.html"
    check_file(page)
    places = many_paths(inputs)
    user = settings_beside_model(**given)
    with writing(page):
        data = folder_page(folder, places, page, sections, user, observer, difficulty)
        observer.raise_if_stopped()
        write_report(page, data)
    return page


@recorded
def compare(
    a: str,
    b: str,
    *,
    model: Place,
    out: Place = "compare.html",
    observer: Observer = SILENT,
    **given: Unpack[LocalSettings],
) -> Path:
    """Write the offline page of two scored videos side by side, at the same part of the same time step of the model.

    Args:
        a, b: a video, or an id in the data set of --config or among --features; `leaderboard` compares systems.
        config: names a data set with ids, and your own cache, paths and devices.
        out: the page.
        overrides: of --config: the data set, --set dataset.root=FOLDER.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.report import compare_videos
    from pipeline.score import local_model

    page = Path(out)
    check_file(page)
    user = settings_beside_model(**given)
    with writing(page):
        compare_videos(local_model(model), (str(a), str(b)), page, user, observer)
    return page


def plot(
    model: Place,
    inputs: Places = (),
    *,
    out: Place = "figures",
    formats: Names = "pdf,svg,png",
    observer: Observer = SILENT,
    **given: Unpack[LocalSettings],
) -> list[Path]:
    """Figures of one column (3.3 in) for papers: steps and attention (as figures 6 and 7), predictions, leads.

    Args:
        model: folder that `train` or `evaluate` wrote.
        inputs: videos or folders to show.
        config: names the data set whose held-out videos are shown, and your own cache, paths and devices.
        out: folder of the figures.
        formats: pdf, svg, png; tex for a table of an evaluation; comma separated.
        overrides: of --config: the data set, --set dataset.root=FOLDER, or --set frames.fps=25 for folders of frames.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.report import check_figures, folder_page, plot_report
    from pipeline.score import local_model

    out, kinds = Path(out), split_names(formats)
    check_folder(out)
    places = many_paths(inputs)
    user, folder = settings_beside_model(places, **given), local_model(model)
    check_figures(folder, kinds)
    data = folder_page(folder, places, out / "report.html", 12, user, observer)
    with writing(out):
        written = plot_report(data, out, kinds, observer)
    if not written:
        raise DataError("no video has a score to draw", where=model, fix="See why: `score`")
    return written


def label(
    root: Place,
    *,
    pairs: bool = False,
    columns: str = "score",
    phases: str = "",
    score_range: str = "",
    rubric: Place | None = None,
    imported: Place | None = None,
    summary: bool = False,
    out: Place | None = None,
    port: int = 8766,
    host: str = "",
    raters: Names = (),
    observer: Observer = SILENT,
) -> LabelSummary:
    """Judge the videos of a folder on a local web page, alone or with others, and write the table of labels.

    Answers are in ROOT/ratings, one CSV a rater. ROOT/labels.csv is written when the page is closed by Ctrl-C, and by
    --summary and --import: the mean over raters, their standard deviation and number. It says how well raters agree.

    Args:
        root: folder of the videos.
        pairs: compare two videos at a time; the labels are their places on one scale.
        columns: scores to give, comma separated: score, execution, synchronisation, difficulty.
        phases: in place of scores, mark when these phases begin, comma separated; tables are ROOT/phases/<rater>.csv.
        score_range: least and greatest score, such as 0,10; no other is taken.
        rubric: a Markdown file that raters read on the page.
        imported: no page: take the pairs of a published list, one pair a line, the better clip first.
        summary: no page: write the labels, and show the agreement of the raters.
        out: the table of labels; default: ROOT/labels.csv.
        port: 0: any free port.
        raters: names of people who each get a link of their own, comma separated; default: one link asks for the name.
    """
    from pipeline.label import find_session, import_pairs, label_summary, write_labels, write_phases

    folder = Path(root)
    table = Path(out) if out is not None else folder / "labels.csv"
    asked = {"columns": split_names(columns), "phases": split_names(phases), "score_range": split_names(score_range)}
    judged, problems = find_session(folder, pairs=pairs or imported is not None, **asked)
    observer.notes([f"note: {problem}" for problem in problems])
    check_file(table)
    if host and not split_names(raters):
        fix = "Add --raters anna,ben: each gets a link of their own"
        raise UsageError("in a network raters need links of their own", fix=fix)
    if imported is not None:
        observer.notes(import_pairs(judged, Path(imported)))
    elif not summary:
        from data.datasets.tables import read_text
        from pipeline.label.label_app import create_label_app, kept_token
        from pipeline.serve import run_app

        text = "" if rubric is None else read_text(rubric)
        judged.check_folders()
        app = create_label_app(judged, text, kept_token(folder), host, split_names(raters), observer)
        run_app(app, port, observer)
        observer.notes([*app.state.unreadable.values()])
    labels = label_summary(judged)
    if labels.rows:
        with writing(table):
            write_labels(table, labels.rows)
        states = Counter(row.state for row in labels.rows).most_common()
        observer.note(f"{table}: {', '.join(f'{count} {state}' for state, count in states)}")
    if judged.phases:
        with writing(folder / "phases"):
            write_phases(judged)
    return labels
