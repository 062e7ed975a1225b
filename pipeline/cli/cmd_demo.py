"""`demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import printable
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import AsJson, OutPlace, Overrides
from pipeline.cli.terminal import Terminal, print_json, say, table


@command(api.demo, "demo --quick")
def demo(
    out: OutPlace = Path("demo"),
    quick: Annotated[bool, typer.Option("--quick")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Print the metrics and the times."""
    result = api.demo(out, quick=quick, overrides=overrides or (), observer=Terminal())
    from pipeline.demo.summary import as_json as summary_json
    from pipeline.demo.summary import summary_tables

    if as_json:
        print_json(summary_json(result))
        return
    for title, columns, rows in summary_tables(result):
        table(title, columns, rows)
    say(result.leaks.lines()[0])
    say(f"the report page: {printable(result.page)}")
