"""The installation: the folder of the program, and the versions of packages."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent

SOFTWARE = ("torch", "openvino", "av", "opencv-contrib-python-headless", "numpy", "scipy", "scikit-learn", "h5py")
"""Packages whose versions are written into every file for information; they are not part of the key."""


def installed_version(name: str) -> str | None:
    """The version of a package, None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def software() -> dict[str, str]:
    """Installed versions of the packages in `SOFTWARE`."""
    return {name: version for name in SOFTWARE if (version := installed_version(name))}
