"""The tree of commands, in the order in which the help lists them. A command or group NAME is in the file cmd_NAME."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from pipeline import __version__

TOP = (
    *("demo", "extract", "status", "train", "evaluate", "leaderboard", "reproduce", "search"),
    *("report", "compare", "plot", "serve", "score", "export", "push", "pack", "doctor", "schema"),
)
GROUPS = {
    "data": ("Published data sets: what a copy holds, what is missing, and where to request it.", ("check",)),
    "weights": (
        "Published weights: where they come from, their licence, hash, size and place.",
        ("list", "fetch", "path", "rm"),
    ),
    "cache": (
        "Manage a cache: list its content, find damaged files, delete what is no longer needed.",
        ("ls", "verify", "prune", "gc", "rm"),
    ),
}

app = typer.Typer(
    name="aqa",
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
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="print the version and exit")
    ] = False,
) -> None:
    """Options of the program itself."""


for name in TOP:
    getattr(import_module(f"pipeline.cli.cmd_{name}"), name)(app, name)
for name, (about, commands) in GROUPS.items():
    group = typer.Typer(help=about)
    for one in commands:
        getattr(import_module(f"pipeline.cli.cmd_{name}"), f"{name}_{one}")(group, one)
    app.add_typer(group, name=name)
