"""The command `pack`."""

from __future__ import annotations

from data.errors import counted
from pipeline import api
from pipeline.cli.command import Command, Line, Typed
from pipeline.cli.terminal import say


def show(packed: api.Packed, _: Typed) -> None:
    """Print what was packed."""
    files = f" ({packed.files} files)" if packed.path.is_dir() else ""
    say(f"{counted(packed.performances, 'performance')} in {packed.path}{files}, {packed.size / 1e6:.1f} MB")


def following(packed: api.Packed, typed: Typed) -> Line:
    """Evaluate on the pack, or on the same features."""
    if packed.path.suffix == ".h5" and typed.stage in ("", "timesteps"):
        return ("evaluate on it", "evaluate", "--pack", packed.path, *typed.settings)
    root = () if typed.root is None else (typed.root,)
    return ("evaluate on the same features", "evaluate", *root, *typed.settings)


PACK = Command(api.pack, "pack TASD-2 --config tasd2 --out tasd2.h5", following, show)
