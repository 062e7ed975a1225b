"""Helpers of tests in a real browser; the fixture `browser` is in tests/pipeline/conftest.py."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
FLAGS += ("--disable-sync", "--no-first-run")

IN_BROWSER = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")]
"""Marks of a module of such tests."""


def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """The page at `address` in a context of its own; a complaint of the browser or a request to the network fails."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    tab = context.new_page()
    complaints: list[str] = []
    # The hint about getImageData is about this test's own reading of the canvas.
    tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" or "willRead" not in m.text else None)
    tab.on("pageerror", lambda e: complaints.append(str(e)))
    tab.on("request", lambda r: complaints.append(r.url) if r.url.startswith("http") else None)
    tab.goto(address)
    wait_for(tab, "document.querySelector('video')?.readyState >= 2")
    yield tab
    context.close()
    assert complaints == []


def wait_for(page: Any, script: str, seconds: float = 60) -> None:
    """Until `script` is true. The page's policy forbids the evaluation that Playwright's own waiting needs."""
    end = time.monotonic() + seconds
    while not page.evaluate(script):
        assert time.monotonic() < end, f"still not so: {script}"
        page.wait_for_timeout(30)


def now(page: Any, index: int = 0) -> float:
    """Where the video of a section is, in seconds."""
    return float(page.evaluate(f"document.querySelector('#video-{index} video').currentTime"))
