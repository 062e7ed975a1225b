"""OpenVINO models: read from files of weights, and kept in the user's cache once they were converted.

The cache has one folder per model, written whole and checked before use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.store import sha256_file
from data.weights.weight_files import cache_dir

_FILES = ("model.xml", "model.bin")
_STRAY_SECONDS = 86_400.0


def read_network(path: Path) -> Any:
    """The `openvino.Model` of a file in a format that OpenVINO reads (.tflite, .onnx, .xml).

    Raises:
        RuntimeError: OpenVINO cannot read it.
    """
    import openvino

    return openvino.Core().read_model(path)


def model_folder(name: Mapping[str, Any]) -> Path:
    """Folder of the kept model of that name: the name is everything that the model's content depends on."""
    key = hashlib.sha256(json.dumps(name, sort_keys=True).encode()).hexdigest()[:24]
    return cache_dir() / "graphs" / key


def load_model(name: Mapping[str, Any]) -> Any | None:
    """The kept `openvino.Model`, or None where there is none or it is damaged."""
    folder = model_folder(name)
    try:
        kept = json.loads((folder / "graph.json").read_text("utf-8"))
        if kept["name"] != dict(name) or any(sha256_file(folder / file) != kept["sha256"][file] for file in _FILES):
            return None
        return read_network(folder / _FILES[0])
    except (OSError, ValueError, KeyError, RuntimeError):
        return None


def store_model(name: Mapping[str, Any], model: Any) -> None:
    """Keep an `openvino.Model` with its numbers unrounded.

    The cache is a convenience: where it cannot be written, nothing is kept and nothing fails.
    """
    import openvino

    folder = model_folder(name)
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for stray in folder.parent.glob(".graph-*"):  # of a killed process
            if time.time() - stray.stat().st_mtime > _STRAY_SECONDS:
                shutil.rmtree(stray, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".graph-") as scratch:
            made = Path(scratch, "graph")
            made.mkdir()
            openvino.save_model(model, made / _FILES[0], compress_to_fp16=False)
            hashes = {file: sha256_file(made / file) for file in _FILES}
            (made / "graph.json").write_text(json.dumps({"name": dict(name), "sha256": hashes}, indent=1), "utf-8")
            if folder.exists():  # damaged, or another process was faster: ours is whole either way
                shutil.rmtree(folder, ignore_errors=True)
            os.replace(made, folder)
