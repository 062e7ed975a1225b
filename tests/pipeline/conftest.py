"""A browser for the tests of pages, and the settings of the Ray that tests start."""

import os

import pytest

from tests.helpers.browsing import CHROMIUM

# No process starts before an actor asks for one: it could not have the environment that actors of this program ask for.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_prestart_worker_first_driver": "0"}

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run", "--in-process-gpu"]


@pytest.fixture(scope="module")
def browser():
    """One headless Chromium for all tests of a module."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()
