"""Removes names of the account, the machine and folders from pages, CSV and JSON, which are made for sharing.

Run folders keep them, as provenance.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.score.score import Score

_FOLDERS = re.compile(
    r"(?<![\w./\\-])"
    r"(?:[A-Za-z]:[\\/](?:[^\\/:*?\"<>|\r\n]+[\\/])*|(?:file:/*)?/(?:[^/\s'\"<>:,;]+/)+)"
)
"""The folders of an absolute path, up to its last separator: of POSIX, of Windows, of a file's address."""


def without_folders(text: str) -> str:
    """`text` with every absolute path cut to its last name; relative paths stay."""
    home = Path.home()
    for place in (Path.cwd(), home):  # their names may hold spaces, which end a path for the expression
        if place != Path(place.anchor):
            text = re.sub(rf"{re.escape(str(place))}[/\\]", "", text)
            text = re.sub(rf"{re.escape(str(place))}\b", "~" if place == home else place.name, text)
    return _FOLDERS.sub("", text)


def without_folders_in(value: Any) -> Any:
    """`value` with `without_folders` applied to every text in nested mappings and lists."""
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, dict):
        return {key: without_folders_in(item) for key, item in value.items()}
    return [without_folders_in(item) for item in value] if isinstance(value, (list, tuple)) else value


def shareable(row: Score) -> Score:
    """The score with no folder of this machine in its texts and path."""
    return replace(
        row,
        path=None if row.path is None else Path(without_folders(str(row.path))),
        flags=tuple(replace(flag, detail=without_folders(flag.detail)) for flag in row.flags),
        failure=row.failure
        and replace(row.failure, cause=without_folders(row.failure.cause), fix=without_folders(row.failure.fix)),
    )
