"""Compiled models in the user's cache: a folder per model, written whole, checked before use."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data.store import sha256_file
from data.weights.weight_files import cache_dir

_FILES = ("model.xml", "model.bin")
_STRAY_SECONDS = 86_400.0


def compiled_folder(name: Mapping[str, Any]) -> Path:
    """The folder of the compiled model of that name; the name is everything that its content depends on."""
    key = hashlib.sha256(json.dumps(name, sort_keys=True).encode()).hexdigest()[:24]
    return cache_dir() / "graphs" / key


def load_compiled(name: Mapping[str, Any], core: Any) -> Any | None:
    """The compiled model, read by `openvino.Core`, or None where there is none or it is damaged."""
    folder = compiled_folder(name)
    try:
        kept = json.loads((folder / "graph.json").read_text("utf-8"))
        if kept["name"] != dict(name) or any(sha256_file(folder / file) != kept["sha256"][file] for file in _FILES):
            return None
        return core.read_model(folder / _FILES[0])
    except (OSError, ValueError, KeyError, RuntimeError):
        return None


def store_compiled(name: Mapping[str, Any], save: Callable[[Path], Any]) -> None:
    """Keep a compiled model; `save` writes model.xml and model.bin at the path it is given.

    The cache is a convenience: where it cannot be written, nothing is kept and nothing fails.
    """
    folder = compiled_folder(name)
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for stray in folder.parent.glob(".graph-*"):  # of a killed process
            if time.time() - stray.stat().st_mtime > _STRAY_SECONDS:
                shutil.rmtree(stray, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".graph-") as scratch:
            made = Path(scratch, "graph")
            made.mkdir()
            save(made / _FILES[0])
            hashes = {file: sha256_file(made / file) for file in _FILES}
            (made / "graph.json").write_text(json.dumps({"name": dict(name), "sha256": hashes}, indent=1), "utf-8")
            if folder.exists():  # damaged, or another process was faster: ours is whole either way
                shutil.rmtree(folder, ignore_errors=True)
            os.replace(made, folder)
