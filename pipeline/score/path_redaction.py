"""Scores without names of the account, the machine and folders, for pages, CSV and JSON, which are made for sharing.

Model folders keep them, as provenance.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.cache.failure import Failure
from pipeline.score.score import Score
from pipeline.settings.provenance import without_folders


def redact_score(row: Score) -> Score:
    """The score with no folder of this machine in its texts and path."""
    return replace(
        row,
        path=None if row.path is None else Path(without_folders(str(row.path))),
        flags=tuple(replace(flag, detail=without_folders(flag.detail)) for flag in row.flags),
        failure=row.failure and redact_failure(row.failure),
    )


def redact_failure(failure: Failure) -> Failure:
    """The failure with no folder of this machine in its texts."""
    return replace(failure, cause=without_folders(failure.cause), fix=without_folders(failure.fix))
