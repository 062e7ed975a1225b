"""Runs each command of the program in its own process, without importing the program again for each.

One process imports the program and forks a process for each command, with its own signals, limits and exit code.
"""

import atexit
import gc
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

import psutil

from tests.helpers.checkout import ROOT

IMPORTED = (
    *("torch.optim", "torch._dynamo", "sklearn.linear_model", "matplotlib.figure", "h5py", "cv2", "av", "numba"),
    *(
        "pipeline.report",
        "pipeline.preview",
        "pipeline.label",
        "pipeline.score",
        "pipeline.evaluate",
        "pipeline.pack.pack_file",
    ),
    "data.weights.quiet_openvino",
)
"""Modules that commands import only when they need them."""

EXPORTING = ("torch.onnx", "torch._functorch.aot_autograd", "onnxscript.function_libs.torch_lib.ops")
EXPORTING += ("pipeline.score.onnx_export",)
"""Those that only `export` needs; the first one waits for them."""

OWN = {"COLUMNS": "500", "OMP_NUM_THREADS": "1"}
"""Variables of the environment of every command."""


@dataclass(frozen=True)
class Done:
    """The exit code of a command (negative: the number of the signal that ended it), and what it printed."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def printed(self):
        """Standard output, then standard error."""
        return self.stdout + self.stderr


@dataclass(frozen=True)
class Running:
    """A command that runs: its process, which leads a group of its own, and what waits for its end."""

    process: psutil.Process
    wait: Callable[[], Done]

    def port(self):
        """The port on which the command listens, as soon as it does."""
        while self.process.status() != psutil.STATUS_ZOMBIE:
            for connection in self.process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    return int(connection.laddr.port)
            time.sleep(0.02)
        raise AssertionError(self.wait().printed)


@dataclass(frozen=True)
class Press:
    """Ctrl-C, pressed `times` times after call number `at` (from 1) of a function of `os`.

    `call` is fsync, which every written file gets before its final name, or unlink.
    """

    at: int = 1
    times: int = 1
    call: str = "fsync"


class ProgramServer:
    """Runs commands one after the other; a context manager, which ends the process that forks."""

    def __enter__(self):
        environment = {**os.environ, **OWN, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.program_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment,
        )  # fmt: skip
        return self

    def __exit__(self, kind, error, trace):
        self._process.communicate(timeout=60)

    def run(self, words, folder=ROOT, **more):
        """Run a command in a folder; the arguments are those of `start`."""
        return self.start(words, folder, **more).wait()

    def start(
        self,
        words,
        folder=ROOT,
        *,
        variables=None,
        most_bytes=None,
        press=None,
    ):
        """Start a command in a folder; the next one waits for its end.

        Args:
            words: the command and its options.
            variables: further variables of the environment.
            most_bytes: no file can grow larger, as on a full disk; None: no limit.
            press: when Ctrl-C is pressed; None: never.
        """
        environment = {**os.environ, **OWN, **(variables or {})}
        order = [list(map(str, words)), str(folder), environment, most_bytes, None if press is None else asdict(press)]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answers = self._process.stdout
        return Running(psutil.Process(int(answers.readline())), lambda: Done(*json.loads(answers.readline())))


def _press_ctrl_c(at, times, call):
    """Let the `at`-th call of a function of `os` end with Ctrl-C."""
    original, count = getattr(os, call), 0

    def pressed(*args, **named):
        nonlocal count
        result = original(*args, **named)
        count += 1
        if count == at:
            for _ in range(times):
                os.killpg(0, signal.SIGINT)
        return result

    setattr(os, call, pressed)


def _run(
    words,
    folder,
    environment,
    most_bytes,
    press,
    out,
    err,
):
    """Run one command in the forked process, and end the process."""
    from pipeline.cli import main

    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, to in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(to, stream)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115 -- to the end
    sys.argv = [str(ROOT / "run_pipeline.py"), *words]
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    if press is not None:
        _press_ctrl_c(**press)
    try:
        main()
    except SystemExit as ended:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter does at its end
        atexit._run_exitfuncs()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 0)  # skips the teardown of the parent's imports


def _import(modules):
    for name in modules:
        with suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)
    gc.freeze()  # a collection in a child would copy all of it


def serve():
    """Import the program, then run what standard input asks for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # `pytest &` ignores it
    sys.argv[0] = str(ROOT / "run_pipeline.py")
    _import(IMPORTED)
    for line in sys.stdin:
        if json.loads(line)[0][:1] == ["export"]:
            _import(EXPORTING)
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()  # not files, which a full disk would limit
        child = os.fork()
        if child == 0:
            os.close(out), os.close(err)
            _run(*json.loads(line), to_out, to_err)
        print(child, flush=True)
        os.close(to_out), os.close(to_err)
        printed = _read_both(out, err)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([code, *printed]), flush=True)


def _read_both(*pipes):
    """The text that comes out of each pipe until its end; closes the pipes."""
    read, unfinished = dict.fromkeys(pipes, b""), list(pipes)
    while unfinished:
        for pipe in select.select(unfinished, [], [])[0]:
            part = os.read(pipe, 1 << 16)
            read[pipe] += part
            if not part:
                os.close(pipe)
                unfinished.remove(pipe)
    return [text.decode("utf-8", "replace") for text in read.values()]


if __name__ == "__main__":
    serve()
