"""The command line: each command parses its words, calls the `pipeline.api` function of its name, and prints."""

from pipeline.cli import interrupts

interrupts.handle_while_importing()

from pipeline.cli.cli_main import main  # noqa: E402
from pipeline.cli.command_tree import app  # noqa: E402
