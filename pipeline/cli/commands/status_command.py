"""The command `status`."""

from __future__ import annotations

from dataclasses import replace

from pipeline import api
from pipeline.cli.command import Command, Line, Typed, after_features, plain
from pipeline.cli.terminal import say, say_fixes, table


def show(state: api.Status, typed: Typed) -> None:
    """Print one row per video and stage, and their number in each state."""
    table("", *state.table(all_values=typed.quality), red="failed")
    say(repr(state))
    say_fixes(row.reason for row in state.rows if row.reason and row.state == "failed")


def following(state: api.Status, typed: Typed) -> Line:
    """Run what is not fresh, or use the features."""
    if all(row.state == "fresh" for row in state.rows):
        return after_features(typed)
    again = replace(typed, words=["extract", *typed.without("--quality")[1:]])
    return ("run what is not fresh", *(again.words if state.ok else again.with_option("--retry-failed")))


STATUS = Command(
    api.status, "status videos/ --config folder", following, show, plain, lambda state: state.ok,
    {"quality": "every quality value, not only the main ones"},
)  # fmt: skip
