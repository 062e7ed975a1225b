"""`search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import printable
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import Address, AsJson, CacheFolder, Config, Engine, OutPlace, Overrides, Pack, Workers
from pipeline.cli.terminal import Terminal, show_results


@command(api.search, "search --pack tasd2.h5 --grid train.weight_decay=.1,.3,.5")
def search(
    grids: Annotated[list[str], typer.Option("--grid", metavar="KEY=A,B")],
    config: Config = None,
    out: OutPlace = Path("runs/search"),
    pack: Pack = None,
    cache: CacheFolder = None,
    folds: Annotated[int, typer.Option("--folds", min=2)] = 3,
    runs: Annotated[int, typer.Option("--runs", min=1)] = 2,
    sample: Annotated[int, typer.Option("--sample", min=0)] = 0,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Print the candidates, the best first."""
    done = api.search(
        grids, config=config, out=out, pack=pack, cache=cache, folds=folds, runs=runs, sample=sample,
        workers=workers, engine=engine, address=address, overrides=overrides or (), observer=Terminal(),
    )  # fmt: skip
    places = f"{printable(done.table)}; the best settings: {printable(done.best)}"
    show_results(done, done.found, as_json, places)
