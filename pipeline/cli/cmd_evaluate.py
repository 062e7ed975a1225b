"""`evaluate`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say, table


def show_evaluation(done: api.Evaluation, as_json: bool) -> None:
    """The tables of an evaluation and where it is, or its results as JSON."""
    if as_json:
        print_json(done.results)
        return
    for line in done.notes():
        say(line)
    for title, columns, rows in done.tables():
        table(title, columns, rows)
    say(f"{done.folder / 'results.json'} and {done.folder / 'report.html'}")


evaluate = command(api.evaluate, "evaluate --config jigsaws --set dataset.root=JIGSAWS")(show_evaluation)
