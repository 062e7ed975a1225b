"""Makes a command of a `pipeline.api` function: its arguments become options, its docstring becomes the help.

`OPTIONS` says how an argument is typed on the command line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from copy import copy
from inspect import Parameter, Signature, getdoc, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from data.errors import PROGRAM, UsageError, quoted, typed
from pipeline import api
from pipeline.cli.next_lines import NEXT, Typed
from pipeline.cli.terminal import Terminal, say


class PlainFlags:
    """A command or group whose help shows no `<bool>` after a flag: it would invite `--preview true`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options, among them `--help`."""
        options: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for option in options:
            if getattr(option, "is_flag", False):
                option.metavar = ""
        return options


class PlainCommand(PlainFlags, TyperCommand):
    """See `PlainFlags`. Where a setting is typed as an option, the error names the line with `--set`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words. Raises UsageError for an unknown option that has the name of a setting."""
        ctx.meta[WORDS] = [*ctx.command_path.removeprefix(PROGRAM).split(), *args]
        options = {text for option in self.get_params(ctx) for text in option.opts}
        for place, word in enumerate(args if "--set" in options else ()):
            if word == "--":
                break
            if word.startswith("--") and word.partition("=")[0] not in options:
                _refuse_setting(ctx.meta[WORDS][: place - len(args)], args[place:])
        return super().parse_args(ctx, args)


class PlainGroup(PlainFlags, TyperGroup):
    """See `PlainFlags`."""


Command = Callable[[typer.Typer], None]
"""Adds a command to an app or a group of commands."""

WORDS = "aqa.words"
"""Key of a context: the command and its words, as they were typed."""

SECTION = re.compile(r"^(?:Args|Returns|Raises|Yields|Attributes):$", re.MULTILINE)


def _refuse_setting(before: list[str], words: list[str]) -> None:
    """Raise UsageError if the first of `words` is a setting, such as `--protocol louo`; `before` precede it."""
    from pipeline.settings.config import setting_classes
    from pipeline.settings.config_errors import all_keys

    (option, equals, value), after = words[0].partition("="), words[1:]
    name = option.removeprefix("--").replace("-", "_")
    every = dict.fromkeys(key for kind in setting_classes() for key in all_keys(kind))
    keys = [key for key in every if key.rpartition(".")[2] == name]
    if not keys:
        return
    if not equals and after and not after[0].startswith("-"):
        value, *after = after
    if len(keys) > 1:
        fix = f"Type {' or '.join(quoted('--set', f'{key}={value}') for key in keys)}"
    else:
        fix = f"Type: {typed(*before, '--set', f'{keys[0]}={value}', *after)}"
    raise UsageError(f"'{option}' is no option; it is a setting", fix=fix)


def cache_folder(text: str | Path) -> Path:
    """The folder that `--cache` names. Raises UsageError for an empty name, such as that of an unset variable."""
    if not str(text).strip():
        fix = "Name it: --cache FOLDER; `--cache .` is the working directory"
        raise UsageError("'--cache' names no folder", fix=fix)
    return Path(text)


OPTIONS: dict[str, tuple[Any, Any]] = {
    "inputs": (list[Path] | None, typer.Argument(metavar="INPUT…")),
    "root": (Path, typer.Argument(metavar="ROOT")),
    "a": (str, typer.Argument(metavar="A")),
    "b": (str, typer.Argument(metavar="B")),
    "to": (Path, typer.Argument(metavar="ADDRESS")),
    "table": (str, typer.Option(metavar="2…7")),
    "names": (list[str] | None, typer.Argument(metavar="NAME…")),
    "name": (str, typer.Argument(metavar="NAME")),
    "section": (str, typer.Argument(metavar="SECTION")),
    "config": (str | None, typer.Option("--config", "-c", metavar="PRESET|FILE")),
    "overrides": (list[str] | None, typer.Option("--set", metavar="KEY=VALUE")),
    "model": (Path, typer.Option("--model", "-m", metavar="MODEL")),
    "kinematics": (Path | None, typer.Option(metavar="FILE")),
    "grids": (list[str] | None, typer.Option("--grid", metavar="KEY=A,B")),
    "features": (list[str] | None, typer.Option("--features", metavar="[PART=]PATH")),
    "cache": (Path | None, typer.Option(parser=cache_folder, metavar="PATH")),
    "pack": (Path | None, typer.Option()),
    "out": (Path | None, typer.Option()),
    "folder": (Path, typer.Option()),
    "format": (str, typer.Option(metavar="h5|npz|csv|parquet")),
    "engine": (str | None, typer.Option(metavar="local|ray")),
    "address": (str | None, typer.Option()),
    "systems": (str, typer.Option(metavar="NAME,NAME")),
    "workers": (int | None, typer.Option(min=0)),
    "folds": (int | None, typer.Option(min=0)),
    "sections": (int, typer.Option(min=0)),
    "port": (int, typer.Option(min=0, max=65535)),
    "keep": (list[str] | None, typer.Option(metavar="PRESET|FILE")),
    "max_gb": (float | None, typer.Option(min=0)),
}
"""Type and option by the argument's name. An argument without an entry is a flag if its default is False, else text."""

