"""The tree of commands, in the order in which the help lists them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from data.errors import PROGRAM, UsageError
from pipeline import __version__
from pipeline.cli import commands
from pipeline.cli.command_options import PlainGroup

TOP = (
    commands.demo,
    commands.label,
    commands.extract,
    commands.status,
    commands.train,
    commands.evaluate,
    commands.leaderboard,
    commands.report,
    commands.compare,
    commands.plot,
    commands.serve,
    commands.score,
    commands.export,
    commands.push,
    commands.pack,
    commands.settings,
    commands.doctor,
)
GROUPS = {
    "data": (
        "Published data sets: what a copy holds, what is missing, and where to request it.",
        (commands.data_check,),
    ),
    "weights": (
        "Published weights: where they come from, their licence, hash, size and place.",
        (commands.weights_list, commands.weights_fetch, commands.weights_path, commands.weights_rm),
    ),
    "cache": (
        "Manage a cache: list its content, find damaged files, delete what is no longer needed.",
        (commands.cache_ls, commands.cache_verify, commands.cache_prune, commands.cache_gc, commands.cache_rm),
    ),
}
NO_COMMANDS = {
    "help": f"{PROGRAM} --help, or {PROGRAM} COMMAND --help",
    "preview": f"{PROGRAM} extract VIDEOS --preview",
}
"""Names that people try, and what to type instead."""

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
    """Add a hidden command `name`, which takes any options and raises UsageError with `fix`."""

    def answer() -> None:
        raise UsageError(f"'{name}' is no command", fix=fix)

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


for add in TOP:
    add(app)
for word, instead in NO_COMMANDS.items():
    _answer(word, f"Type: {instead}")
for name, (about, members) in GROUPS.items():
    group = typer.Typer(cls=PlainGroup, help=about)
    for add in members:
        add(group)
    app.add_typer(group, name=name)
