"""What setup.cfg cannot say: packages by their place in this checkout, and the commit that is built.

mmpose 1.3 requires `chumpy` and `xtcocotools`, whose last releases no longer build. The stand-ins take their names.
setup.cfg cannot say "a folder beside me": a requirement on a folder needs an absolute URL. An `extras_require`
given here replaces that of setup.cfg, so all its lists are read from there and only the one is lengthened.

A wheel and a source archive have the commit in `pipeline/settings/commit.txt` (`pipeline.settings.provenance`).
"""

from __future__ import annotations

import subprocess
from configparser import ConfigParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

here = Path(__file__).resolve().parent


def write_commit(folder: str) -> None:
    """Write the checkout's commit below `folder`; without a checkout the file of a source archive stays."""
    words = ("git", "-C", here, "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty= + changes")
    with suppress(OSError):
        done = subprocess.run(words, capture_output=True, text=True)
        if (here / ".git").exists() and done.returncode == 0:
            Path(folder, "pipeline", "settings", "commit.txt").write_text(done.stdout.strip())


class BuildWithCommit(build_py):
    """Modules of a wheel, with the commit."""

    def run(self) -> None:
        """Build."""
        super().run()
        write_commit(self.build_lib)


class ArchiveWithCommit(sdist):
    """A source archive with the commit."""

    def make_release_tree(self, base_dir: str, files: Any) -> None:
        """Write the files of the archive."""
        super().make_release_tree(base_dir, files)
        write_commit(base_dir)


settings = ConfigParser()
settings.read(here / "setup.cfg", encoding="utf-8")
extras = {name: lines.strip().splitlines() for name, lines in settings["options.extras_require"].items()}
extras["mmpose"] += [f"{name} @ {(here / 'stand_ins' / name).as_uri()}" for name in ("chumpy", "xtcocotools")]
setup(extras_require=extras, cmdclass={"build_py": BuildWithCommit, "sdist": ArchiveWithCommit})
