"""What every command shares: its options and its help come from the `pipeline.api` function of the same name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import copy
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import api
from pipeline.cli.options import DISPLAY, OPTIONS
from pipeline.cli.terminal import Terminal
from pipeline.docstrings import description, entries

PROGRAM = "aqa" if Path(sys.argv[0]).stem == "aqa" else "python run_pipeline.py"
"""How the user called us, for examples."""

Command = Callable[[typer.Typer, str], None]
"""Adds a command to an app or a group of commands, under a name."""


def command(call: Callable[..., Any], example: str, **options: Any) -> Callable[[Callable[..., None]], Command]:
    """Make a command that calls a function of `pipeline.api` and hands what it returns to the decorated function.

    The arguments of `call` become options, with its defaults and the words of its docstring; `options` says how one is
    typed where it is not as in `OPTIONS`. The decorated function prints: its first parameter takes what `call`
    returned, further ones take the options of these names, among them the flags of `DISPLAY`.
    """

    def make(show: Callable[..., None]) -> Command:
        parameters = dict(signature(call).parameters)
        observed = parameters.pop("observer", None) is not None
        wanted = [name for name in list(signature(show).parameters)[1:] if name in {*parameters, *DISPLAY}]

        def function(**given: Any) -> None:
            arguments = {name: given[name] for name in parameters if given[name] is not None}
            if observed:
                arguments["observer"] = Terminal()
            show(call(**arguments), **{name: given[name] for name in wanted})

        words = {**entries(api, "Common arguments"), **entries(call, "Args")}
        typed = [_typed(one, words.get(name, ""), {**OPTIONS, **options}) for name, one in parameters.items()]
        flags = [name for name in wanted if name in DISPLAY]
        typed += [Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=DISPLAY[name]) for name in flags]
        function.__signature__ = Signature(typed)  # type: ignore[attr-defined]

        def add(app: typer.Typer, name: str) -> None:
            app.command(name, help=description(call), epilog=f"Example: {PROGRAM} {example}")(function)

        return add

    return make


def show_nothing(_: object) -> None:
    """Print nothing: the call's notes have said it."""


def _typed(parameter: Parameter, words: str, options: dict[str, Any]) -> Parameter:
    """The parameter as typer reads it: what is typed, the default, and the help text."""
    name, default = parameter.name, parameter.default
    plain = (bool if default is False else str, typer.Option(f"--{name.replace('_', '-')}"))
    kind, option = plain if default is False else options.get(name, plain)
    option = copy(option)
    option.help = words
    default = None if default == () else default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
