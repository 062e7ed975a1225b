"""Where results came from, in words that may be shared: the command, the commit, and texts without folders."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from data.errors import quoted
from data.store import expanded

_FOLDERS = re.compile(
    r"(?<![\w./\\-])"
    r"(?:[A-Za-z]:[\\/](?:[^\\/:*?\"<>|\r\n]+[\\/])*|(?:file:/*)?/(?:[^/\s'\"<>:,;]+/)+)"
)
"""The folders of an absolute path, up to its last separator: of POSIX, of Windows, of a file's address."""


def without_folders(text: str) -> str:
    """`text` with every absolute path cut to its last name; relative paths stay."""
    home = expanded("~")
    for place in (Path.cwd(), home):  # their names may hold spaces, which end a path for the expression
        if place != Path(place.anchor):
            text = re.sub(rf"{re.escape(str(place))}[/\\]", "", text)
            text = re.sub(rf"{re.escape(str(place))}\b", "~" if place == home else place.name, text)
    return _FOLDERS.sub("", text)


def without_folders_in(value: Any) -> Any:
    """`value` with `without_folders` applied to every text in nested mappings and lists."""
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, dict):
        return {key: without_folders_in(item) for key, item in value.items()}
    return [without_folders_in(item) for item in value] if isinstance(value, (list, tuple)) else value


def command_line() -> str:
    """The command that started this process, quoted for a shell. Of what is on this machine the last name is left."""
    words = [(word, _last_name(word)) for word in sys.argv]
    return quoted(*(Path(cut) if cut[:1] == "-" != word[:1] else cut for word, cut in words))


def _last_name(word: str) -> str:
    """A word of a command without folders: those of relative paths too, in which people have names."""
    *option, value = word.rpartition("=")
    place = Path(value)
    return "".join((*option, place.name)) if len(place.parts) > 1 and place.exists() else without_folders(word)


@cache
def commit() -> str:
    """The commit of the program's checkout, with "+ changes" where files differ; empty outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or (git := shutil.which("git")) is None:
        return ""

    def asked(*words: str) -> str:
        done = subprocess.run([git, "-C", str(root), *words], capture_output=True, text=True, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        head = asked("rev-parse", "--short=12", "HEAD")
        return f"{head} + changes" if head and asked("status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.SubprocessError):
        return ""
