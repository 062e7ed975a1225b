"""The one page of the web application, with the style of the report."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files

import jinja2
from markupsafe import Markup

from data.video import VIDEO_SUFFIXES
from pipeline.report import text
from pipeline.report.page_writer import asset


def render_index(most_bytes: int, facts: Mapping[str, str]) -> tuple[str, str]:
    """The page and its content security policy."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.serve", "templates"),
        autoescape=True,
        finalize=text.shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _own("serve.js")
    page = environment.get_template("index.html.j2").render(
        styles=[asset("base.css"), asset("results.css"), _own("serve.css")],
        script=script,
        suffixes=sorted(VIDEO_SUFFIXES),
        most_bytes=most_bytes,
        facts=facts,
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _own(name: str) -> Markup:
    """One of our own files, trusted as it is."""
    content = (files("pipeline.serve") / "assets" / name).read_text(encoding="utf-8")
    return Markup(content)  # noqa: S704
