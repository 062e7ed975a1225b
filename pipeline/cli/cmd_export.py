"""`export`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say


@command(api.export, "export runs/tasd2 --out model.onnx")
def export(done: api.Exported, as_json: bool) -> None:
    """Print what was written."""
    if as_json:
        print_json(done.as_dict())
    else:
        say(done.text())
