"""Removes names of the account, the machine and folders from scores, for pages, CSV and JSON that are shared.

Model folders keep them as provenance.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.cache.failure import Failure
from pipeline.score.video_score import Score
from pipeline.settings.provenance import without_folders


def redact_score(row: Score) -> Score:
    """The score without folders of this machine in its texts and path."""
    return replace(
        row,
        path=None if row.path is None else Path(without_folders(str(row.path))),
        flags=tuple(replace(flag, detail=without_folders(flag.detail)) for flag in row.flags),
        failure=row.failure and redact_failure(row.failure),
    )


def redact_failure(failure: Failure) -> Failure:
    """The failure without folders of this machine in its texts."""
    return replace(failure, cause=without_folders(failure.cause), fix=without_folders(failure.fix))
