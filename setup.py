"""What setup.cfg cannot say: packages by their place in this checkout, and the commit of a wheel.

mmpose 1.3 requires `chumpy` and `xtcocotools`, whose last releases no longer build. The stand-ins take their names.
setup.cfg cannot say "a folder beside me": a requirement on a folder needs an absolute URL. An `extras_require`
given here replaces that of setup.cfg, so all its lists are read from there and only the one is lengthened.

A wheel that is built in a checkout has its commit, which `pipeline.settings.provenance` reads.
"""

from __future__ import annotations

import subprocess
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

here = Path(__file__).resolve().parent


class BuildWithCommit(build_py):
    """Modules of a wheel, with the commit."""

    def run(self) -> None:
        """Build."""
        super().run()
        if (here / ".git").exists() and not self.editable_mode:
            words = ("git", "-C", here, "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty= + changes")
            try:
                done = subprocess.run(words, capture_output=True, text=True, check=True)
            except (OSError, subprocess.CalledProcessError):  # without git, a model of the wheel says "not recorded"
                return
            Path(self.build_lib, "pipeline/settings/commit.txt").write_text(done.stdout.strip())


settings = ConfigParser()
settings.read(here / "setup.cfg", encoding="utf-8")
extras = {name: lines.strip().splitlines() for name, lines in settings["options.extras_require"].items()}
extras["mmpose"] += [f"{name} @ {(here / 'stand_ins' / name).as_uri()}" for name in ("chumpy", "xtcocotools")]
setup(extras_require=extras, cmdclass={"build_py": BuildWithCommit})
