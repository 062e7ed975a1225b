"""`export`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.options import AsJson, OutPlace, Run
from pipeline.cli.terminal import print_json, say


@command(api.export, "export runs/tasd2 --out model.onnx")
def export(run: Run, out: OutPlace = Path("model.onnx"), as_json: AsJson = False) -> None:
    """Print what was written."""
    done = api.export(run, out=out)
    if as_json:
        print_json(done.as_dict())
    else:
        say(done.text())
