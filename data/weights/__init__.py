"""Weights of networks: the table of published files, their download and hashes, and models compiled before."""

from data.weights.compiled_models import load_compiled, read_network, store_compiled
from data.weights.registry import REGISTRY
from data.weights.weight_files import cache_dir, digest, fetch, locate, weight_rows, whole

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
    "whole",
]
