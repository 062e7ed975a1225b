"""The content of the training performances, so that a score of one of them is no test unnoticed.

    RUN/training.json   format 1: {"contents": [SHA-256 of every input file that training read, sorted]}

It holds no names. A run that was trained from a packed file has none: the pack knows features, not files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from data.errors import DataError
from data.store import read_json, write_text
from pipeline.extract import Plan

FILE = "training.json"
FORMAT = 1
HASH_LENGTH = 64


def write_contents(folder: Path, plans: Iterable[Plan]) -> None:
    """Write the hashes of the input files of the training performances' plans."""
    hashes = {content for plan in plans for step in plan.steps for content in step.computation.inputs.values()}
    contents = sorted(content for content in hashes if len(content) == HASH_LENGTH)  # others are unreadable files
    write_text(folder / FILE, json.dumps({"format": FORMAT, "contents": contents}, indent=1) + "\n")


def read_contents(folder: Path) -> frozenset[str] | None:
    """The hashes of a run folder; None where it has none. Raises DataError where the file is damaged."""
    try:
        stored = read_json(folder / FILE)
        if stored["format"] != FORMAT:
            return None
        return frozenset(str(content) for content in stored["contents"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError("damaged list of training videos", where=folder / FILE, fix="Train it again") from error
