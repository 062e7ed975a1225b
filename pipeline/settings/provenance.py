"""The origin of results and models, safe to share: texts name no folder of this machine."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, wraps
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from data.errors import quoted
from pipeline import COMMANDS, __version__
from pipeline.settings.environment import CHECKOUT, software

Call = TypeVar("Call", bound=Callable[..., Any])

_FOLDERS = re.compile(
    r"(?<![\w./\\-])"
    r"(?:[A-Za-z]:[\\/](?:[^\\/:*?\"<>|\r\n]+[\\/])*|(?:file:/*)?/(?:[^/\s'\"<>:,;]+/)+)"
)
"""The folders of an absolute path, up to its last separator: of POSIX, of Windows, of a file's address."""

_CALL = ContextVar("_CALL", default="")
"""The outermost running call of `pipeline.api`, as text."""

BUILT = Path(__file__).with_name("commit.txt")
"""The commit of a wheel, written by setup.py."""

UNKNOWN = "not recorded"


class StrictFields:
    """Base of stored dataclasses: reading refuses unknown fields and numbers that are not finite."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True)
class Origin(StrictFields):
    """The origin of results, a model or a page. It is never hashed or compared."""

    command: str  # or the call from Python
    date: str  # ISO 8601, UTC
    commit: str  # of the program's checkout or wheel; "not recorded" elsewhere
    versions: Mapping[str, str]  # of this program ("aqa"), Python and the packages that compute
    devices: tuple[str, ...]  # where trainings ran, "cpu" or "cuda", whose results differ
    data: str  # SHA-256 of the performances (`pipeline.train.feature_set.data_digest`); empty for a page of scores

    def facts(self) -> dict[str, str]:
        """The facts for a page or a card, by name."""
        named = {**vars(self), "devices": ", ".join(self.devices), **self.versions}
        return {name: value for name, value in named.items() if value and name != "versions"}


def origin(devices: Iterable[str] = (), data: str = "") -> Origin:
    """The origin for outputs of this process; arguments as the fields."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    versions = {"aqa": __version__, "python": platform.python_version(), **software()}
    return Origin(command_line(), now, commit(), versions, tuple(sorted(devices)), data)


def without_folders(text: str) -> str:
    """`text` with every absolute path cut to its last name; relative paths stay."""
    from data.store import expanded

    home = expanded("~")
    for folder in (Path.cwd(), home):  # their names may contain spaces, which end a path in the expression
        if folder != Path(folder.anchor):
            text = re.sub(rf"{re.escape(str(folder))}[/\\]", "", text)
            text = re.sub(rf"{re.escape(str(folder))}\b", "~" if folder == home else folder.name, text)
    return _FOLDERS.sub("", text)


def without_folders_in(value: Any, cut: Callable[[str], str] = without_folders) -> Any:
    """`value` with `cut` applied to every text and path in nested mappings and lists; objects are their type's name."""
    if isinstance(value, (str, Path)):
        return cut(str(value))
    if isinstance(value, Mapping):
        return {key: without_folders_in(item, cut) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_folders_in(item, cut) for item in value]
    return value if value is None or isinstance(value, (int, float)) else type(value).__name__


def recorded(call: Call) -> Call:
    """The same call, recorded for `command_line` while it runs, if no command started the process."""

    @wraps(call)
    def run(*args: Any, **keywords: Any) -> Any:
        words = [*map(_shown, args)]
        words += [f"{name}={_shown(value)}" for name, value in keywords.items() if name != "observer"]
        context = copy_context()
        context.run(_CALL.set, _CALL.get() or f"{call.__name__}({', '.join(words)})")
        return context.run(call, *args, **keywords)

    return cast(Call, run)


def _shown(value: object) -> str:
    return repr(without_folders_in(value, _last_name))


def command_line() -> str:
    """The command that started this process, quoted for a shell, else the running call from Python.

    Paths of this machine are cut to their last name.
    """
    if Path(sys.argv[0]).name not in COMMANDS and (call := _CALL.get()):
        return call
    words = [(word, _last_name(word)) for word in sys.argv]
    return quoted(*(Path(cut) if cut[:1] == "-" != word[:1] else cut for word, cut in words))


def _last_name(word: str) -> str:
    """A word of a command without folders, also of relative paths, which may contain names of people."""
    *option, value = word.rpartition("=")
    parts = Path(value).parts
    return "".join((*option, parts[-1])) if len(parts) > 1 and Path(parts[0]).exists() else without_folders(word)


@cache
def commit() -> str:
    """The commit of the checkout, with "+ uncommitted changes" if files differ, or of the wheel; else `UNKNOWN`."""
    with suppress(OSError, subprocess.SubprocessError):
        if not (CHECKOUT / ".git").exists():
            return BUILT.read_text()
        git = ["git", "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty= + uncommitted changes"]
        return subprocess.run(git, cwd=CHECKOUT, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    return UNKNOWN
