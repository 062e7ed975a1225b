"""The command line: one file per command, which parses, calls the function of that name in `pipeline.api`, prints."""

from pipeline.cli.cli_main import main
from pipeline.cli.command_tree import app
