"""Runs commands of the program in processes of their own, without importing everything again for each.

One process imports the program and forks one for each command. That is a process like any other: it has its own
signals, limits and exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

IMPORTED = (
    *("torch.optim", "torch._dynamo", "sklearn.linear_model", "matplotlib.figure", "h5py", "cv2", "av", "numba"),
    *("pipeline.report", "pipeline.preview", "pipeline.label", "pipeline.score", "pipeline.evaluate", "pipeline.pack"),
    *("torch.onnx", "onnxscript", "openvino", "pipeline.score.export"),
)
"""What commands would import one by one."""


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Args:
        code: exit code; negative: the number of the signal.
        printed: standard output and standard error.
    """

    code: int
    printed: str


@dataclass(frozen=True)
class Press:
    """Ctrl-C at a moment of a command.

    Args:
        at: the number of the call, from 1, after which it is pressed.
        times: how often it is pressed.
        call: a function of `os`: fsync, by which every written file is made whole before it gets its name, or unlink.
    """

    at: int = 1
    times: int = 1
    call: str = "fsync"


class ProgramServer:
    """Runs commands one after the other; a context manager, which ends the process that forks."""

    def __enter__(self) -> ProgramServer:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "500", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.program_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)

    def run(
        self, words: Sequence[object], folder: Path, *, most_bytes: int | None = None, press: Press | None = None
    ) -> Done:
        """Run a command in a folder.

        Args:
            words: the command and its options.
            folder: the working directory.
            most_bytes: no file can grow larger, as on a full disk; None: no limit.
            press: when Ctrl-C is pressed; None: never.
        """
        order = [list(map(str, words)), str(folder), most_bytes, None if press is None else asdict(press)]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code, printed = json.loads(self._process.stdout.readline())
        return Done(code, printed)


def _press_ctrl_c(at: int, times: int, call: str) -> None:
    """Let the `at`-th call of a function of `os` end with Ctrl-C."""
    original, count = getattr(os, call), 0

    def pressed(*args: Any, **named: Any) -> Any:
        nonlocal count
        result = original(*args, **named)
        count += 1
        if count == at:
            for _ in range(times):
                os.killpg(0, signal.SIGINT)
        return result

    setattr(os, call, pressed)


def _run(words: list[str], folder: str, most_bytes: int | None, press: dict[str, Any] | None, to: int) -> None:
    """What the forked process does; ends it."""
    from pipeline.cli import main

    os.setsid()
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(to, 1)
    os.dup2(to, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115 -- to the end
    sys.argv = [str(ROOT / "run_pipeline.py"), *words]
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    if press is not None:
        _press_ctrl_c(**press)
    main()


def serve() -> None:
    """Import the program, then run what standard input asks for."""
    for name in IMPORTED:
        with suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)
    gc.freeze()  # a collection in a child would copy all of it
    for line in sys.stdin:
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            _run(*json.loads(line), into)
        os.close(into)
        with os.fdopen(out, "rb") as stream:
            printed = stream.read().decode("utf-8", "replace")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([code, printed]), flush=True)


if __name__ == "__main__":
    serve()
