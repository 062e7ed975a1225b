"""Starts the command line: streams, errors and exit codes."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import NoReturn

from data.errors import PROGRAM, AimError, Cancelled, UsageError, install_line
from pipeline.cli.command_tree import app, refuse_single_hyphens
from pipeline.cli.interrupts import INTERRUPTED, STOPPED
from pipeline.cli.terminal import OK, SOME_FAILED, WRONG_USAGE, print_json, say
from pipeline.settings.destinations import FULL, file_error


def main() -> NoReturn:
    """Run one command. An error that a user can fix gives one message and an exit code of docs/commands.md."""
    _mend_streams()
    if os.environ.get("COLUMNS") == "0":  # a terminal of unknown width; nothing would be printed
        del os.environ["COLUMNS"]
    try:
        refuse_single_hyphens(sys.argv[1:])
        try:
            app(prog_name=PROGRAM)
        except SystemExit as ended:
            if ended.code == INTERRUPTED and not STOPPED.is_set():  # no stop event handled this Ctrl-C
                raise Cancelled from None
            if ended.code == WRONG_USAGE:
                _print_error(what="the command line cannot be read; standard error says why")
            sys.stdout.flush()  # reports a full disk here; at exit, the interpreter would print its own error
            raise
    except AimError as error:
        _complain(error)
    except (Cancelled, KeyboardInterrupt):
        say("stopped; the same command resumes the work")
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        missing = f"package '{error.name}' is not installed for {sys.executable}"
        _complain(UsageError(missing, fix=f"Type: {install_line()}"))
    except BrokenPipeError:
        _give_up_stdout()
        sys.exit(SOME_FAILED)
    except OSError as error:
        stream = _full_stdout()
        if stream is None and error.filename is None and error.errno not in (*FULL, errno.ENOENT):
            raise  # not about a user's file
        _complain(file_error(error, stream))
    sys.exit(OK)


def _mend_streams() -> None:
    """Escape characters that the terminal's encoding lacks; discard what goes to a closed stream (`>&-`)."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        elif stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 -- open to the end


def _give_up_stdout() -> None:
    """Discard what standard output still holds, so that the interpreter does not write it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _full_stdout() -> str | None:
    """The name of standard output if it is full, else None. Writes again, since the first error names no file."""
    try:
        print(flush=True)
    except OSError:
        _give_up_stdout()
        return "standard output"
    return None


def _print_error(**error: str | None) -> None:
    """Print the JSON document of a command that failed, if requested."""
    if "--json" in sys.argv:
        print_json({"error": error})


def _complain(error: AimError) -> NoReturn:
    """Print an error and end with its exit code."""
    _print_error(what=error.what, where=error.where, fix=error.fix)
    with suppress(OSError):  # no stream is left to write to; the exit code reports the error
        say(f"error: {f'{error.where}: ' if error.where else ''}{error.what}")
        if error.fix:
            say(f"  -> {error.fix}")
    sys.exit(WRONG_USAGE)
