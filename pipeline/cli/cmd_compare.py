"""`compare`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say


@command(api.compare, "compare before.mp4 after.mp4 --model runs/tasd2")
def compare(page: Path) -> None:
    """Print where the page is."""
    say(f"the page of both videos: {page}")
