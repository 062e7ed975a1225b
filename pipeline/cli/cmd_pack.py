"""`pack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import counted
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say

if TYPE_CHECKING:
    from pipeline.features import FeatureSet


@command(api.pack, "pack --config tasd2 --set dataset.root=TASD-2 --out tasd2.h5")
def pack(features: FeatureSet, out: Path) -> None:
    """Print what was packed."""
    say(f"{counted(len(features), 'performance')} in {out}, {out.stat().st_size / 1e6:.1f} MB")
