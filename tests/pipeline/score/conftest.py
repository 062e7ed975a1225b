"""Each test of scores runs in a folder of its own, since features go to the folder `cache` there."""

import pytest


@pytest.fixture(autouse=True)
def default_cache(tmp_path, monkeypatch):
    """Run the test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
