"""`label`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

import typer

from data.errors import PROGRAM
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say, table


@command(
    api.label,
    "label videos/ --pairs",
    rubric=(Path | None, typer.Option(metavar="FILE")),
    only=(list[str] | None, typer.Option(metavar="VIDEO")),
    suggest=(int, typer.Option(min=0, metavar="N")),
    model=(Path | None, typer.Option("--model", "-m")),
)
def label(done: api.LabelResult, root: Path, pairs: bool, as_json: bool) -> None:
    """Print the agreement of the raters, or what to label next."""
    if as_json:
        report = None if done.report is None else asdict(done.report)
        print_json({"report": report, "suggestions": [asdict(one) for one in done.suggestions]})
        return
    if done.report is not None:
        for line in (*done.report.lines, *done.report.problems):
            say(line)
        if done.report.disputed:
            table(
                "videos on which the raters differ most",
                ("video", "difference", "lowest", "highest"),
                done.report.disputed,
            )
    if done.suggestions:
        rows = [(one.video, one.spread, one.distance, one.reason) for one in done.suggestions]
        table("label these next", ("video", "spread", "distance", "reason"), rows)
        chosen = " ".join(f"--only {shlex.quote(one.video)}" for one in done.suggestions)
        say(f"label them: {PROGRAM} label {shlex.quote(str(root))} {'--pairs ' if pairs else ''}{chosen}")
