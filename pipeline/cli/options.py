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


OPTIONS: dict[str, Any] = {
    "inputs": Annotated[list[Path] | None, typer.Argument(metavar="INPUT…")],
    "root": Annotated[Path, typer.Argument(metavar="ROOT")],
    "a": Annotated[str, typer.Argument(metavar="A")],
    "b": Annotated[str, typer.Argument(metavar="B")],
    "run": Annotated[Path, typer.Argument(metavar="RUN")],
    "to": Annotated[Path, typer.Argument(metavar="ADDRESS")],
    "table": Annotated[str, typer.Argument(metavar="TABLE")],
    "names": Annotated[list[str] | None, typer.Argument(metavar="NAME…")],
    "name": Annotated[str, typer.Argument(metavar="NAME")],
    "config": Annotated[str | None, typer.Option("--config", "-c", metavar="PRESET|FILE")],
    "overrides": Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE")],
    "model": Annotated[Path, typer.Option("--model", "-m")],
    "kinematics": Annotated[Path | None, typer.Option("--kinematics", metavar="FILE")],
    "grids": Annotated[list[str] | None, typer.Option("--grid", metavar="KEY=A,B")],
    "cache": Annotated[Path | None, typer.Option("--cache", parser=cache_folder, metavar="PATH")],
    "pack": Annotated[Path | None, typer.Option("--pack")],
    "out": Annotated[Path | None, typer.Option("--out")],
    "folder": Annotated[Path, typer.Option("--folder")],
    "stages": Annotated[str, typer.Option("--stages")],
    "format": Annotated[str, typer.Option("--format", metavar="h5|npz|csv|parquet")],
    "stage": Annotated[str, typer.Option("--stage")],
    "shard": Annotated[str, typer.Option("--shard")],
    "engine": Annotated[str, typer.Option("--engine")],
    "address": Annotated[str | None, typer.Option("--address")],
    "systems": Annotated[str, typer.Option("--systems", metavar="NAME,NAME")],
    "formats": Annotated[str, typer.Option("--formats")],
    "workers": Annotated[int | None, typer.Option("--workers", min=0)],
    "folds": Annotated[int | None, typer.Option("--folds", min=0)],
    "runs": Annotated[int, typer.Option("--runs", min=1)],
    "sample": Annotated[int, typer.Option("--sample", min=0)],
    "sections": Annotated[int, typer.Option("--sections", min=0)],
    "port": Annotated[int, typer.Option("--port", min=0, max=65535)],
    "max_gb": Annotated[float | None, typer.Option("--max-gb", min=0)],
    "log_days": Annotated[float, typer.Option("--log-days", min=0)],
}
"""By the argument's name. Arguments that are False by default are flags, and need no entry."""

DISPLAY = {
    "as_json": Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")],
    "quality": Annotated[bool, typer.Option("--quality", help="every quality value, not only the main ones")],
}
"""Flags that only decide how results are shown; a command has those that its function takes."""
