"""`data check`."""

from __future__ import annotations

from dataclasses import asdict

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import finish, print_json, table

SHOWN = 10
"""Problems that are listed before the rest is only counted."""


@command(api.data_check, "data check datasets/MTL-AQA")
def data_check(report: api.DataReport, as_json: bool) -> None:
    """Print counts, hashes and what is missing."""
    if as_json:
        print_json({**asdict(report), "ok": report.ok})
        finish(report.ok)
    rows = [
        (name, here, *(("", "") if published is None else (published, "agrees" if here == published else "differs")))
        for name, here, published in report.counts
    ]
    table(f"{report.kind}: {report.root}", ("performances", "here", "published", ""), rows)
    if report.files:
        table("published files", ("file", "SHA-256"), report.files)
    for line in report.problems[:SHOWN]:
        print(line)
    if len(report.problems) > SHOWN:
        print(f"and {len(report.problems) - SHOWN} more")
    for line in report.doubts:
        print(line)
    print("complete, as far as known" if report.ok else f"What to request where: {report.source}")
    finish(report.ok)
