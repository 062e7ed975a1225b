"""The page of the web application, in the style of the report."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from data.video import VIDEO_SUFFIXES
from pipeline.report.page_writer import asset, environment, script_sources

PACKAGE = "pipeline.serve"


def render_index(most_bytes: int, facts: Mapping[str, str], reads: Collection[str] = ("video",)) -> tuple[str, str]:
    """The page for a model that reads these input files, and its content security policy."""
    script = asset("serve.js", PACKAGE)
    page = environment(PACKAGE).get_template("index.html.j2")
    policy = (
        f"default-src 'none'; script-src {script_sources([script])}; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    rendered = page.render(
        styles=[asset("base.css"), asset("results.css"), asset("serve.css", PACKAGE)],
        script=script,
        suffixes=[*(sorted(VIDEO_SUFFIXES) if "video" in reads else ()), *([".txt"] if "kinematics" in reads else ())],
        reads=reads,
        most_bytes=most_bytes,
        facts=facts,
    )
    return rendered, policy
