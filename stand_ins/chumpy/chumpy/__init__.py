"""Empty stand-in for chumpy: mmpose requires it by name, and only mmpose's 3-D body models use it."""

from __future__ import annotations


def __getattr__(name: str) -> object:
    """Raise AttributeError, which says that the package is empty."""
    raise AttributeError(f"chumpy.{name}: this is an empty stand-in, chumpy itself no longer builds")
