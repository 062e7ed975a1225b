"""Makes a command from a `pipeline.api` function: its arguments become options, its docstring becomes the help."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from inspect import Parameter, Signature, getdoc, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from data.errors import PROGRAM, AimError, UsageError, quoted, typed
from pipeline import api
from pipeline.api import arguments
from pipeline.cli.interrupts import INTERRUPTED, STOPPED
from pipeline.cli.terminal import SOME_FAILED, Terminal, print_json, say

Line = tuple[str | Path, ...]
"""The purpose of the next command, then its words; a name not after an option is a path (`data.errors.quoted`)."""

NEW_VIDEOS, NEW_FEATURES = "NEW_VIDEOS", "NEW_FEATURES"
"""Placeholders for the user's videos, whose folder is unknown."""

KINDS: Mapping[str, Any] = {
    "Place": Path,
    "Place | None": Path | None,
    "Places": list[Path] | None,
    "Sequence[str]": list[str] | None,
    "Overrides": list[str] | None,
    "Configuration": str | None,
    "Names": str | None,
    "str": str,
    "str | None": str | None,
    "bool": bool,
    "int": int,
    "int | None": int | None,
    "float | None": float | None,
}
"""The type that the command line reads, by the type of a call's argument."""

SPELLED = {
    "config": ("--config", "-c"),
    "model": ("--model", "-m"),
    "overrides": ("--set",),
    "grids": ("--grid",),
    "imported": ("--import",),
    "score_range": ("--range",),
    "as_json": ("--json",),
}
"""Options whose name differs from their argument's."""

METAVARS = {
    "inputs": "INPUT…",
    "names": "NAME…",
    "to": "ADDRESS",
    "table": "2…7",
    "config": "PRESET|FILE",
    "keep": "PRESET|FILE",
    "overrides": "KEY=VALUE",
    "grids": "KEY=A,B",
    "features": "[PART=]PATH",
    "cache": "PATH",
    "format": "h5|npz|csv|parquet",
    "engine": "local|ray",
    "kinematics": "FILE",
    "rubric": "FILE",
    "imported": "FILE",
    "systems": "NAME,NAME",
    "columns": "NAME,NAME",
    "phases": "NAME,NAME",
    "score_range": "LEAST,MOST",
    "host": "ADDRESS",
    "raters": "NAME,NAME",
}
"""Placeholders of values in the help, where the type says too little."""


def _cache_folder(text: str) -> Path:
    """The folder that `--cache` names. Raises UsageError for an empty name, such as that of an unset variable."""
    if not text.strip():
        fix = "Name it: --cache FOLDER; `--cache .` is the working directory"
        raise UsageError("'--cache' names no folder", fix=fix)
    return Path(text)


LIMITS: Mapping[str, Mapping[str, Any]] = {
    **{name: {"min": 0} for name in ("workers", "folds", "sections", "max_gb")},
    "port": {"min": 0, "max": 65535},
    "cache": {"parser": _cache_folder},
}
"""Limits and parsers of options."""

WORDS = "aqa.words"
"""Context key of the command and its words, as typed."""

SECTION = re.compile(r"^(?:Args|Returns|Raises|Yields|Attributes|See also):$", re.MULTILINE)


@dataclass(frozen=True)
class Typed:
    """A command as typed: its words, and its options' values by name."""

    words: list[str]
    given: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.given[name]

    @property
    def settings(self) -> Iterator[str | Path]:
        """Words for another command with the same settings."""
        for name, option in (("config", "--config"), ("overrides", "--set"), ("features", "--features")):
            values = self.given.get(name) or ()
            for value in (values,) if isinstance(values, (str, Path)) else values:
                yield from (option, str(value))
        yield from self.same_cache

    @property
    def same_cache(self) -> Line:
        """Words for another command with the same cache."""
        cache = self.given.get("cache")
        return () if cache is None else ("--cache", as_typed(cache))

    def without(self, option: str) -> list[str]:
        """The words without a flag."""
        return [word for word in self.words if word != option]

    def with_option(self, option: str) -> list[str]:
        """The words with a flag, placed before `--`, after which all words are names."""
        words = self.without(option)
        position = words.index("--") if "--" in words else len(words)
        return [*words[:position], option, *words[position:]]


def as_typed(path: Path) -> str | Path:
    """A path, or an address of a store, as typed."""
    from data.store import address, is_shared

    return address(path) if is_shared(path) else path


