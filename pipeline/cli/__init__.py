"""The command line: a command parses, calls the function of its name in `pipeline.api`, prints."""

from pipeline.cli.cli_main import main
from pipeline.cli.command_tree import app

__all__ = ["app", "main"]
