"""`pack`."""

from __future__ import annotations

from pathlib import Path

from data.errors import printable
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import CacheFolder, Config, OutPlace, Overrides
from pipeline.cli.terminal import Terminal, say


@command(api.pack, "pack --config tasd2 --set dataset.root=TASD-2 --out tasd2.h5")
def pack(
    config: Config = None,
    out: OutPlace = Path("features.h5"),
    cache: CacheFolder = None,
    overrides: Overrides = None,
) -> None:
    """Print what was packed."""
    features = api.pack(config=config, out=out, cache=cache, overrides=overrides or (), observer=Terminal())
    say(f"{len(features)} performances in {printable(out)}, {out.stat().st_size / 1e6:.1f} MB")
