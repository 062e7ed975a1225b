"""SHA-256 of a run folder's files, so that no damaged model scores, and of its training videos, which are no test.

    RUN/sha256.json     format 1: {"files": {name: SHA-256}}
    RUN/training.json   format 1: {"contents": [SHA-256 of every input file that training read, sorted]}

The hashes detect damage. They are no signature: whoever can change a file can change its hash too. `training.json`
holds no names. A run that was trained from a packed file has none: the pack knows features, not files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from data.errors import DataError
from data.store import open_regular, parse_json, read_json, read_regular, sha256_file, write_text
from pipeline.run import Plan

HASHES = "sha256.json"
MODEL_FILES = ("model.json", "model.safetensors")
TRAINING = "training.json"
FILES = (*MODEL_FILES, "config.json", "calibration.json", "calibration.safetensors", TRAINING)
"""Every file that a score depends on; the model card is for people, who may add to it."""

MAX_BYTES = 1 << 16
MAX_FILE_BYTES = 1 << 32
"""Larger files of a model are refused before they are hashed."""

FORMAT = 1
FIX = "Copy the run folder again from where it was trained, or train it again"


def cover(folder: Path, names: tuple[str, ...] = FILES, texts: Mapping[str, str] | None = None) -> None:
    """Write the hashes of those of the files `names` that are in a run folder; all others are no longer checked.

    `texts` are contents of files that are written next.
    """
    hashes = {name: sha256_file(folder / name) for name in names if (folder / name).is_file()}
    hashes |= {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (texts or {}).items()}
    write_text(folder / HASHES, hash_table(hashes))


def hash_table(hashes: Mapping[str, str]) -> str:
    """The text of the file of hashes."""
    return json.dumps({"format": FORMAT, "files": dict(hashes)}, indent=1, sort_keys=True) + "\n"


def check_hashes(folder: Path) -> bool:
    """Compare the files of a run folder with their hashes; False where it has none.

    Raises DataError, which names the file, where one is missing or not as it was written.
    """
    place = folder / HASHES
    for name in (HASHES, *FILES):
        try:
            with open_regular(folder / name) as stream:
                if os.fstat(stream.fileno()).st_size > MAX_FILE_BYTES:
                    raise DataError(f"larger than {MAX_FILE_BYTES >> 30} GiB", where=folder / name, fix=FIX)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", where=folder / name, fix=FIX) from error
    if not place.exists():
        return False
    for name, expected in sorted(_table(place).items()):
        path = folder / name
        if not path.is_file():
            raise DataError("this file of the model is missing", where=path, fix=FIX)
        if sha256_file(path) != expected:
            raise DataError("this file is damaged: it differs from the one that 'train' wrote", where=path, fix=FIX)
    return True


def _table(place: Path) -> dict[str, str]:
    try:
        return read_table(read_regular(place, MAX_BYTES))
    except (OSError, ValueError) as error:
        raise DataError(f"these hashes cannot be read ({str(error)[:80]})", where=place, fix=FIX) from error


def read_table(text: bytes) -> dict[str, str]:
    """The hashes by name of a file of hashes. Raises ValueError: damaged, or it names no file of a model."""
    try:
        stored = parse_json(text)
        files = stored["files"]
        if stored["format"] != FORMAT:
            raise ValueError(f"format {stored['format']}")
        # A name outside of the list is refused: it could name any file of the machine.
        if not isinstance(files, dict) or not set(MODEL_FILES) <= set(files) <= set(FILES):
            raise ValueError("other files than those of a model")
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from error
    return files


def write_contents(folder: Path, plans: Iterable[Plan]) -> None:
    """Write the hashes of the input files of the training performances' plans."""
    hashes = {content for plan in plans for step in plan.steps for content in step.computation.inputs.values()}
    contents = sorted(content for content in hashes if len(content) == 64)  # others are unreadable files
    write_text(folder / TRAINING, json.dumps({"format": FORMAT, "contents": contents}, indent=1) + "\n")


def read_contents(folder: Path) -> frozenset[str] | None:
    """The hashes of a run folder; None where it has none. Raises DataError where the file is damaged."""
    try:
        stored = read_json(folder / TRAINING)
        if stored["format"] != FORMAT:
            return None
        return frozenset(str(content) for content in stored["contents"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError("damaged list of training videos", where=folder / TRAINING, fix="Train it again") from error
