"""`score`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import alarm, finish, print_json, say, table


@command(api.score, "score new_videos/ --model runs/tasd2 --out scores.csv")
def score(rows: list[api.Score], model: Path, as_json: bool) -> None:
    """Print one row per video."""
    from data.errors import printable
    from data.store import address, is_shared
    from pipeline.score.score_tables import as_json as rows_as_json
    from pipeline.score.score_tables import score_rows
    from pipeline.score.shareable import without_folders

    if as_json:
        name = address(model) if is_shared(model) else without_folders(str(model))
        print_json({"model": name, "videos": rows_as_json(rows)})
    else:
        table(f"scores by {address(model)}", *score_rows(rows))
        for row in rows:
            if row.score is not None and not row.valid:
                alarm(f"{printable(row.id)}: this score is not valid: {printable(row.why)}")
        accuracy = next((row.accuracy for row in rows if row.accuracy), None)
        if accuracy is not None:
            (say if accuracy.better else alarm)(str(accuracy))
    finish(all(row.error is None for row in rows))
