"""Starts the server: one port on the loopback interface."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from pathlib import Path

from data.errors import UsageError
from pipeline.serve.job_queue import Work


def serve(
    folder: Path,
    work: Work,
    *,
    port: int = 8765,
    facts: dict[str, str] | None = None,
    reads: Collection[str] = ("video",),
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve on 127.0.0.1 until interrupted; `folder`, `work`, `facts`, `reads`: see `pipeline.serve.app.create_app`.

    Args:
        port: 0 for any free port.
        on_start: called with the link that admits its reader, when the port is open.

    Raises UsageError where the port is taken; further errors as `create_app`.
    """
    import uvicorn

    from pipeline.serve.app import create_app

    # Before the port: with both in use, another port would not help.
    app = create_app(folder, work, facts=facts, reads=reads)
    with closing(app.state.queue.history):
        listener = _listen(port)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        if on_start is not None:
            on_start(f"http://127.0.0.1:{listener.getsockname()[1]}/?token={app.state.token}")
        with suppress(KeyboardInterrupt):  # uvicorn has shut down and raises the interrupt again
            uvicorn.Server(config).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        fix = "Choose another one with --port, 0 for any"
        raise UsageError(f"port {port} cannot be used ({error.strerror})", fix=fix) from error
    return listener
