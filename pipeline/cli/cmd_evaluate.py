"""`evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import printable
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import (
    Address,
    AsJson,
    CacheFolder,
    Config,
    Engine,
    Oracle,
    OutPlace,
    Overrides,
    Pack,
    Workers,
)
from pipeline.cli.terminal import Terminal, show_results

if TYPE_CHECKING:
    from pipeline.evaluate import Evaluation


@command(api.evaluate, "evaluate --config jigsaws --set dataset.root=JIGSAWS")
def evaluate(
    config: Config = None,
    out: OutPlace = Path("runs/evaluation"),
    pack: Pack = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    grids: Annotated[list[str] | None, typer.Option("--grid", metavar="KEY=A,B")] = None,
    oracle: Oracle = False,
    as_json: AsJson = False,
) -> None:
    """Print the tables."""
    done = api.evaluate(
        config=config, out=out, pack=pack, cache=cache, workers=workers, engine=engine, address=address,
        overrides=overrides or (), grids=grids or (), oracle=oracle, observer=Terminal(),
    )  # fmt: skip
    show_evaluation(done, as_json)


def show_evaluation(done: Evaluation, as_json: bool) -> None:
    """The tables of an evaluation and where it is, or its results as JSON."""
    places = f"{printable(done.folder / 'results.json')} and {printable(done.folder / 'report.html')}"
    show_results(done, done.results, as_json, places)
