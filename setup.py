"""What setup.cfg cannot say: an sdist, and a wheel that is built in a checkout or from that sdist, have the commit.

`pipeline.settings.provenance` reads it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

here = Path(__file__).resolve().parent
RECORD = "pipeline/settings/commit.txt"


def keep_commit(folder: str) -> None:
    """Write the commit of this checkout or sdist below `folder`; without git, models say "not recorded"."""
    if (here / RECORD).exists():
        commit = (here / RECORD).read_text()
    elif (here / ".git").exists():
        words = ["git", "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty= + uncommitted changes"]
        try:
            commit = subprocess.run(words, cwd=here, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return
    else:
        return
    Path(folder, RECORD).write_text(commit)


class BuildWithCommit(build_py):
    """Modules of a wheel, with the commit."""

    def run(self) -> None:
        """Build."""
        super().run()
        if not self.editable_mode:
            keep_commit(self.build_lib)


class SdistWithCommit(sdist):
    """The files of an sdist, with the commit."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy."""
        super().make_release_tree(base_dir, files)
        keep_commit(base_dir)


setup(cmdclass={"build_py": BuildWithCommit, "sdist": SdistWithCommit})
