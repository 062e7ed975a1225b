"""Empty stand-in for chumpy: mmpose requires it by name, and only its 3-D body models would use it."""

from __future__ import annotations


def __getattr__(name: str) -> object:
    """Say why nothing is here.

    Raises:
        AttributeError: always.
    """
    raise AttributeError(f"chumpy.{name}: this is an empty stand-in, chumpy itself no longer builds")
