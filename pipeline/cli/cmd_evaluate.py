"""`evaluate`, `leaderboard`, `reproduce` and `search`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say, show_results

if TYPE_CHECKING:
    from pipeline.evaluate import Evaluation, SearchRun


@command(api.evaluate, "evaluate --config jigsaws --set dataset.root=JIGSAWS")
def evaluate(done: Evaluation, as_json: bool) -> None:
    """Print the tables."""
    _show(done, as_json)


@command(api.leaderboard, "leaderboard --config jigsaws --pack jigsaws.h5")
def leaderboard(done: Evaluation, as_json: bool) -> None:
    """Print the tables."""
    _show(done, as_json)


@command(api.reproduce, "reproduce 5 --config jigsaws --set dataset.root=JIGSAWS")
def reproduce(done: Evaluation, as_json: bool) -> None:
    """Print the tables."""
    _show(done, as_json)


def _show(done: Evaluation, as_json: bool) -> None:
    """The tables of an evaluation and where it is, or its results as JSON; of a dry run the expected time."""
    if done.expected is not None:
        print_json(asdict(done.expected)) if as_json else say(str(done.expected))
        return
    places = f"{done.folder / 'results.json'} and {done.folder / 'report.html'}"
    show_results(done, done.results, as_json, places)


@command(
    api.search,
    "search --pack tasd2.h5 --grid train.weight_decay=.1,.3,.5",
    folds=Annotated[int, typer.Option("--folds", min=2)],
)
def search(done: SearchRun, as_json: bool) -> None:
    """Print the candidates, the best first."""
    places = f"{done.table}; the best settings: {done.best}"
    show_results(done, done.found, as_json, places)
