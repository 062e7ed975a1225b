"""The command line: one file per command, which parses, calls the function of that name in `pipeline.api`, prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.cli.cli_main import main
    from pipeline.cli.command_tree import app
else:
    __getattr__ = importer(
        __name__,
        cli_main="main",
        command_tree="app",
    )

__all__ = ["app", "main"]
