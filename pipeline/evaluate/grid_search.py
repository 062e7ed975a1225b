"""`evaluate --grid`: settings of the network and the recipe chosen by inner validation, on training parts only.

A candidate is a method with one value for each setting of the grid. The row `CHOSEN` selects a candidate inside the
training part of each fold (`pipeline.folds.rows.best_candidate`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data.errors import UsageError
from pipeline.folds import Row, best_candidate
from pipeline.settings.config import Config
from pipeline.settings.method import Method
from pipeline.settings.yaml_values import parse_values
from pipeline.systems import AimSystem

SECTIONS = ("model", "train")

NO_CHOICE = ("train.seed", "train.networks")
"""Settings outside the method: a better seed is chance."""

CHOSEN = "AIM, settings by inner validation"
"""Name of the row whose settings are chosen for each fold."""


def parse_grid(grids: Sequence[str]) -> dict[str, list[Any]]:
    """`["model.width=64,128"]` to `{"model.width": [64, 128]}`; a list as one value needs brackets.

    Raises UsageError for another form, or a key that is not a setting of the network or the recipe.
    """
    grid: dict[str, list[Any]] = {}
    for text in grids:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not values:
            raise UsageError(f"'--grid {text}' is not of the form key=value,value", fix="--grid model.width=64,128")
        if key.split(".")[0] not in SECTIONS or key.count(".") != 1 or key in NO_CHOICE:
            why = "is not part of the method" if key in NO_CHOICE else "is not a setting of the network or the recipe"
            raise UsageError(f"'{key}' {why}", fix="Keys begin with model. or train., such as train.weight_decay")
        if key in grid:
            raise UsageError(f"'--grid {key}' is given twice", fix="Give all its values at once, separated by commas")
        grid[key] = _distinct(parse_values(values))
    if not grid:
        raise UsageError("nothing to search", fix="Example: --grid model.width=64,128 --grid train.weight_decay=.1,.3")
    return grid


def candidates(grid: Mapping[str, Sequence[Any]], configure: Callable[[list[str]], Config]) -> dict[str, Method]:
    """The methods for all combinations of the grid, by their settings such as `model.width=64`.

    `configure` makes a configuration with overrides of the form `key=value`. Raises UsageError for an invalid one.
    """
    override_lists = [[f"{key}={json.dumps(value)}" for value in values] for key, values in grid.items()]
    return {", ".join(overrides): configure([*overrides]).method for overrides in itertools.product(*override_lists)}


def by_inner_validation(tried: Mapping[str, Method]) -> Row:
    """AIM as a row that selects its settings inside each training part, so its results are unbiased."""
    systems = [
        AimSystem(name, method.network, method.train, times_difficulty=method.times_difficulty)
        for name, method in tried.items()
    ]
    return best_candidate(CHOSEN, systems)


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for i, value in enumerate(values) if value not in values[:i]]
