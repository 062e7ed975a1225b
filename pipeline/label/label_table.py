"""The tables that training reads: labels for the data set `folder`, and phases for `dataset.phases`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.datasets.phase_marks import COLUMNS
from data.datasets.rater_answers import all_answers
from data.datasets.tables import MAX_BYTES, csv_lines, spreadsheet_text, without_mark
from data.errors import UsageError
from data.store import read_regular, write_text
from data.video import LABELS
from pipeline.label.questions import PHASES, RatingSession


@dataclass(frozen=True)
class VideoLabel:
    """The label of one video, a row of the table."""

    video: str
    raters: int
    scores: Mapping[str, float | None]  # by column; None without a label
    deviation: float | None
    judges: tuple[float, ...] | None

    @property
    def state(self) -> str:
        """What the raters made of the video."""
        if {*self.scores.values()} != {None}:
            return "scored"
        return "not a performance" if self.judges is None else "skipped"

    def cells(self) -> dict[str, object]:
        """Cells by column."""
        return {"video": self.video, "raters": self.raters, **self.scores, "deviation": self.deviation,
                "judges": self.judges}  # fmt: skip


def write_labels(path: Path, rows: Sequence[VideoLabel]) -> None:
    """Write the table that the data set `folder` reads.

    An existing table keeps its other columns, such as subject or difficulty. Executions get a column difficulty to fill
    in, by which the folder's scores are multiplied. Raises UsageError for a table that `label` did not write.
    """
    existing, names = _existing_table(path)
    scores = [name for name in LABELS if any(name in row.scores for row in rows)]
    columns = ["video", *scores, "deviation", "raters", "judges"]
    names += ["difficulty"] if "execution" in scores and "score" not in scores else []
    further = [name for name in dict.fromkeys(names) if name not in columns]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, *further], lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        own = {
            "video": spreadsheet_text(row.video),
            "deviation": _number(row.deviation),
            "raters": str(row.raters),
            "judges": " ".join(map(_number, row.judges or ())),
        }
        kept = {name: existing.get(row.video, {}).get(name, "") for name in further}
        writer.writerow(kept | own | {name: _number(row.scores.get(name)) for name in scores})
    write_text(path, text.getvalue())


def write_phases(session: RatingSession) -> None:
    """Write FOLDER/phases/<rater>.csv from the answers of each rater. Raises as `RatingSession.check_folders`."""
    session.check_folders()
    videos = session.by_content()
    for rater, answers in all_answers(session.folder, marked=True)[0].items():
        rows = [
            (spreadsheet_text(videos[content].id), spreadsheet_text(mark.name), f"{mark.start:.4f}", f"{mark.end:.4f}")
            for (content,), answer in answers.items()
            for mark in (answer.phases if content in videos else ())
        ]
        if rows:
            write_text(session.folder / PHASES / f"{rater}.csv", csv_lines([COLUMNS, *rows]))


def _existing_table(path: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """The rows of the table at a path by video, and its columns; empty without a table."""
    try:
        content = read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read ({error})", where=path, fix="Name another table with --out") from error
    table = csv.DictReader(io.StringIO(content))
    names = list(table.fieldnames or ())
    if not {"video", "raters", "judges"} <= set(names):
        fix = "Rename it, or name another table: --out FILE"
        raise UsageError("this table was not written by `label`, and is not replaced", where=path, fix=fix)
    return {without_mark(row["video"]): row for row in table}, names


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
