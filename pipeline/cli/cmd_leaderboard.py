"""`leaderboard`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import api
from pipeline.cli.cmd_evaluate import show_evaluation
from pipeline.cli.command import command

if TYPE_CHECKING:
    from pipeline.evaluate import Evaluation


@command(api.leaderboard, "leaderboard --config jigsaws --pack jigsaws.h5")
def leaderboard(done: Evaluation, as_json: bool) -> None:
    """Print the tables."""
    show_evaluation(done, as_json)
