"""What every command shares: its options and its help come from the `pipeline.api` function of the same name."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from data.errors import PROGRAM
from pipeline import api
from pipeline.cli.options import DISPLAY, OPTIONS
from pipeline.cli.terminal import Terminal
from pipeline.docstrings import description, entries


@dataclass(frozen=True)
class Command:
    """One command."""

    name: str  # as it is typed; a command of a group without the group's name
    function: Callable[..., None]  # calls and prints; typer reads its signature
    about: str  # the help text
    example: str  # one whole command line

    def add_to(self, app: typer.Typer) -> None:
        """Register this command."""
        app.command(self.name, help=self.about, epilog=f"Example: {self.example}")(self.function)


def command(call: Callable[..., Any], example: str, **options: Any) -> Callable[[Callable[..., None]], Command]:
    """Make a command that calls a function of `pipeline.api` and hands what it returns to the decorated function.

    The arguments of `call` become options, with its defaults and the words of its docstring; `options` says how one is
    typed where it is not as in `OPTIONS`. The decorated function prints: its first parameter takes what `call`
    returned, further ones take the options of these names, among them the flags of `DISPLAY`.
    """

    def make(show: Callable[..., None]) -> Command:
        parameters = {name: one for name, one in signature(call).parameters.items() if name != "observer"}
        wanted = list(signature(show).parameters)[1:]

        def function(**given: Any) -> None:
            arguments = {name: given[name] for name in parameters if given[name] is not None}
            if "observer" in signature(call).parameters:
                arguments["observer"] = Terminal()
            show(call(**arguments), **{name: given[name] for name in wanted})

        words = {**entries(api, "Common arguments"), **entries(call, "Args")}
        typed = [_typed(one, words.get(name, ""), {**OPTIONS, **options}) for name, one in parameters.items()]
        typed += [
            Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=DISPLAY[name])
            for name in wanted
            if name in DISPLAY
        ]
        function.__signature__ = Signature(typed)  # type: ignore[attr-defined]
        group, _, last = call.__name__.partition("_")
        name = last if group in ("cache", "data", "weights") and last else call.__name__
        return Command(name, function, description(call), f"{PROGRAM} {example}")

    return make


def _typed(parameter: Parameter, words: str, options: dict[str, Any]) -> Parameter:
    """The parameter as typer reads it: what is typed, the default, and the help text."""
    name, default = parameter.name, parameter.default
    if default is False:
        kind, option = bool, typer.Option(f"--{name.replace('_', '-')}")
    else:
        kind, option = options[name].__origin__, copy(options[name].__metadata__[0])
    option.help = words
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=None if default == () else default, annotation=Annotated[kind, option]
    )
