"""Adds to the `mmpose` extra the two packages of stand_ins/, by their place in this checkout.

mmpose 1.3 requires `chumpy` and `xtcocotools`, whose last releases no longer build. The stand-ins take their names.
setup.cfg cannot say "a folder beside me": a requirement on a folder needs an absolute URL. An `extras_require`
given here replaces that of setup.cfg, so all its lists are read from there and only the one is lengthened.
"""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

here = Path(__file__).resolve().parent
settings = ConfigParser()
settings.read(here / "setup.cfg", encoding="utf-8")
extras = {name: lines.strip().splitlines() for name, lines in settings["options.extras_require"].items()}
extras["mmpose"] += [f"{name} @ {(here / 'stand_ins' / name).as_uri()}" for name in ("chumpy", "xtcocotools")]
setup(extras_require=extras)
