"""`plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import printable
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import Inputs, OutPlace, Run
from pipeline.cli.terminal import Terminal, say


@command(api.plot, "plot runs/evaluation --out figures/")
def plot(
    run: Run,
    inputs: Inputs = None,
    out: OutPlace = Path("figures"),
    formats: Annotated[str, typer.Option("--formats")] = "pdf,png",
) -> None:
    """Print where the figures are."""
    for path in api.plot(run, inputs or (), out=out, formats=formats, observer=Terminal()):
        say(printable(path))
