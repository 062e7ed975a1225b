"""Makes the picture of README.md, docs/images/report.png, from the page of a demo.

    aqa demo --out demo && python docs/make_report_picture.py demo/report.html

Needs Playwright, Pillow and a Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

PICTURE = Path(__file__).resolve().parent / "images" / "report.png"
SIZE = {"width": 1280, "height": 1080}
KEY_FRAME = 7
"""The key frame, from 0, at which the page is shown: the divers are in the air."""


def prepare(page: Page) -> None:
    """Show angles of the first video at `KEY_FRAME`, with the video's section at the top."""
    video = page.locator("#video-0")
    video.locator(".frame").nth(KEY_FRAME).click()
    video.locator("[data-do=angles]").click()
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.evaluate("document.querySelector('#video-0').scrollIntoView({ behavior: 'instant' })")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    expect(video.locator("[data-do=angles]")).to_have_attribute("aria-pressed", "true")
    expect(video.locator(".now")).not_to_have_text("0.00 s")


def main() -> None:
    """Write the picture of a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="the page of `aqa demo`")
    address = parser.parse_args().page.resolve().as_uri()
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(address)
        prepare(page)
        page.evaluate("Promise.all([...document.images].map((one) => one.decode().catch(() => null)))")
        page.screenshot(path=str(PICTURE))
        browser.close()
    with Image.open(PICTURE) as picture:
        small = picture.convert("RGB").quantize(256, kmeans=3)
    small.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
