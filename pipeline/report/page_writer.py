"""Writes a page: templates, style, scripts and the bundled library in one file that loads nothing else.

A content security policy lists the page's scripts by hash and forbids all network requests. So even unescaped text
could not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from data.errors import UsageError
from data.store import write_text
from pipeline.checks.flag import worst_first
from pipeline.checks.flag_checks import COMPARED
from pipeline.report import chart_json, template_values, text
from pipeline.report.page_data import ReportData
from pipeline.report.page_downloads import downloads, tables_of
from pipeline.report.pair_differences import pair_payload
from pipeline.report.performers import performer_scores, progress_of
from pipeline.score.video_score import NO_JUDGEMENT, ScoreParts
from pipeline.settings.destinations import file_error

SCRIPTS = (
    "vendor/d3.min.js",
    "vendor/plot.umd.min.js",
    "core.js",
    "saving.js",
    "charts.js",
    "overlay.js",
    "draw.js",
    "phases.js",
    "player.js",
    "choose.js",
    "ghost.js",
    "compare.js",
    "evaluation.js",
    "table.js",
    "downloads.js",
    "boot.js",
)
"""In the order of loading."""

STYLES = ("base.css", "video.css", "results.css", "compare.css", "narrow.css", "print.css")


def render_report(data: ReportData) -> str:
    """The page as one self-contained HTML document. Raises UsageError if two videos have the same name."""
    anchors: dict[str, str] = {}
    for index, video in enumerate(data.videos):
        if video.name in anchors:
            shown = text.template_value(video.name)
            raise UsageError(f"two videos of the report have the name '{shown}'", fix="Make names unique")
        anchors[video.name] = f"video-{index}"
    scripts = [asset(name) for name in SCRIPTS]
    policy = (
        f"default-src 'none'; script-src {script_sources(scripts)}; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src data: blob: 'self' file:; base-uri 'none'; form-action 'none'"
    )
    page = environment().get_template("page.html.j2")
    return page.render(
        data=data,
        batch=template_values.batch_of(data),
        files={name: content.split("\n") for name, content in downloads(data).items()},
        scale=template_values.score_scale(data),
        anchors=anchors,
        scripts=scripts,
        styles=[asset(name) for name in STYLES],
        policy=policy,
    )


def write_report(path: Path, data: ReportData) -> None:
    """Write the page to `path`, atomically. Raises UsageError if writing fails, and as `render_report`."""
    try:
        write_text(path, render_report(data))
    except OSError as error:
        raise file_error(error, path) from error


@cache
def asset(name: str, package: str = "pipeline.report") -> Markup:
    """The content of a file in the package's `assets`, inserted into pages without escaping."""
    content = (files(package) / "assets" / name).read_text(encoding="utf-8")
    return Markup(content)  # noqa: S704


def script_sources(scripts: Sequence[Markup]) -> str:
    """The hashes of the scripts, for a content security policy."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


@cache
def environment(package: str = "pipeline.report") -> jinja2.Environment:
    """The templates of a package, with escaping and the filters of the report."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        autoescape=True,
        finalize=text.template_value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named = (text.plus, text.measure_text, text.clock, text.lines, text.data_uri, text.safe_link)
    made.filters |= {
        **{function.__name__: function for function in named},
        "num": text.to_digits,
        "worst_first": worst_first,
        "script_json": lambda value: Markup(text.script_json(value)),  # noqa: S704 - escaped for scripts
    }
    made.globals |= {
        "template_values": template_values,
        "chart_json": chart_json,
        "COMPARED": COMPARED,
        "performer_scores": performer_scores,
        "progress_of": progress_of,
        "tables_of": tables_of,
        "pairs_of": pair_payload,
        "no_judgement": NO_JUDGEMENT,
        "parts_of": ScoreParts.of,
    }
    return made
