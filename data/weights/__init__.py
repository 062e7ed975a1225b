"""Weights of networks: the table of published files, their download and hashes, and models compiled before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from data.weights.compiled_models import load_compiled, read_network, store_compiled
    from data.weights.registry import REGISTRY
    from data.weights.weight_files import cache_dir, digest, fetch, locate, weight_rows
else:
    __getattr__ = importer(
        __name__,
        compiled_models="load_compiled read_network store_compiled",
        registry="REGISTRY",
        weight_files="cache_dir digest fetch locate weight_rows",
    )

__all__ = [
    "REGISTRY",
    "cache_dir",
    "digest",
    "fetch",
    "load_compiled",
    "locate",
    "read_network",
    "store_compiled",
    "weight_rows",
]
