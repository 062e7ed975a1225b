"""`score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import finish, print_json, table

if TYPE_CHECKING:
    from pipeline.results import Score


@command(api.score, "score new_videos/ --model runs/tasd2 --out scores.csv")
def score(rows: list[Score], model: Path, as_json: bool) -> None:
    """Print one row per video."""
    from pipeline.score.score_tables import as_json as rows_as_json
    from pipeline.score.score_tables import score_rows

    if as_json:
        print_json({"model": str(model), "videos": rows_as_json(rows)})
    else:
        table(f"scores by {model}", *score_rows(rows))
    finish(all(row.error is None for row in rows))
