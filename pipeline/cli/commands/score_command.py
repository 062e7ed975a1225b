"""The command `score`."""

from __future__ import annotations

from typing import Any

from data.errors import printable
from pipeline import api
from pipeline.cli.command import NEW_VIDEOS, Command, Line, Typed, as_typed
from pipeline.cli.commands.page_commands import page_of
from pipeline.cli.terminal import alarm, say, table


def show(rows: api.Scores, typed: Typed) -> None:
    """Print one row per video."""
    from data.store import address

    table(f"scores by {address(typed.model)}", *rows.table())
    for row in rows:
        if row.why and row.failure is None:
            alarm(f"{printable(row.id)}: no score: {printable(row.why)}")
    for quantity, accuracy in {row.quantity: row.accuracy for row in rows if row.accuracy}.items():
        of = "" if quantity == "score" else f"{quantity}: "
        (say if accuracy.better else alarm)(f"{of}{accuracy}")


def document(rows: api.Scores, typed: Typed) -> dict[str, Any]:
    """The scores, and the model without folders of this machine."""
    from data.store import address, is_shared
    from pipeline.score.score_tables import scores_as_json
    from pipeline.settings.provenance import without_folders

    name = address(typed.model) if is_shared(typed.model) else without_folders(str(typed.model))
    return {"model": name, "videos": scores_as_json(rows)}


def following(rows: api.Scores, typed: Typed) -> Line:
    """The page that explains the scores."""
    if all(row.failure is not None for row in rows):
        return ("when they are fixed", *typed.words)
    if typed.kinematics is not None:
        return ("score others", "score", NEW_VIDEOS, "--model", as_typed(typed.model))
    return page_of("see the movement", typed)


SCORE = Command(
    api.score, "score new_videos/ --model runs/tasd2 --out scores.csv", following, show, document,
    lambda rows: all(row.failure is None for row in rows),
)  # fmt: skip
