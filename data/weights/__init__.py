"""Weights of networks: the table of published files, their download and hashes, and the cache of compiled models."""

from data.weights.compiled_models import compiled_dir, kept_model, read_network
from data.weights.registry import REGISTRY
from data.weights.weight_files import cache_dir, digest, downloaded, fetch, locate, weight_rows, weights_dir, whole

__all__ = [
    "REGISTRY",
    "cache_dir",
    "compiled_dir",
    "digest",
    "downloaded",
    "fetch",
    "kept_model",
    "locate",
    "read_network",
    "weight_rows",
    "weights_dir",
    "whole",
]
