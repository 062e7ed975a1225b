"""The commands `evaluate` and `leaderboard`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline import api
from pipeline.cli.command import Command, Typed
from pipeline.cli.terminal import say, systems_table


def show(done: api.Evaluation, _: Typed) -> None:
    """Print the notes, one table and the files of an evaluation."""
    from pipeline.evaluate.published_results import terminal_table
    from pipeline.evaluate.results_tables import curve_table, main_table

    for line in (*(done.results.audit.lines if done.results.audit else ()), *done.results.notes):
        say(str(line))
    systems_table(main_table(done.results))
    if (published := terminal_table(done.results)) is not None:
        systems_table(published)
    if done.results.curve:
        systems_table(curve_table(done.results.curve))
    say(f"{done.folder / 'results.json'} and {done.folder / 'report.html'}")


def document(done: api.Evaluation, _: Typed) -> Any:
    """The results."""
    from pipeline.evaluate import results_as_json

    return results_as_json(done.results)


def comparing(call: Callable[..., api.Evaluation], example: str) -> Command:
    """A command that compares systems; the line after it draws the figures."""
    return Command(call, example, lambda done, _: ("draw figures for a paper", "plot", done.folder), show, document)


EVALUATE = comparing(api.evaluate, "evaluate JIGSAWS --config jigsaws")
LEADERBOARD = comparing(api.leaderboard, "leaderboard --config jigsaws --pack jigsaws.h5")
