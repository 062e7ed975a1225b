"""Connections of the server: their number, the time until a request is complete, and the lines that they log.

Every account on the machine can open connections. To keep the server reachable, a connection without a complete request
is closed after `REQUEST_S`, or earlier to make room; the oldest is closed first.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from fastapi import FastAPI

MOST_CONNECTIONS = 128
"""Most connections at the same time, far below the files that a process may open (1024 on Linux, 256 on macOS)."""

BACKLOG = 32
"""Connections that the system accepts before the server counts them."""

REQUEST_S = 10.0
"""Longest time until the headers of a request are complete."""

REPEAT_S = 60.0
"""Equal lines are logged once per this time."""


class BoundedConnection(H11Protocol):
    """A connection that closes without a complete request in time, or to make room for a newer one."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection; if there are too many, close the one that has waited longest for a request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST_CONNECTIONS:
            waiting = [
                connection
                for connection in self.connections
                if isinstance(connection, BoundedConnection) and connection._deadline
            ]
            min(waiting, key=lambda connection: connection._deadline.when() if connection._deadline else 0.0)._drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; the wait ends with its headers."""
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request of the connection."""
        super().on_response_complete()
        if not self._is_answering():
            self._wait()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(REQUEST_S, self._drop)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self) -> None:
        self._stop_waiting()
        self.transport.abort()


class RepeatFilter(logging.Filter):
    """Lets equal lines pass once in `REPEAT_S`, and shortens an OSError to one line without its traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log this record."""
        line = (record.getMessage().splitlines() or [""])[0]
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OSError):
            record.msg, record.args, record.exc_info = f"{line}: {error}", (), None
        key, now = f"{line}: {error!r}", time.monotonic()
        if now - self._last.get(key, -REPEAT_S) < REPEAT_S:
            return False
        self._last = {old: when for old, when in self._last.items() if now - when < REPEAT_S} | {key: now}
        return True


@contextmanager
def log_rarely() -> Iterator[None]:
    """Put `RepeatFilter` on the loggers of the server while the context lasts."""
    repeats, loggers = RepeatFilter(), [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    for logger in loggers:
        logger.addFilter(repeats)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(repeats)


class Server(uvicorn.Server):
    """A server whose application also ends cleanly after a second Ctrl-C."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close connections, then let the application end: uvicorn, forced to quit, cancels it with a traceback."""
        await super().shutdown(sockets)
        if self.force_exit:
            await self.lifespan.shutdown()


def make_server(app: FastAPI) -> uvicorn.Server:
    """The server of an application, with bounded connections."""
    config = uvicorn.Config(
        app, http=BoundedConnection, ws="none", backlog=BACKLOG, log_level="warning", access_log=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    return Server(config)
