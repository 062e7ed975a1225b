"""Many connections without requests keep nobody out, time out, and fill no log."""

import errno
import logging
import os
import socket
import threading
from contextlib import ExitStack, closing

import pytest

pytest.importorskip("uvicorn")

from pipeline.serve import connections
from pipeline.serve.app import ServerLimits, Service, create_app
from pipeline.serve.server import _listen

TOKEN = "the token of these tests"


@pytest.fixture
def port(tmp_path, monkeypatch):
    """A running server that admits 16 connections and drops those without a request after 3 s."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 16)
    monkeypatch.setattr(connections, "REQUEST_S", 3.0)
    app = create_app(tmp_path / "serve", Service(lambda *_: {}), ServerLimits(file_bytes=100_000, spare_bytes=0), TOKEN)
    server, listener = connections.make_server(app), _listen(0, connections.BACKLOG)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    app.state.queue.submissions.close()


def ask(port, request="GET /api/submissions", headers="", body=b""):
    """The answer to one request of the owner."""
    head = f'{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: aim-serve-{port}="{TOKEN}"\r\nx-aim-serve: 1\r\n'
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as one:
        one.sendall(f"{head}Connection: close\r\n{headers}\r\n".encode() + body)
        parts = []
        while part := one.recv(65536):
            parts.append(part)
        return b"".join(parts)


def test_half_requests_keep_nobody_out_and_time_out(port):
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in range(60)]
        for one in held:
            try:
                one.sendall(b"GET / HT")
            except OSError:
                continue  # closed for a newer one
        assert ask(port).startswith(b"HTTP/1.1 200")
        for one in held:
            try:
                assert one.recv(1) == b"", "closed without an answer"
            except ConnectionResetError:
                continue


def test_a_length_that_is_no_number_is_400(port, caplog):
    for name in ("Content-Length", "x-kinematics-bytes"):
        for value in ("9" * 5000, "x", "-1", ""):
            answer = ask(port, "POST /api/videos", f"{name}: {value}\r\nx-file-name: a.mp4\r\n")
            assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
    assert "Traceback" not in caplog.text


def test_a_refusal_reaches_a_browser_that_is_still_sending(port):
    body = os.urandom(99_999) * 20
    for headers, status in (("x-file-name: a.txt\r\n", b"415"), ("x-file-name: a.mp4\r\n", b"413")):
        answer = ask(port, "POST /api/videos", f"{headers}Content-Length: {len(body)}\r\n", body)
        assert answer.split(b" ")[1] == status


def test_an_equal_line_is_logged_once_a_minute(caplog, monkeypatch):
    logger, error = logging.getLogger("asyncio"), OSError(errno.EMFILE, "Too many open files")
    with connections.log_rarely():
        for _ in range(1000):
            logger.error("socket.accept() out of system resource\nsocket: 7", exc_info=(OSError, error, None))
        assert [record.getMessage() for record in caplog.records] == [
            "socket.accept() out of system resource: [Errno 24] Too many open files"
        ]
        assert caplog.records[0].exc_info is None
        logger.error("another line")
        monkeypatch.setattr(connections, "REPEAT_S", 0.0)
        logger.error("another line")
        assert len(caplog.records) == 3
    logger.error("another line")
    assert len(caplog.records) == 4
