"""OpenVINO models: reads files of weights, and caches converted models.

The cache has one folder per model, written atomically and checked before use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data.store import read_json, sha256_file
from data.store.scratch import working_folder
from data.weights.weight_files import cache_dir

_FILES = ("model.xml", "model.bin")


def read_network(source: Path | bytes) -> Any:
    """The `openvino.Model` of a file (.tflite, .onnx, .xml) or of its bytes. Raises RuntimeError."""
    from data.weights.quiet_openvino import openvino

    return openvino.Core().read_model(source)


def compiled_dir() -> Path:
    """The folder of all compiled models."""
    return cache_dir() / "graphs"


def compiled_folder(name: Mapping[str, Any]) -> Path:
    """The folder of a compiled model; `name` has everything that determines the content."""
    key = hashlib.sha256(json.dumps(name, sort_keys=True).encode()).hexdigest()[:24]
    return compiled_dir() / key


def kept_model(name: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """The stored `openvino.Model`, or else the result of `make`, which is stored if possible."""
    stored = load_compiled(name)
    if stored is not None:
        return stored
    made = make()
    store_compiled(name, made)
    # A model read back may sum in another order, which changes the last bits, so the stored one is used.
    return load_compiled(name) or made


def load_compiled(name: Mapping[str, Any]) -> Any | None:
    """The stored `openvino.Model`, or None if it is missing or damaged."""
    folder = compiled_folder(name)
    try:
        kept = read_json(folder / "graph.json")
        if kept["name"] != dict(name) or any(sha256_file(folder / file) != kept["sha256"][file] for file in _FILES):
            return None
        return read_network(folder / _FILES[0])
    except (OSError, ValueError, LookupError, TypeError, RuntimeError):
        return None


def store_compiled(name: Mapping[str, Any], model: Any) -> None:
    """Store an `openvino.Model` in full precision, if possible; failures are ignored."""
    from data.weights.quiet_openvino import openvino

    folder = compiled_folder(name)
    with contextlib.suppress(OSError, RuntimeError):  # OpenVINO raises RuntimeError for a full disk
        folder.parent.mkdir(parents=True, exist_ok=True)
        with working_folder(folder.parent, ".graph-") as scratch:
            made = scratch / "graph"
            made.mkdir()
            openvino.save_model(model, made / _FILES[0], compress_to_fp16=False)
            hashes = {file: sha256_file(made / file) for file in _FILES}
            (made / "graph.json").write_text(json.dumps({"name": dict(name), "sha256": hashes}, indent=1), "utf-8")
            if folder.exists():  # damaged, or just written by another process; the new folder is complete
                shutil.rmtree(folder, ignore_errors=True)
            os.replace(made, folder)
