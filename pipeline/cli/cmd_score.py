"""`score`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import alarm, finish, print_json, say, table


@command(api.score, "score new_videos/ --model runs/tasd2 --out scores.csv")
def score(rows: list[api.Score], model: Path, origin: bool, as_json: bool) -> None:
    """Print one row per video."""
    from data.store import address, is_shared
    from pipeline.score.flags import GUESSING
    from pipeline.score.score_tables import as_json as rows_as_json
    from pipeline.score.score_tables import score_rows
    from pipeline.score.shareable import without_folders

    if as_json:
        name = address(model) if origin or is_shared(model) else without_folders(str(model))
        print_json({"model": name, "videos": rows_as_json(rows, origin=origin)})
    else:
        table(f"scores by {address(model)}", *score_rows(rows))
        scored = next((row for row in rows if row.accuracy), None)
        if scored is not None:
            guessing = any(flag.title == GUESSING for flag in scored.flags)
            (alarm if guessing else say)(scored.accuracy)
    finish(all(row.error is None for row in rows))
