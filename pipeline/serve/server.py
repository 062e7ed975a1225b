"""Starts the server: checks, one scorer, one port on the loopback interface."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import UsageError
from pipeline.serve.job_queue import Work

if TYPE_CHECKING:
    from pipeline.serve.app import Limits


def serve(
    folder: Path,
    work: Work,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    limits: Limits | None = None,
    facts: dict[str, str] | None = None,
    reads: Collection[str] = ("video",),
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted; for `folder`, `work`, `limits`, `facts` and `reads` see `pipeline.serve.app.create_app`.

    Args:
        host: a loopback address.
        port: 0 for any free port.
        on_start: called with the link that admits its reader, when the port is open.

    Raises UsageError for another address or where the port is taken; further errors as `create_app`.
    """
    import uvicorn

    from pipeline.serve.app import create_app

    if not is_loopback(host):
        raise UsageError(f"'{host}' can be reached from other machines", fix="Give a loopback address (127.0.0.1)")
    shown = f"[{host}]" if ":" in host else host
    # Before the port: with both in use, another port would not help.
    app = create_app(folder, work, limits, facts, reads=reads)
    with closing(app.state.queue.history):
        listener = _listen(host, port)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        if on_start is not None:
            on_start(f"http://{shown}:{listener.getsockname()[1]}/?token={app.state.token}")
        with suppress(KeyboardInterrupt):  # uvicorn has shut down and raises the interrupt again
            uvicorn.Server(config).run(sockets=[listener])


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine's loopback interface."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        fix = "Choose another one with --port, 0 for any"
        raise UsageError(f"port {port} cannot be used ({error.strerror})", fix=fix) from error
    return listener
