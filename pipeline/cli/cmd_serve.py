"""`serve`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command


@command(api.serve, "serve --model runs/tasd2")
def serve(_: None) -> None:
    """Print nothing: the address is printed when serving begins."""
