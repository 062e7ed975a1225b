"""The tree of commands, in the order in which the help lists them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from data.errors import PROGRAM, UsageError
from pipeline import __version__
from pipeline.cli.command import PlainGroup
from pipeline.cli.commands import cache_commands, data_command, weights_commands
from pipeline.cli.commands.demo_command import DEMO
from pipeline.cli.commands.evaluate_commands import EVALUATE, LEADERBOARD
from pipeline.cli.commands.extract_command import EXTRACT
from pipeline.cli.commands.label_command import LABEL
from pipeline.cli.commands.model_commands import EXPORT, PUSH, SERVE
from pipeline.cli.commands.pack_command import PACK
from pipeline.cli.commands.page_commands import COMPARE, PLOT, REPORT
from pipeline.cli.commands.score_command import SCORE
from pipeline.cli.commands.setup_commands import DOCTOR, SETTINGS
from pipeline.cli.commands.status_command import STATUS
from pipeline.cli.commands.train_command import TRAIN

TOP = (
    DEMO, LABEL, EXTRACT, STATUS, TRAIN, EVALUATE, LEADERBOARD, REPORT, COMPARE, PLOT, SERVE, SCORE, EXPORT, PUSH, PACK,
    SETTINGS, DOCTOR,
)  # fmt: skip
GROUPS = {
    "data": (
        "Published data sets: what a copy holds, what is missing, and where to request it.",
        (data_command.CHECK,),
    ),
    "weights": (
        "Published weights: where they come from, their licence, hash, size and place.",
        (weights_commands.LIST, weights_commands.FETCH, weights_commands.PATH, weights_commands.RM),
    ),
    "cache": (
        "Manage a cache: list its content, find damaged files, delete what is no longer needed.",
        (cache_commands.LS, cache_commands.VERIFY, cache_commands.PRUNE, cache_commands.GC, cache_commands.RM),
    ),
}
NO_COMMANDS = {
    "help": f"{PROGRAM} --help, or {PROGRAM} COMMAND --help",
    "preview": f"{PROGRAM} extract VIDEOS --preview",
}
"""Command names that people try, and what to type instead."""

app = typer.Typer(
    name="aqa",
    cls=PlainGroup,
    help="Predict action-quality scores from raw videos. Each step is cached and can be inspected and repeated.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"aqa {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="print the version and exit"),
    ] = False,
) -> None:
    """Options of the program itself."""


def _answer(name: str, fix: str) -> None:
    """Add a hidden command `name` that takes any options and raises UsageError with `fix`."""

    def answer() -> None:
        raise UsageError(f"'{name}' is not a command", fix=fix)

    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(name, hidden=True, add_help_option=False, context_settings=anything)(answer)


def refuse_single_hyphens(words: Sequence[str]) -> None:
    """Raise UsageError for `-config`, which the parser reads as `-c onfig`."""
    names = [name for word in words if len(name := word.partition("=")[0]) > 2 and re.match("-[a-z]", name)]
    options = _options_of(typer.main.get_command(app)) if names else ()
    for name in names:
        if f"-{name}" in options:
            raise UsageError(f"'{name}' has one hyphen", fix=f"Type: -{name}")


def _options_of(command: Any) -> set[str]:
    """The options of a command and of those below it."""
    below = (_options_of(inner) for inner in getattr(command, "commands", {}).values())
    return {option for parameter in command.params for option in parameter.opts}.union(*below)


for command in TOP:
    command.add_to(app)
for word, instead in NO_COMMANDS.items():
    _answer(word, f"Type: {instead}")
for name, (about, members) in GROUPS.items():
    group = typer.Typer(cls=PlainGroup, help=about)
    for command in members:
        command.add_to(group)
    app.add_typer(group, name=name)
