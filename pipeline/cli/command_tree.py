"""The tree of commands, in the order in which the help lists them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from data.errors import PROGRAM, UsageError
from pipeline import __version__
from pipeline.cli.cmd_cache import cache_gc, cache_ls, cache_prune, cache_rm, cache_verify
from pipeline.cli.cmd_compare import compare
from pipeline.cli.cmd_data import data_check
from pipeline.cli.cmd_demo import demo
from pipeline.cli.cmd_doctor import doctor
from pipeline.cli.cmd_evaluate import evaluate
from pipeline.cli.cmd_export import export
from pipeline.cli.cmd_extract import extract
from pipeline.cli.cmd_label import label
from pipeline.cli.cmd_leaderboard import leaderboard
from pipeline.cli.cmd_pack import pack
from pipeline.cli.cmd_plot import plot
from pipeline.cli.cmd_push import push
from pipeline.cli.cmd_report import report
from pipeline.cli.cmd_score import score
from pipeline.cli.cmd_serve import serve
from pipeline.cli.cmd_status import status
from pipeline.cli.cmd_train import train
from pipeline.cli.cmd_weights import weights_fetch, weights_list, weights_path, weights_rm
from pipeline.cli.command import PlainGroup

TOP = (
    *(demo, label, extract, status, train, evaluate, leaderboard),
    *(report, compare, plot, serve, score, export, push, pack, doctor),
)
GROUPS = {
    "data": ("Published data sets: what a copy holds, what is missing, and where to request it.", (data_check,)),
    "weights": (
        "Published weights: where they come from, their licence, hash, size and place.",
        (weights_list, weights_fetch, weights_path, weights_rm),
    ),
    "cache": (
        "Manage a cache: list its content, find damaged files, delete what is no longer needed.",
        (cache_ls, cache_verify, cache_prune, cache_gc, cache_rm),
    ),
}
REMOVED = {
    "search": f"{PROGRAM} evaluate --grid KEY=A,B, with the options of before except --folds, --runs, --sample",
    "reproduce": f"{PROGRAM} leaderboard --table N, with the options of before",
    "schema": f"{PROGRAM} COMMAND --set KEY=VALUE; docs/settings.md describes every key",
}
"""Commands of former versions, and what to type instead."""

NO_COMMANDS = {
    "help": f"{PROGRAM} --help, or {PROGRAM} COMMAND --help",
    "preview": f"{PROGRAM} extract VIDEOS --preview",
}
"""Names that people try, and what to type instead."""

app = typer.Typer(
    name="aqa",
    cls=PlainGroup,
    help="Raw videos in, action-quality scores out, every step between cached, inspectable and re-runnable.",
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
    """Let a name that is no command, with any options, answer with what to type."""

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
for word, instead in (NO_COMMANDS | REMOVED).items():
    _answer(word, f"Type: {instead}")
for name, (about, commands) in GROUPS.items():
    group = typer.Typer(cls=PlainGroup, help=about)
    for add in commands:
        add(group)
    app.add_typer(group, name=name)
