"""`push`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say


@command(api.push, "push runs/tasd2 s3://bucket/models/tasd2")
def push(place: str) -> None:
    """Print where the run is."""
    say(place)
