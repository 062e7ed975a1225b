"""The command line: a command parses, calls the function of its name in `pipeline.api`, prints."""

import sys

try:
    from pipeline.cli.cli_main import main
    from pipeline.cli.command_tree import app
except KeyboardInterrupt:  # before anything has begun
    sys.exit(130)

__all__ = ["app", "main"]
