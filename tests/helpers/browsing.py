"""Helpers of tests in a real browser; the fixture `browser` is in tests/pipeline/conftest.py."""

import shutil
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest

from pipeline.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

IN_BROWSER = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")]
"""Marks of a module of such tests."""


WIDE = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True, "has_touch": True}

IN_VIEWS = pytest.mark.parametrize("view", [WIDE, PHONE], ids=["wide", "phone"])
"""Each flow is seen twice: wide and light, and on a phone in the dark."""

PATIENCE_S = 60.0
"""A state that is not reached after so long on a busy machine never comes."""


_FREE = WeakKeyDictionary()
"""Tabs of each browser that no page uses. A new one costs a second of processor time, for two processes of Chromium."""


@contextmanager
def opened(browser, address, **options):
    """The page at `address`, after its first video, if any, has loaded; nothing of earlier pages is left in its tab.

    Fails if the browser logs a message, or if a page from disk sends a request to the network.
    """
    chosen = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"} | options
    free = _FREE.setdefault(browser, []) if len(chosen) == 2 else []  # a tab changes these two options only
    tab = free.pop() if free else browser.new_context(**chosen).new_page()
    tab.set_default_timeout(PATIENCE_S * 1000)
    tab.set_viewport_size(chosen["viewport"])
    tab.emulate_media(media="null", color_scheme=chosen["color_scheme"])
    complaints = []
    listeners = {
        # The hint about getImageData concerns the test, which reads the canvas.
        "console": lambda m: complaints.append(m.text) if m.type == "error" or "willRead" not in m.text else None,
        "pageerror": lambda e: complaints.append(str(e)),
    }
    if address.startswith("file:"):
        listeners["request"] = lambda r: complaints.append(r.url) if r.url.startswith("http") else None
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.goto(address)
    wait_for(tab, "(document.querySelector('video')?.readyState ?? 2) >= 2")
    yield tab
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    if len(chosen) == 2:
        empty(tab)
        free.append(tab)
    else:
        tab.context.close()
    assert complaints == []


def empty(tab):
    """Take the page, its storage and the place of the mouse from a tab."""
    tab.evaluate("localStorage.clear(); sessionStorage.clear()")
    tab.context.clear_cookies()
    tab.mouse.move(0, 0)
    tab.goto("about:blank")


@contextmanager
def shown(browser, folder, data, **options):
    """The page of `data`, written into `folder` and `opened`."""
    write_report(folder / "shown.html", data)
    with opened(browser, (folder / "shown.html").as_uri(), **options) as tab:
        yield tab


@contextmanager
def served(app):
    """The link of an application with `app.state.token`, served in a thread at a free port."""
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)  # before the link is given: the thread may start to listen after the browser has asked
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/?token={app.state.token}"
    server.should_exit = True
    thread.join(10)


def wait_for(page, script, seconds=PATIENCE_S):
    """Wait until `script` is true. The page's policy forbids the evaluation that Playwright's own waiting needs."""
    end = time.monotonic() + seconds
    while not page.evaluate(script):
        assert time.monotonic() < end, f"still not so: {script}"
        page.wait_for_timeout(30)


SMALL_TEXTS = """[...document.querySelectorAll("body :not(svg *, script, option)")].filter((one) => one.offsetParent
    && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    && parseFloat(getComputedStyle(one).fontSize) < 10.9).map((one) => one.outerHTML.slice(0, 99))"""


def fits(page, view):
    """Fail unless the page is as wide as its window, has the colours of its scheme, and no text below 11 px."""
    width = view["viewport"]["width"]
    # waits: after a print, the window has its own layout again a moment later
    wait_for(page, f"innerWidth === {width} && document.documentElement.scrollWidth === {width}")
    assert page.evaluate(SMALL_TEXTS) == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background[4:].split(",")[0]) < 100) == (view["color_scheme"] == "dark")


def painted(page, canvas="#video-0 .stage canvas", *, marks=False):
    """Pixels of the first such canvas that are not transparent; with `marks` those in the colour of drawn marks."""
    script = """(canvas, marks) => { if (!canvas.width) return 0;
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const yellow = (i) => data[i] > 200 && data[i + 1] > 180 && data[i + 2] < 140 && data[i + 3] > 40;
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += marks ? yellow(i) : data[i + 3] > 0;
        return count; }"""
    return int(page.eval_on_selector(canvas, script, marks))


def saved(page, button):
    """The suggested name and the place of the file that a button saves."""
    with page.expect_download() as made:
        page.locator(button).first.click()
    return made.value.suggested_filename, Path(made.value.path())


def box(page, selector):
    """The box of the first such element, in px of the window."""
    return dict(page.locator(selector).first.bounding_box())


def drag(page, *places):
    """Press at the first place of the window and release at the last one."""
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def drag_begin(page, phase, share):
    """Drag the begin of a phase, by its number, to a share of the strip of phases."""
    page.locator(f".phases button >> nth={phase}").scroll_into_view_if_needed()
    begin, whole = box(page, f".phases button >> nth={phase}"), box(page, ".phases")
    y = begin["y"] + 5
    drag(page, (begin["x"] + 3, y), (whole["x"] + whole["width"] * share, y))


def until_painted(page, least, canvas="#video-0 .stage canvas", *, marks=False):
    """Wait until more than `least` pixels are `painted`: a picture is drawn after its frame is there."""
    _until(page, lambda: painted(page, canvas, marks=marks) > least)


def until_clear(page, canvas="#video-0 .stage canvas", *, marks=False):
    """Wait until nothing is `painted`."""
    _until(page, lambda: painted(page, canvas, marks=marks) == 0)


def _until(page, reached):
    end = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < end, "another number of pixels is painted"
        page.wait_for_timeout(30)


def now(page, index=0):
    """Playback time of a section's video, in s."""
    return float(page.evaluate(f"document.querySelector('#video-{index} video').currentTime"))
