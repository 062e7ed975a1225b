"""`status`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import AsJson, CacheFolder, Config, Inputs, Overrides, StageNames
from pipeline.cli.terminal import Terminal, finish, print_json


@command(api.status, "status videos/ --config folder")
def status(
    inputs: Inputs = None,
    config: Config = None,
    cache: CacheFolder = None,
    stages: StageNames = "",
    quality: Annotated[bool, typer.Option("--quality", help="every quality value, not only the main ones")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Print one row per video and stage."""
    state = api.status(
        inputs or (), config=config, cache=cache, stages=stages, overrides=overrides or (), observer=Terminal()
    )
    if as_json:
        print_json({"cache": state.cache, "rows": state.rows})
    else:
        from pipeline.console import status_table

        status_table(state.rows, all_values=quality)
    finish(state.ok)
