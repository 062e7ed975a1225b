"""Options that several commands share; their help texts are the common arguments of `pipeline.api`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import UsageError


def cache_folder(text: str | Path) -> Path:
    """The folder that `--cache` names; an empty name, such as that of an unset variable, is not the working directory.

    Raises:
        UsageError: no name.
    """
    if not str(text).strip():
        fix = "Name it: --cache FOLDER; `--cache .` is the working directory"
        raise UsageError("'--cache' names no folder", fix=fix)
    return Path(text)


Inputs = Annotated[list[Path] | None, typer.Argument(metavar="INPUT…")]
SomeInputs = Annotated[list[Path], typer.Argument(metavar="INPUT…")]
Config = Annotated[str | None, typer.Option("--config", "-c", metavar="PRESET|FILE")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE")]
CacheFolder = Annotated[Path | None, typer.Option("--cache", parser=cache_folder, metavar="PATH")]
StageNames = Annotated[str, typer.Option("--stages")]
Pack = Annotated[Path | None, typer.Option("--pack")]
OutFile = Annotated[Path | None, typer.Option("--out")]
OutPlace = Annotated[Path, typer.Option("--out")]
Oracle = Annotated[bool, typer.Option("--oracle")]
Engine = Annotated[str, typer.Option("--engine")]
Address = Annotated[str | None, typer.Option("--address")]
Workers = Annotated[int | None, typer.Option("--workers", min=0)]
Run = Annotated[Path, typer.Argument(metavar="RUN")]
Model = Annotated[Path, typer.Option("--model", "-m")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")]
