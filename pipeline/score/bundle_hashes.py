"""SHA-256 of a run folder's files, so that a damaged model is refused.

    RUN/sha256.json     format 1: {"files": {name: SHA-256}}

The hashes detect damage. They are no signature: whoever can change a file can change its hash too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from data.errors import PROGRAM, DataError
from data.store import open_regular, parse_json, read_regular, sha256_file, write_text

HASHES = "sha256.json"
MODEL_FILES = ("model.json", "model.safetensors")
FILES = (*MODEL_FILES, "config.json")
"""Every file that a score depends on. The model card has no hash, since people may add to it."""

FORMER = ("calibration.json", "calibration.safetensors", "training.json")
"""Files of run folders of older versions."""

MAX_BYTES = 1 << 16
MAX_FILE_BYTES = 1 << 32
"""Larger files of a model are refused before they are hashed."""

FORMAT = 1
TRAIN_AGAIN = f"Train it again: `{PROGRAM} train ROOT --config PRESET --out FOLDER`"
FIX = "Copy the run folder again from where it was trained, or train it again"


def cover(folder: Path, texts: Mapping[str, str] | None = None) -> None:
    """Write the hashes of a run folder's files; `texts` are contents of files that are written next."""
    hashes = {name: sha256_file(folder / name) for name in FILES if (folder / name).is_file()}
    hashes |= {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (texts or {}).items()}
    write_text(folder / HASHES, hash_table(hashes))


def hash_table(hashes: Mapping[str, str]) -> str:
    """The text of the file of hashes."""
    return json.dumps({"format": FORMAT, "files": dict(hashes)}, indent=1, sort_keys=True) + "\n"


def older_version(place: str | Path) -> DataError:
    """The error for a run folder that an older version wrote."""
    return DataError("this model was trained by an older version", where=place, fix=TRAIN_AGAIN)


def check_hashes(folder: Path) -> None:
    """Compare the files of a run folder with their hashes.

    Raises DataError, which names the file, where one is missing or not as it was written, or for an older version.
    """
    place = folder / HASHES
    try:
        hashes = read_table(read_regular(place, MAX_BYTES), folder)
    except FileNotFoundError:
        raise DataError("the hashes of this model are missing", where=place, fix=FIX) from None
    except (OSError, ValueError) as error:
        raise DataError(f"these hashes cannot be read ({str(error)[:80]})", where=place, fix=FIX) from error
    for name, expected in sorted(hashes.items()):
        path = folder / name
        try:
            with open_regular(path) as stream:
                size = os.fstat(stream.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise DataError(f"larger than {MAX_FILE_BYTES >> 30} GiB", where=path, fix=FIX)
            whole = sha256_file(path) == expected
        except FileNotFoundError:
            raise DataError("this file of the model is missing", where=path, fix=FIX) from None
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", where=path, fix=FIX) from error
        if not whole:
            raise DataError("this file is damaged: it differs from the one that 'train' wrote", where=path, fix=FIX)


def read_table(text: bytes, place: str | Path) -> dict[str, str]:
    """The hashes by file name from the table of hashes of the run at `place`.

    Raises ValueError if it is damaged or names other files than those of a model, DataError for an older version.
    """
    try:
        stored = parse_json(text)
        files = stored["files"]
        if stored["format"] != FORMAT:
            raise ValueError(f"format {stored['format']}")
        if isinstance(files, dict) and set(FORMER) & set(files):
            raise older_version(place)
        # Another name could be the path of any file of the machine.
        if not isinstance(files, dict) or not set(MODEL_FILES) <= set(files) <= set(FILES):
            raise ValueError("other files than those of a model")
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from error
    return files
