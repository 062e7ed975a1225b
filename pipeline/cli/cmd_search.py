"""`search`."""

from __future__ import annotations

import typer

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import show_results


@command(api.search, "search --pack tasd2.h5 --grid train.weight_decay=.1,.3,.5", folds=(int, typer.Option(min=2)))
def search(done: api.SearchRun, as_json: bool) -> None:
    """Print the candidates, the best first."""
    places = f"{done.table}; the best settings: {done.best}"
    show_results(done, done.found, as_json, places)
