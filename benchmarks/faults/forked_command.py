"""One command line in a forked process, watched: exit code, output, time, and every place that it writes to.

The parent has the program imported and starts no threads, so that a command costs its own work only. A command that
crashes or hangs costs itself. Writes are seen by Python's audit events, which libraries in C do not raise; HDF5 files
are written by Python here.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1, "os.chmod": 1, "os.chown": 1, "os.utime": 1,
    "os.rename": 2, "os.link": 2, "os.symlink": 2, "sqlite3.connect": 1, "shutil.rmtree": 1, "os.mkfifo": 1,
}  # fmt: skip
"""Audit events of changes to files, with how many of their arguments are paths (of links, the last is written)."""

PROGRAMS = (Path(sys.executable).name, "git", "uname", "ldconfig", "ldconfig.real", "gcc", "cc", "ld", "nvidia-smi")
"""What the program and its libraries may start."""

PROGRAM = str(Path(__file__).resolve().parents[2])
IMPORTED = "--tell-imports"
"""Among the arguments: the last line of standard error then names the imported modules."""

DEVICES = ("/dev/null", "/dev/tty", "/dev/shm", "/dev/zero", "/proc/self")


@dataclass
class Done:
    """How a command ended.

    Attributes:
        code: its exit code; None where it was stopped for its time, below 0 where a signal ended it.
        out, err: what it printed.
        seconds: that it took.
        outside: what it did outside the folders that it may write to.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    outside: list[str]


class Forked:
    """A running command.

    Args:
        arguments: as typed after the program's name.
        folder: the working directory.
        writable: folders that it may write to.
        limit_s: seconds until it counts as hanging.
        before: called in the forked process first.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        writable: Sequence[Path],
        limit_s: float = 60,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._limit_s, self._start = limit_s, time.monotonic()
        self._streams = [_text_file() for _ in range(3)]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            home = folder / "home"
            roots = [os.path.realpath(place) for place in (*writable, home)]
            _run(arguments, folder, roots, [stream.fileno() for stream in self._streams], home, before)
        self.done: Done | None = None

    def poll(self) -> Done | None:
        """How it ended, None while it runs."""
        if self.done is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            late = time.monotonic() - self._start > self._limit_s
            if pid:
                self.done = self._ended(os.waitstatus_to_exitcode(status))
            elif late:
                self.kill()
                self.done = self._ended(None)
        return self.done

    def kill(self) -> None:
        """SIGKILL it and its children, and wait."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def kill_alone(self) -> None:
        """SIGKILL it and not its children; `poll` then tells the end."""
        os.kill(self.pid, signal.SIGKILL)

    def _ended(self, code: int | None) -> Done:
        texts = []
        for stream in self._streams:
            stream.seek(0)
            texts.append(stream.read())
            stream.close()
        with suppress(ProcessLookupError):  # children that outlived it
            os.killpg(self.pid, signal.SIGKILL)
        return Done(code, texts[0], texts[1], time.monotonic() - self._start, texts[2].splitlines())


def _text_file() -> Any:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace")


def run_forked(
    arguments: Sequence[str],
    folder: Path,
    writable: Sequence[Path],
    limit_s: float = 60,
    before: Callable[[], None] = lambda: None,
) -> Done:
    """Run one command and wait for it; see `Forked`."""
    running = Forked(arguments, folder, writable, limit_s, before)
    while (done := running.poll()) is None:
        time.sleep(0.005)
    return done


def preload(arguments: Sequence[str], folder: Path, writable: Sequence[Path]) -> Done:
    """Run one command and import here what it has imported, so that later ones need not; torch uses one thread."""
    import torch

    torch.set_num_threads(1)  # forked processes have no other threads
    done = run_forked([*arguments, IMPORTED], folder, writable, limit_s=300)
    *lines, names = done.err.splitlines() or [""]
    for name in names.split() if names.startswith(IMPORTED) else ():
        with suppress(Exception):
            import_module(name)
    return replace(done, err="\n".join(lines))


def _run(
    arguments: Sequence[str], folder: Path, roots: list[str], streams: list[int], home: Path, before: Callable[[], None]
) -> None:
    """In the child: never returns."""
    code = 70
    try:
        os.setpgid(0, 0)
        for target, handle in enumerate(streams[:2], start=1):
            os.dup2(handle, target)
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR"), str(home))
        os.environ |= {**places, "OMP_NUM_THREADS": "1", "AWS_EC2_METADATA_DISABLED": "true"}
        home.mkdir(parents=True, exist_ok=True)
        tempfile.tempdir, sys.dont_write_bytecode = str(home), True
        tell_imports = IMPORTED in arguments
        sys.argv = ["aqa", *(one for one in arguments if one != IMPORTED)]
        sys.addaudithook(_hook(roots, streams[2]))
        from pipeline.cli import main

        before()
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:  # noqa: BLE001 -- as the interpreter would
            sys.excepthook(*sys.exc_info())
            code = 1
        if tell_imports:
            sys.stderr.write(f"\n{IMPORTED} {' '.join(name for name in sys.modules if name != '__main__')}")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)


def _hook(roots: list[str], log: int) -> Any:
    """An audit hook that writes a line for every change outside the roots."""

    def tell(text: str) -> None:
        os.write(log, (text.encode("unicode_escape") + b"\n"))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not isinstance(arguments[0], int):
            mode, flags = arguments[1] or "", arguments[2] or 0
            if (isinstance(mode, str) and set(mode) & set("wax+")) or flags & WRITING_FLAGS:
                changed = [arguments[0]]
            else:
                return
        elif event in CHANGES:
            count = CHANGES[event]
            changed = list(arguments[:count] if event == "os.rename" else arguments[count - 1 : count])
            folders = arguments[count:] if event in ("os.remove", "os.rmdir", "os.mkdir") else ()
            if folders and isinstance(folders[-1], int) and folders[-1] >= 0:
                changed = [os.path.join(f"/proc/self/fd/{folders[-1]}", os.fsdecode(changed[0]))]
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"):
            name = os.path.basename(os.fsdecode(arguments[0] or ""))
            if event == "os.system" or name not in PROGRAMS:
                tell(f"{event} {arguments[0]}")
            return
        elif event == "socket.connect":
            if isinstance(arguments[1], tuple):
                tell(f"{event} {arguments[1]}")
            return
        elif event == "pickle.find_class":
            module, name = arguments
            if module.split(".")[0] in ("os", "posix", "subprocess") or name in ("eval", "exec", "getattr"):
                tell(f"{event} {arguments}")
            return
        else:
            return
        for path in changed:
            if isinstance(path, int):
                continue
            text = os.fsdecode(path)
            whole = os.path.realpath(text) if event == "open" else _place_of(text)
            compiled = whole.startswith(PROGRAM) and "__pycache__" in whole  # compiled kernels
            if not compiled and not _below(whole, (*roots, *DEVICES)) and text != ":memory:":
                tell(f"{event} {text}")

    return hook


def _place_of(text: str) -> str:
    """A path with its folder resolved, but not the link that it may be itself."""
    folder, name = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(folder), name)


def _below(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)
