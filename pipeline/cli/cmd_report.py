"""`report`."""

from __future__ import annotations

from typing import Annotated

import typer

from data.errors import printable
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import Inputs, OutFile, Run, Workers
from pipeline.cli.terminal import Terminal, say


@command(api.report, "report runs/tasd2 new_videos/ --out page.html")
def report(
    run: Run,
    inputs: Inputs = None,
    out: OutFile = None,
    sections: Annotated[int, typer.Option("--sections", min=0)] = 12,
    workers: Workers = None,
) -> None:
    """Print where the page is."""
    page = api.report(run, inputs or (), out=out, sections=sections, workers=workers, observer=Terminal())
    say(f"the report page: {printable(page)}")