MODEL = (Path, typer.Argument(metavar="MODEL"))
"""The entry of `model` for commands about the folder itself: it is their first word."""

RESULT = (Path, typer.Argument(metavar="FOLDER"))
"""The same for commands that also show an evaluation."""

DISPLAY = {
    "as_json": Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")],
    "quality": Annotated[bool, typer.Option("--quality", help="every quality value, not only the main ones")],
}
"""Flags that only decide how results are shown; a command has those that its printing function takes."""


def command(call: Callable[..., Any], example: str, **options: Any) -> Callable[[Callable[..., None]], Command]:
    """Return a decorator that makes a command of `call`, a function of `pipeline.api`, and of a function that prints.

    The arguments of `call` become options, with their defaults and the texts of its docstring; `options` replaces
    entries of `OPTIONS`. The first parameter of the printing function takes what `call` returned. Its further
    parameters take options of these names, or flags of `DISPLAY`. The line of `NEXT` comes last, except after JSON.
    """

    def make(show: Callable[..., None]) -> Command:
        parameters = dict(signature(call).parameters)
        observed = parameters.pop("observer", None) is not None
        wanted = [name for name in list(signature(show).parameters)[1:] if name in {*parameters, *DISPLAY}]

        def function(ctx: typer.Context, **given: Any) -> None:
            arguments = {name: given[name] for name in parameters if given[name] is not None}
            if observed:
                arguments["observer"] = Terminal()
            with redirect_stdout(sys.stderr):  # what libraries print, such as Ray of a dead node, is no result
                result = call(**arguments)
            try:
                show(result, **{name: given[name] for name in wanted})
            except typer.Exit:  # how `finish` gives the exit code
                _say_next(call.__name__, result, Typed(ctx.meta[WORDS], given))
                raise
            _say_next(call.__name__, result, Typed(ctx.meta[WORDS], given))

        texts = {**entries(api, "Args"), **entries(call, "Args")}
        parts = [_typed(one, texts.get(name, ""), {**OPTIONS, **options}) for name, one in parameters.items()]
        parts.append(Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context))
        flags = [name for name in wanted if name in DISPLAY]
        parts += [Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=DISPLAY[name]) for name in flags]
        function.__signature__ = Signature(parts)  # type: ignore[attr-defined]

        def add(app: typer.Typer) -> None:
            name = call.__name__.rpartition("_")[2]  # `cache_ls` is `ls` of the group `cache`
            epilog = f"Example: {PROGRAM} {example}"
            app.command(name, cls=PlainCommand, help=description(call), epilog=epilog)(function)

        return add

    return make


def show_nothing(_: object) -> None:
    """Print nothing: the call's notes have said it."""


def _say_next(name: str, result: Any, words: Typed) -> None:
    if not words.given.get("as_json"):
        what_for, *line = NEXT[name](result, words)
        say(f"{what_for}: {typed(*line)}")


def _typed(parameter: Parameter, help_text: str, options: dict[str, Any]) -> Parameter:
    """The parameter as typer reads it: its type, option, default and help text."""
    name, default = parameter.name, parameter.default
    kind, option = bool if default is False else str, typer.Option(f"--{name.replace('_', '-')}")
    if name in options and default is not False:
        kind, option = options[name]
    elif default is not False and isinstance(default, (int, float, Path)):
        raise TypeError(f"'{name}' needs an entry of OPTIONS: its type is unknown")
    option = copy(option)
    option.help = help_text
    default = None if default == () else default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def description(thing: Any) -> str:
    """The docstring up to its first section such as `Args:`; each paragraph is one line, which a terminal wraps."""
    text = SECTION.split(getdoc(thing) or "", maxsplit=1)[0].strip()
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def entries(thing: Any, section: str) -> dict[str, str]:
    """Text by name in a section such as `Args:`, as one line without its full stop; "a, b: text" gives two entries."""
    _, _, block = (getdoc(thing) or "").partition(f"{section}:\n")
    block = SECTION.split(block, maxsplit=1)[0]
    matches = re.findall(
        r"^ {4}([a-z_]\w*(?:, \w+)*): (.*?)(?=^ {4}\w[\w, ]*: |^\S|\Z)", block, re.MULTILINE | re.DOTALL
    )
    return {
        name.strip(): " ".join(text.split()).removesuffix(".") for names, text in matches for name in names.split(",")
    }
