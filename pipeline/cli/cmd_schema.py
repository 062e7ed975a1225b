"""`schema`."""

from __future__ import annotations

from typing import Any

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json


@command(api.schema, "schema > aqa.schema.json")
def schema(content: dict[str, Any]) -> None:
    """Print the schema."""
    print_json(content)
