"""The command `demo`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import NEW_VIDEOS, Command, Typed
from pipeline.cli.terminal import say, systems_table, table


def show(result: api.DemoResult, _: Typed) -> None:
    """Print the model and its error, its results, and the times."""
    from pipeline.evaluate.results_tables import main_table

    say(result.summary)
    systems_table(main_table(result.results))
    for title, columns, rows in result.tables():
        table(title, columns, rows)
    say(f"the report page: {result.page}")


DEMO = Command(
    api.demo, "demo", lambda _, __: ("judge videos of your own", "label", NEW_VIDEOS, "--pairs"),
    show, lambda result, _: result.as_json(),
)  # fmt: skip
