"""`report`, `compare` and `plot`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say


@command(api.report, "report runs/tasd2 new_videos/ --out page.html")
def report(page: Path) -> None:
    """Print where the page is."""
    say(f"the report page: {page}")


@command(api.compare, "compare before.mp4 after.mp4 --model runs/tasd2")
def compare(page: Path) -> None:
    """Print where the page is."""
    say(f"the page of both videos: {page}")


@command(api.plot, "plot runs/evaluation --out figures/")
def plot(figures: list[Path]) -> None:
    """Print where the figures are."""
    for path in figures:
        say(str(path))
