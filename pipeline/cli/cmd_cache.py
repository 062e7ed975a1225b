"""`cache ls`, `cache verify`, `cache prune` and `cache gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import AsJson, CacheFolder, Config, Inputs, Overrides, StageNames
from pipeline.cli.terminal import Terminal, finish, print_json, show_files, table


@command(api.cache_ls, "cache ls -c folder --stage pose")
def cache_ls(
    config: Config = None,
    cache: CacheFolder = None,
    stage: Annotated[str, typer.Option("--stage")] = "",
    runs: Annotated[bool, typer.Option("--runs")] = False,
    as_json: AsJson = False,
) -> None:
    """Print one row per stage, output or run."""
    listing = api.cache_ls(config=config, cache=cache, stage=stage, runs=runs)
    if as_json:
        print_json(listing.rows)
        return
    from pipeline.cache.housekeeping import shown

    columns = list(listing.rows[0]) if listing.rows else ["nothing here"]
    table(listing.title, columns, [shown(row) for row in listing.rows])


@command(api.cache_verify, "cache verify -c folder")
def cache_verify(config: Config = None, cache: CacheFolder = None, as_json: AsJson = False) -> None:
    """Print the damaged files."""
    damaged = api.cache_verify(config=config, cache=cache, observer=Terminal())
    show_files(damaged, as_json)
    finish(not damaged.files)


@command(api.cache_prune, "cache prune videos/ -c folder --yes")
def cache_prune(
    inputs: Inputs = None,
    config: Config = None,
    cache: CacheFolder = None,
    stages: StageNames = "",
    yes: Annotated[bool, typer.Option("--yes")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Print the files, deleted or not."""
    pruned = api.cache_prune(
        inputs or (), config=config, cache=cache, stages=stages, yes=yes, overrides=overrides or (),
        observer=Terminal(),
    )  # fmt: skip
    show_files(pruned, as_json)


@command(api.cache_gc, "cache gc -c folder --max-gb 50 --yes")
def cache_gc(
    config: Config = None,
    cache: CacheFolder = None,
    max_gb: Annotated[float | None, typer.Option("--max-gb", min=0)] = None,
    log_days: Annotated[float, typer.Option("--log-days", min=0)] = 365,
    yes: Annotated[bool, typer.Option("--yes")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the files, deleted or not."""
    collected = api.cache_gc(config=config, cache=cache, max_gb=max_gb, log_days=log_days, yes=yes, observer=Terminal())
    show_files(collected, as_json)
