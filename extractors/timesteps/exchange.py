"""Augmentation of stored features: exchanging the roles of two people, which follows from the names of descriptors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.store.arrays import Rows, Singles


def exchange_map(names: Sequence[str]) -> tuple[Rows, Singles]:
    """How trial-level descriptors change if primary and only secondary exchange roles.

    Returns (descriptor,) the old index of each descriptor and its factor: new[c] = factor[c] * old[index[c]]. Raises
    ValueError: a descriptor of one agent has no counterpart.
    """
    index, factor = np.empty(len(names), dtype=np.intp), np.ones(len(names), dtype=np.float32)
    for i, name in enumerate(names):
        part, _, rest = name.partition(".")
        twin = {"primary": f"secondary.{rest}", "secondary": f"primary.{rest}"}.get(part, name)
        if twin not in names:
            raise ValueError(f"'{name}' has no counterpart '{twin}'")
        index[i], factor[i] = names.index(twin), -1.0 if part == "pair" and name.endswith(".lag_s") else 1.0
    return index, factor
