"""Weights of networks: the table of published files, their download and hashes, and the cache of compiled models."""

from data.weights.compiled_models import compiled_dir, kept_model, read_network
from data.weights.registry import REGISTRY
from data.weights.weight_files import (
    ListedWeights,
    cache_dir,
    digest,
    downloaded,
    fetch,
    list_weights,
    locate,
    weights_dir,
    whole,
)

__all__ = [
    "REGISTRY",
    "ListedWeights",
    "cache_dir",
    "compiled_dir",
    "digest",
    "downloaded",
    "fetch",
    "kept_model",
    "list_weights",
    "locate",
    "read_network",
    "weights_dir",
    "whole",
]
