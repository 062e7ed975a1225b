"""Weights of networks: published files, their download and hashes, and the cache of compiled models."""

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
