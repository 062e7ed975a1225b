"""The files of a model folder: refuses damaged files by SHA-256, and numbers that no training gives.

    MODEL/sha256.json     format 1: {"files": {name: SHA-256}}

The hashes detect damage. They are not a signature: whoever can change a file can change its hash too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from data.errors import PROGRAM, DataError, printable
from data.store import open_regular, parse_json, read_json, read_regular, sha256_file, write_text

HASHES = "sha256.json"
MODEL_FILES = ("model.json", "model.safetensors")
FILES = (*MODEL_FILES, "config.json")
"""Every file that a score depends on. The model card has no hash, since people may edit it."""

DESCRIPTION, WEIGHTS = MODEL_FILES

LARGEST, LARGEST_WEIGHT = 1e15, 1e6
"""Largest absolute values of a model's numbers, and of its networks' weights, whose inputs are standardised."""

MAY_LACK = (
    "normaliser.",
    "combination.",
    "phases.",
    "train_labels",
    "duration",
    "head_truth",
    "head_predicted",
)
"""Parts of names of tensors that may contain NaN or infinity."""

MAX_BYTES = 1 << 16
MAX_FILE_BYTES = 1 << 32
"""Larger files of a model are refused before they are hashed."""

FORMAT = 1
FAULTS = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, ArithmeticError, MemoryError)
"""Errors of JSON, numpy and torch for incompatible parts of a model."""

TRAIN_AGAIN = f"Train it again: `{PROGRAM} train ROOT --config PRESET --out FOLDER`"
FIX = "Copy the model folder again from where it was trained, or train it again"


def cover(folder: Path) -> None:
    """Write the hashes of a model folder's files."""
    hashes = {name: sha256_file(folder / name) for name in FILES if (folder / name).is_file()}
    write_text(folder / HASHES, hash_table(hashes))


def hash_table(hashes: Mapping[str, str]) -> str:
    """The text of the file of hashes."""
    return json.dumps({"format": FORMAT, "files": dict(hashes)}, indent=1, sort_keys=True) + "\n"


def check_hashes(folder: Path) -> None:
    """Compare the files of a model folder with their hashes.

    Raises DataError that names the file if one is missing or changed.
    """
    hash_file = folder / HASHES
    try:
        hashes = read_hashes(read_regular(hash_file, MAX_BYTES))
    except FileNotFoundError:
        raise DataError("the hashes of this model are missing", where=hash_file, fix=FIX) from None
    except (OSError, ValueError) as error:
        raise DataError(f"these hashes cannot be read ({str(error)[:80]})", where=hash_file, fix=FIX) from error
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


def read_hashes(text: bytes) -> dict[str, str]:
    """The hashes by file name from a table of hashes.

    Raises ValueError if it is damaged or names files that a model does not have.
    """
    try:
        stored = parse_json(text)
        files = stored["files"]
        if stored["format"] != FORMAT:
            raise ValueError(f"format {stored['format']}")
        # Another name could be the path of any file on this machine.
        if not isinstance(files, dict) or not set(MODEL_FILES) <= set(files) <= set(FILES):
            raise ValueError("other files than those of a model")
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from error
    return files


def model_sha256(folder: Path) -> str:
    """SHA-256 of a saved model without its `origin`; copies of a model have the same."""
    described = {name: value for name, value in read_json(folder / DESCRIPTION).items() if name != "origin"}
    return hashlib.sha256(json.dumps([described, sha256_file(folder / WEIGHTS)]).encode()).hexdigest()


def model_below(folder: Path) -> Path | None:
    """A model one folder below, such as `demo/model` for `demo`."""
    with suppress(OSError):
        return min((path.parent for path in folder.glob(f"*/{DESCRIPTION}")), default=None)
    return None


def no_model_fix(folder: Path, writer: str = f"`{PROGRAM} train --out FOLDER`") -> str:
    """The fix for a folder without a model: name the model below it, or train one."""
    model = model_below(folder)
    return f"Did you mean {printable(model)}?" if model else f"Name the folder that {writer} wrote"


def require_finite(description: Any, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError if a number is not finite, or larger than training gives.

    `MAY_LACK` names the tensors whose values may be NaN (no label or rate) or infinite (a constant channel).
    """
    _require_finite_json(description, DESCRIPTION)
    for name, values in tensors.items():
        numbers = values.double().numpy()
        finite = np.isfinite(numbers)
        largest = float(np.abs(numbers[finite]).max(initial=0.0))
        whole = bool(finite.all()) or any(part in name for part in MAY_LACK)
        if not whole or largest > (LARGEST_WEIGHT if "state." in name else LARGEST):
            raise ValueError(f"a number of '{name}' is not finite, or too large")


def _require_finite_json(value: Any, field: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _require_finite_json(item, str(name))
    elif isinstance(value, list):
        for item in value:
            _require_finite_json(item, field)
    elif isinstance(value, (int, float)) and not abs(value) <= LARGEST:
        raise ValueError(f"a number of '{printable(field)}' is not finite, or too large")
