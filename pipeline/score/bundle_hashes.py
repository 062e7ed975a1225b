"""SHA-256 of the files of a run folder: a damaged or half-copied model is refused before it scores anything.

    RUN/sha256.json     format 1: {"files": {name: SHA-256}}

The hashes detect damage. They are no signature: whoever can change a file can change its hash too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from data.errors import DataError, printable
from data.store import sha256_file, write_text

HASHES = "sha256.json"
MODEL_FILES = ("model.json", "model.safetensors")
FILES = (*MODEL_FILES, "config.json", "calibration.json", "calibration.safetensors", "training.json")
"""Every file that a score depends on; the model card is for people, who may add to it."""

MAX_BYTES = 1 << 16
FORMAT = 1
FIX = "Copy the run folder again from where it was trained, or train it again"


def cover(folder: Path, names: tuple[str, ...] = FILES, texts: Mapping[str, str] | None = None) -> None:
    """Write the hashes of these files of a run folder, of those that are there.

    Args:
        folder: the run folder.
        names: the files; all others are no longer checked.
        texts: contents of files that are written next.

    Raises:
        OSError: the folder cannot be written.
    """
    hashes = {name: sha256_file(folder / name) for name in names if (folder / name).is_file()}
    hashes |= {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (texts or {}).items()}
    write_text(folder / HASHES, json.dumps({"format": FORMAT, "files": hashes}, indent=1, sort_keys=True) + "\n")


def check_hashes(folder: Path) -> bool:
    """Compare the files of a run folder with their hashes; returns False where the folder has none.

    Raises:
        DataError: a file is missing, or is not as it was written; the error names it.
    """
    place = folder / HASHES
    for name in (HASHES, *FILES):
        if (folder / name).exists() and not (folder / name).is_file():
            raise DataError("this is no regular file", where=folder / name, fix=FIX)
    if not place.exists():
        return False
    for name, expected in sorted(_read(place).items()):
        path = folder / name
        if not path.is_file():
            raise DataError("this file of the model is missing", where=path, fix=FIX)
        try:
            changed = sha256_file(path) != expected
        except OSError as error:
            raise DataError(f"not readable ({error.strerror})", where=path) from error
        if changed:
            raise DataError(
                "this file is damaged: it differs from the one that 'train' wrote",
                where=path,
                fix=FIX,
            )
    return True


def _read(place: Path) -> dict[str, str]:
    try:
        with place.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError("too long")
        stored = json.loads(content.decode("utf-8"))
        files = stored["files"]
        if stored["format"] != FORMAT:
            raise ValueError(f"format {stored['format']}")
        # A name outside of the list is refused: it could name any file of the machine.
        if not isinstance(files, dict) or not set(MODEL_FILES) <= set(files) <= set(FILES):
            raise ValueError("other files than those of a model")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"these hashes cannot be read ({printable(str(error))[:80]})", where=place, fix=FIX) from error
    return files
