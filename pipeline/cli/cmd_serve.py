"""`serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import Config, Model
from pipeline.cli.terminal import Terminal


@command(api.serve, "serve --model runs/tasd2")
def serve(
    model: Model,
    config: Config = None,
    folder: Annotated[Path, typer.Option("--folder")] = Path("runs/serve"),
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8765,
) -> None:
    """Print the address, and serve until Ctrl-C."""
    api.serve(model, config=config, folder=folder, port=port, observer=Terminal())
