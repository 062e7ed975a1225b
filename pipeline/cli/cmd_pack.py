"""`pack`."""

from __future__ import annotations

from data.errors import counted
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say


@command(api.pack, "pack --config tasd2 --set dataset.root=TASD-2 --out tasd2.h5")
def pack(packed: api.Packed) -> None:
    """Print what was packed."""
    files = f" ({packed.files} files)" if packed.path.is_dir() else ""
    say(f"{counted(packed.performances, 'performance')} in {packed.path}{files}, {packed.size / 1e6:.1f} MB")
