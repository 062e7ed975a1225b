"""Weights of networks: the table of published files, their download and hashes, and the cache of compiled models."""

from data.weights.compiled_models import compiled_dir, load_compiled, read_network, store_compiled
from data.weights.registry import REGISTRY
from data.weights.weight_files import cache_dir, digest, downloaded, fetch, locate, weight_rows, weights_dir, whole

__all__ = [
    "REGISTRY",
    "cache_dir",
    "compiled_dir",
    "digest",
    "downloaded",
    "fetch",
    "load_compiled",
    "locate",
    "read_network",
    "store_compiled",
    "weight_rows",
    "weights_dir",
    "whole",
]