@dataclass(frozen=True)
class Command:
    """Parses words, makes one call, prints its result and the next command.

    Attributes:
        call: the function of `pipeline.api`.
        example: the words after the program's name.
        following: makes the next command from the result and the typed words; printed last, except after JSON.
        show: prints the result.
        document: the result as JSON types; None: the command has no `--json`.
        ok: whether the exit code is 0.
        flags: further flags that only change how the result is shown, with their help.
    """

    call: Callable[..., Any]
    example: str
    following: Callable[[Any, Typed], Line]
    show: Callable[[Any, Typed], object] = lambda result, typed: None
    document: Callable[[Any, Typed], Any] | None = None
    ok: Callable[[Any], bool] = lambda result: True
    flags: Mapping[str, str] = field(default_factory=dict)

    def add_to(self, app: typer.Typer) -> None:
        """Add the command to an app or a group of commands."""
        helps = {**entries(api, "Args"), **entries(self.call, "Args"), **self.flags}
        helps["as_json"] = "one JSON document on standard output, nothing else"
        shown = [*self.flags, *(["as_json"] if self.document else [])]
        further = [Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation="bool") for name in shown]
        parts = [
            _typed(parameter, helps[parameter.name])
            for parameter in (*parameters(self.call), *further)
            if parameter.name != "observer"
        ]
        context = Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context)

        def function(ctx: typer.Context, **values: Any) -> None:
            self._run(Typed(ctx.meta[WORDS], values))

        function.__signature__ = Signature([*parts, context])  # type: ignore[attr-defined]
        name = self.call.__name__.rpartition("_")[2]  # `cache_ls` is `ls` of the group `cache`
        epilog = f"Example: {PROGRAM} {self.example}"
        app.command(name, cls=PlainCommand, help=description(self.call), epilog=epilog)(function)

    def _run(self, words: Typed) -> None:
        values = {parameter.name: words.given.get(parameter.name) for parameter in parameters(self.call)}
        if "observer" in values:
            values["observer"] = Terminal()
        with redirect_stdout(sys.stderr):  # keeps prints of libraries, such as Ray's about a dead node, out of results
            result = self.call(**{name: value for name, value in values.items() if value is not None})
        if self.document and words.as_json:
            print_json(self.document(result, words))
        else:
            self.show(result, words)
            what_for, *line = self.following(result, words)
            say(f"{what_for}: {typed(*line)}")
        if not self.ok(result):
            raise typer.Exit(INTERRUPTED if STOPPED.is_set() else SOME_FAILED)


def after_features(typed: Typed) -> Line:
    """Extract stages left out; label videos without a table of labels; train on a data set."""
    from data.datasets.folder import CANDIDATES, list_folder
    from pipeline.run.inputs import data_set_at

    path = typed.inputs[0] if typed.inputs else None
    config = arguments.config_of(typed.config, typed.overrides or ())
    what_for = "train on its labels"
    if path and not data_set_at(typed.inputs, config):
        if not any((path / name).is_file() for name in CANDIDATES):
            return ("judge these videos", "label", path if path.is_dir() else NEW_VIDEOS, "--pairs")
        try:
            list_folder(path)
        except AimError as error:
            what_for = f"{error}; then {what_for}"
    line = (*map(as_typed, typed.inputs or ()), *typed.settings)
    if "timesteps" not in (typed.given.get("stages") or "timesteps"):
        return ("extract the other stages too", "extract", *line)
    return (what_for, "train", *line, "--out", "runs/mine")


def plain(result: Any, _: Typed) -> Any:
    """A dataclass, or a list of them, as JSON types."""
    return [asdict(item) for item in result] if isinstance(result, list) else asdict(result)


def parameters(call: Callable[..., Any]) -> list[Parameter]:
    """The arguments of a call, with those of `**given` one by one."""
    own = dict(signature(call).parameters)
    keywords = own.pop("given", None)
    if keywords is None:
        return [*own.values()]
    shared = getattr(arguments, keywords.annotation.removeprefix("Unpack[").removesuffix("]")).__annotations__
    return [
        *own.values(),
        *(Parameter(n, Parameter.KEYWORD_ONLY, default=None, annotation=a.__forward_arg__) for n, a in shared.items()),
    ]


def _typed(parameter: Parameter, help_text: str) -> Parameter:
    """The parameter as typer reads it: its type, option, default and help text."""
    name, default = parameter.name, parameter.default
    about: dict[str, Any] = {"help": help_text, "metavar": METAVARS.get(name), **LIMITS.get(name, {})}
    if parameter.kind is Parameter.KEYWORD_ONLY:
        option = typer.Option(*SPELLED.get(name, (f"--{name.replace('_', '-')}",)), **about)
    else:
        option = typer.Argument(**{**about, "metavar": METAVARS.get(name, name.upper())})
    kind = KINDS[parameter.annotation]
    default = None if default == () else default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def description(thing: Any) -> str:
    """The docstring up to its first section, such as `Args:`; a paragraph is one line, for the terminal to wrap."""
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


class PlainFlags:
    """A command or group whose help omits `<bool>` after a flag, which would invite `--preview true`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options, among them `--help`."""
        options: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for option in options:
            if getattr(option, "is_flag", False):
                option.metavar = ""
        return options


class PlainGroup(PlainFlags, TyperGroup):
    """See `PlainFlags`."""


class PlainCommand(PlainFlags, TyperCommand):
    """See `PlainFlags`. If a setting is typed as an option, the error gives the line with `--set`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words. Raises UsageError for a setting as an option, and for a missing `--model` near a model."""
        ctx.meta[WORDS] = [*ctx.command_path.removeprefix(PROGRAM).split(), *args]
        options = {text for option in self.get_params(ctx) for text in option.opts}
        for position, word in enumerate(args if "--set" in options else ()):
            if word == "--":
                break
            if word.startswith("--") and word.partition("=")[0] not in options:
                _refuse_setting(ctx.meta[WORDS][: position - len(args)], args[position:])
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            from pipeline.score.model_files import model_below

            config = ctx.params.get("config") or ""
            if getattr(error.param, "name", "") == "model" and (model := model_below(Path(config))):
                others = (word for word in ctx.meta[WORDS] if word not in (*SPELLED["config"], config))
                raise UsageError("--model is missing", fix=f"Type: {typed(*others, '--model', model)}") from None
            raise


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
    raise UsageError(f"'{option}' is not an option; it is a setting", fix=fix)
