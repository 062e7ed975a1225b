"""`plot`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say


@command(api.plot, "plot runs/evaluation --out figures/")
def plot(figures: list[Path]) -> None:
    """Print where the figures are."""
    for path in figures:
        say(str(path))
