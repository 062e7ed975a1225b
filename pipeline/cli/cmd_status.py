"""`status`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import finish, print_json


@command(api.status, "status videos/ --config folder")
def status(state: api.Status, quality: bool, as_json: bool) -> None:
    """Print one row per video and stage."""
    if as_json:
        print_json({"cache": state.cache, "rows": state.rows})
    else:
        from pipeline.console import status_table

        status_table(state.rows, all_values=quality)
    finish(state.ok)
