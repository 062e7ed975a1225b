"""`leaderboard`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.cmd_evaluate import show_evaluation
from pipeline.cli.command import command
from pipeline.cli.options import (
    Address,
    AsJson,
    CacheFolder,
    Config,
    Engine,
    Oracle,
    OutPlace,
    Overrides,
    Pack,
    Workers,
)
from pipeline.cli.terminal import Terminal


@command(api.leaderboard, "leaderboard --config jigsaws --pack jigsaws.h5")
def leaderboard(
    config: Config = None,
    out: OutPlace = Path("runs/leaderboard"),
    pack: Pack = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    oracle: Oracle = False,
    as_json: AsJson = False,
) -> None:
    """Print the tables."""
    done = api.leaderboard(
        config=config, out=out, pack=pack, cache=cache, workers=workers, engine=engine, address=address,
        overrides=overrides or (), oracle=oracle, observer=Terminal(),
    )  # fmt: skip
    show_evaluation(done, as_json)
