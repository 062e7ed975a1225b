"""`schema`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json


@command(api.schema, "schema > aqa.schema.json")
def schema() -> None:
    """Print the schema."""
    print_json(api.schema())
