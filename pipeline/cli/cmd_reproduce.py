"""`reproduce`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import api
from pipeline.cli.cmd_evaluate import show_evaluation
from pipeline.cli.command import command

if TYPE_CHECKING:
    from pipeline.evaluate import Evaluation


@command(api.reproduce, "reproduce 5 --config jigsaws --set dataset.root=JIGSAWS")
def reproduce(done: Evaluation, as_json: bool) -> None:
    """Print the tables."""
    show_evaluation(done, as_json)
