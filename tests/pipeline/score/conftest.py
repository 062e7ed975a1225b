"""The tests of scores have a working directory of their own, since features go to its folder `cache`."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def default_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder `cache` of a test is its own."""
    monkeypatch.chdir(tmp_path)
