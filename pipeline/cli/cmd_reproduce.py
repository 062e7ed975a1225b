"""`reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline import api
from pipeline.cli.cmd_evaluate import show_evaluation
from pipeline.cli.command import command
from pipeline.cli.options import Address, AsJson, CacheFolder, Config, Engine, OutPlace, Overrides, Pack, Workers
from pipeline.cli.terminal import Terminal


@command(api.reproduce, "reproduce 5 --config jigsaws --set dataset.root=JIGSAWS")
def reproduce(
    table: Annotated[str, typer.Argument(metavar="TABLE")],
    config: Config = None,
    out: OutPlace = Path("runs/reproduce"),
    pack: Pack = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Print the tables."""
    done = api.reproduce(
        table, config=config, out=out, pack=pack, cache=cache, workers=workers, engine=engine, address=address,
        overrides=overrides or (), observer=Terminal(),
    )  # fmt: skip
    show_evaluation(done, as_json)
