"""A store that accepts connections and never answers ends by name, and is named while it is waited for."""

import logging
import socket
import time
from pathlib import Path

import pytest

from data.errors import StorageError
from data.store import RemoteFolder, Storage, remote


def test_a_silent_store_is_named_and_has_a_limit(monkeypatch, caplog):
    pytest.importorskip("s3fs")
    for name, value in {"SILENCE_SECONDS": 1, "REPEATS": 1, "PATIENCE_SECONDS": 0.2}.items():
        monkeypatch.setattr(remote, name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    remote._connected.cache_clear()
    with socket.create_server(("127.0.0.1", 0)) as server, caplog.at_level(logging.WARNING):
        storage = Storage(endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(StorageError, match="does not answer"):
            RemoteFolder(Path("s3://bucket/cache"), storage).files()
    remote._connected.cache_clear()
    assert time.monotonic() - start < 120
    assert "still waiting for an answer from s3://bucket/cache" in caplog.text
