"""How an argument of `pipeline.api` is typed on the command line; its help text is that of the docstring there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from data.errors import UsageError


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
    "run": (Path, typer.Argument(metavar="RUN")),
    "to": (Path, typer.Argument(metavar="ADDRESS")),
    "table": (str, typer.Argument(metavar="TABLE")),
    "names": (list[str] | None, typer.Argument(metavar="NAME…")),
    "name": (str, typer.Argument(metavar="NAME")),
    "config": (str | None, typer.Option("--config", "-c", metavar="PRESET|FILE")),
    "overrides": (list[str] | None, typer.Option("--set", metavar="KEY=VALUE")),
    "model": (Path, typer.Option("--model", "-m")),
    "kinematics": (Path | None, typer.Option(metavar="FILE")),
    "grids": (list[str] | None, typer.Option("--grid", metavar="KEY=A,B")),
    "cache": (Path | None, typer.Option(parser=cache_folder, metavar="PATH")),
    "pack": (Path | None, typer.Option()),
    "out": (Path | None, typer.Option()),
    "folder": (Path, typer.Option()),
    "format": (str, typer.Option(metavar="h5|npz|csv|parquet")),
    "address": (str | None, typer.Option()),
    "systems": (str, typer.Option(metavar="NAME,NAME")),
    "workers": (int | None, typer.Option(min=0)),
    "folds": (int | None, typer.Option(min=0)),
    "runs": (int, typer.Option(min=1)),
    "sample": (int, typer.Option(min=0)),
    "sections": (int, typer.Option(min=0)),
    "port": (int, typer.Option(min=0, max=65535)),
    "max_gb": (float | None, typer.Option(min=0)),
    "log_days": (float, typer.Option(min=0)),
}
"""Type and option by the argument's name. Without an entry: a flag where it is False by default, else one text."""

DISPLAY = {
    "as_json": Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")],
    "quality": Annotated[bool, typer.Option("--quality", help="every quality value, not only the main ones")],
}
"""Flags that only decide how results are shown; a command has those that its function takes."""
