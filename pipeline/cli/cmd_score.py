"""`score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import alarm, finish, print_json, say, table

if TYPE_CHECKING:
    from pipeline.results import Score


@command(api.score, "score new_videos/ --model runs/tasd2 --out scores.csv")
def score(rows: list[Score], model: Path, as_json: bool) -> None:
    """Print one row per video."""
    from data.store import address
    from pipeline.score.flags import GUESSING
    from pipeline.score.score_tables import as_json as rows_as_json
    from pipeline.score.score_tables import score_rows

    if as_json:
        print_json({"model": address(model), "videos": rows_as_json(rows)})
    else:
        table(f"scores by {address(model)}", *score_rows(rows))
        scored = next((row for row in rows if row.accuracy), None)
        if scored is not None:
            guessing = any(flag.title == GUESSING for flag in scored.flags)
            (alarm if guessing else say)(scored.accuracy)
    finish(all(row.error is None for row in rows))
