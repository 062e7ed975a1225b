"""`score`."""

from __future__ import annotations

from typing import Annotated

import typer

from data.errors import printable
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import AsJson, CacheFolder, Config, Model, OutFile, SomeInputs, Workers
from pipeline.cli.terminal import Terminal, finish, print_json, table


@command(api.score, "score new_videos/ --model runs/tasd2 --out scores.csv")
def score(
    inputs: SomeInputs,
    model: Model,
    config: Config = None,
    out: OutFile = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    other_settings: Annotated[bool, typer.Option("--other-settings")] = False,
    as_json: AsJson = False,
) -> None:
    """Print one row per video."""
    rows = api.score(
        inputs,
        model,
        config=config,
        out=out,
        cache=cache,
        workers=workers,
        other_settings=other_settings,
        observer=Terminal(),
    )
    from pipeline.score.score_tables import as_json as rows_as_json
    from pipeline.score.score_tables import score_rows

    if as_json:
        print_json({"model": str(model), "videos": rows_as_json(rows)})
    else:
        table(f"scores by {printable(model)}", *score_rows(rows))
    finish(all(row.error is None for row in rows))
