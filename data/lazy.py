"""Names that a package exports, imported on first use: `--help` loads no network and no decoder."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def importer(package: str, **homes: str) -> Callable[[str], Any]:
    """A package's `__getattr__`: imports an exported name from its module.

    Names are not cached: a test that replaces a name in its module replaces it here as well.

    Args:
        package: its dotted name.
        homes: module below the package, and the names that it defines, separated by spaces.
    """
    places = {name: f"{package}.{module}" for module, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(places[name]), name)

    return get
