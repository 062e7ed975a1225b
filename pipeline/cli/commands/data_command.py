"""The command `data check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.outside import is_outside
from pipeline import api
from pipeline.cli.command import Command, Line, Typed, plain
from pipeline.cli.terminal import table

SHOWN_PROBLEMS = 10
"""Most problems of a data set that are listed; the rest is only counted."""


def show(checked: api.DataCheck, _: Typed) -> None:
    """Print counts, hashes and what is missing."""
    rows = [
        (name, listed, here, "" if known is None else known, {None: "", here: "agrees"}.get(known, "differs"))
        for name, listed, here, known in checked.counts
    ]
    table(f"{checked.kind}: {checked.root}", ("performances", "listed", "files here", "published", ""), rows)
    if checked.files:
        table("published files", ("file", "SHA-256"), checked.files)
    more = len(checked.problems) - SHOWN_PROBLEMS
    rest = [f"and {more} more"] * (more > 0)
    for line in (*checked.problems[:SHOWN_PROBLEMS], *rest, *checked.doubts):
        print(line)
    print("complete, as far as known" if checked.ok else f"where to request it: {checked.access}")


def document(checked: api.DataCheck, typed: Typed) -> dict[str, Any]:
    """Counts, hashes and what is missing."""
    return {**plain(checked, typed), "ok": checked.ok}


def following(checked: api.DataCheck, typed: Typed) -> Line:
    """Use a complete copy."""
    config = () if typed.config or is_outside(checked.kind) else ("--config", checked.kind)
    if not checked.ok:
        return ("when it is complete", *typed.words)
    if typed.features:
        return ("evaluate on them", "evaluate", Path(checked.root), *config, *typed.settings)
    return ("make its features", "extract", Path(checked.root), *config, *typed.settings)


CHECK = Command(api.data_check, "data check datasets/MTL-AQA", following, show, document, lambda checked: checked.ok)
