"""`demo`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say, table


@command(api.demo, "demo")
def demo(result: api.DemoResult, as_json: bool) -> None:
    """Print the metrics and the times."""
    from pipeline.demo.summary import as_json as summary_json
    from pipeline.demo.summary import summary_tables

    if as_json:
        print_json(summary_json(result))
        return
    for title, columns, rows in summary_tables(result):
        table(title, columns, rows)
    say(result.leaks.lines()[0])
    say(f"the report page: {result.page}")
