"""Puts one page together: templates, style, scripts and the bundled library into one file that loads nothing.

A content security policy names the page's own scripts by hash, so that a text that slipped through the
escaping could still not run, and forbids every request to the network.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from data.errors import UsageError
from data.store import write_text
from pipeline.report import payload, text, view
from pipeline.report.page_data import ReportData

SCRIPTS = (
    "vendor/d3.min.js",
    "vendor/plot.umd.min.js",
    "core.js",
    "charts.js",
    "overlay.js",
    "player.js",
    "evaluation.js",
    "table.js",
    "boot.js",
)
"""In the order of loading."""

STYLES = ("base.css", "video.css", "results.css", "narrow.css", "print.css")


def render_report(data: ReportData) -> str:
    """The page as one HTML document that needs nothing beside it.

    Raises:
        UsageError: two videos of the page have the same id.
    """
    _check_ids(data)
    scripts = [asset(name) for name in SCRIPTS]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            data=data,
            batch=view.batch_of(data),
            scale=view.score_scale(data),
            anchors={video.id: f"video-{index}" for index, video in enumerate(data.videos)},
            scripts=scripts,
            styles=[asset(name) for name in STYLES],
            policy=_policy(scripts),
        )
    )


def write_report(path: Path, data: ReportData) -> None:
    """Write the page to `path`: a temporary file in the same folder, flushed, renamed.

    Raises:
        UsageError: the folder cannot be written, or two videos have the same id.
    """
    try:
        write_text(path, render_report(data))
    except OSError as error:
        raise UsageError(
            f"the report cannot be written ({error.strerror})", where=path, fix="Give a folder that can be written"
        ) from error


def _check_ids(data: ReportData) -> None:
    seen: set[str] = set()
    for video in data.videos:
        if video.id in seen:
            raise UsageError(f"two videos of the report have the id '{text.shown(video.id)}'", fix="Make ids unique")
        seen.add(video.id)


@cache
def asset(name: str) -> Markup:
    """One of our own files, trusted as it is; texts of users never pass through here."""
    content = (files("pipeline.report") / "assets" / name).read_text(encoding="utf-8")
    return Markup(content)  # noqa: S704


def _policy(scripts: list[Markup]) -> str:
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    sources = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src data: blob: 'self' file:; base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report", "templates"),
        autoescape=True,
        finalize=text.shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _filters()
    environment.globals |= {"view": view, "payload": payload}
    return environment


def _filters() -> dict[str, Any]:
    return {
        "num": text.number,
        "figure": text.figure,
        "clock": text.clock,
        "lines": text.lines,
        "data_uri": text.data_uri,
        "address": text.address,
        "script_json": lambda value: Markup(text.script_json(value)),  # noqa: S704 - escaped for scripts
    }
