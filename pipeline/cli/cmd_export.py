"""`export`, `push` and `pack`: models and features for elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.errors import counted
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say

if TYPE_CHECKING:
    from pipeline.pack_formats import Packed
    from pipeline.score.export import Exported


@command(api.export, "export runs/tasd2 --out model.onnx")
def export(done: Exported, as_json: bool) -> None:
    """Print what was written."""
    if as_json:
        print_json(done.as_dict())
    else:
        say(done.text())


@command(api.push, "push runs/tasd2 s3://bucket/models/tasd2")
def push(place: str) -> None:
    """Print where the run is."""
    say(place)


@command(api.pack, "pack --config tasd2 --set dataset.root=TASD-2 --out tasd2.h5")
def pack(packed: Packed) -> None:
    """Print what was packed."""
    files = f" ({packed.files} files)" if packed.path.is_dir() else ""
    say(f"{counted(len(packed), 'performance')} in {packed.path}{files}, {packed.size / 1e6:.1f} MB")
