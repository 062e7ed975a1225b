"""`report`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say


@command(api.report, "report runs/tasd2 new_videos/ --out page.html")
def report(page: Path) -> None:
    """Print where the page is."""
    say(f"the report page: {page}")
