"""`demo`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say, table


@command(api.demo, "demo")
def demo(result: api.DemoResult, as_json: bool) -> None:
    """Print the metrics and the times."""
    if as_json:
        print_json(result.as_json())
        return
    for title, columns, rows in result.tables():
        table(title, columns, rows)
    say(result.leaks.verdict)
    say(f"the report page: {result.page}")
