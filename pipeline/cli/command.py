"""What every command shares: its help comes from the docstring of the `pipeline.api` function of the same name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from operator import getitem
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ParameterInfo

from pipeline import api
from pipeline.docstrings import description, entries

PROGRAM = "aqa" if Path(sys.argv[0]).stem == "aqa" else "python run_pipeline.py"
"""How the user called us, for examples."""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: as it is typed; a command of a group without the group's name.
        function: parses, calls and prints; typer reads its parameters.
        about: the help text.
        example: one whole command line.
    """

    name: str
    function: Callable[..., None]
    about: str
    example: str

    def add_to(self, app: typer.Typer) -> None:
        """Register this command."""
        app.command(self.name, help=self.about, epilog=f"Example: {self.example}")(self.function)


def command(call: Callable[..., Any], example: str) -> Callable[[Callable[..., None]], Command]:
    """Make a command of a function; words that it does not give itself are those of `call`'s docstring.

    Args:
        call: the function of `pipeline.api` that the command calls.
        example: what to type after the program's name.
    """

    def make(function: Callable[..., None]) -> Command:
        words = {**entries(api, "Common arguments"), **entries(call, "Args")}
        hints = get_type_hints(function, include_extras=True)
        function.__annotations__ = {name: _described(hint, words.get(name)) for name, hint in hints.items()}
        group, _, last = call.__name__.partition("_")
        name = last if group in ("cache", "weights") and last else call.__name__
        return Command(name, function, description(call), f"{PROGRAM} {example}")

    return make


def _described(hint: Any, words: str | None) -> Any:
    """An annotation whose option or argument has a help text."""
    if get_origin(hint) is not Annotated:
        return hint
    kind, *extras = get_args(hint)
    return getitem(Annotated, (kind, *(_with_help(extra, words) for extra in extras)))


def _with_help(extra: Any, words: str | None) -> Any:
    if not isinstance(extra, ParameterInfo) or extra.help is not None:
        return extra
    described = copy(extra)
    described.help = words
    return described
