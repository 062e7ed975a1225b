"""axe-core finds no serious fault in the report, the comparison, the evaluation and the page of `serve`.

axe-core comes from npm at test time; without npm or its registry the tests are skipped.
"""

import shutil
import subprocess
from dataclasses import replace

import pytest

from pipeline.report import ReportData, write_report
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, opened, wait_for

pytestmark = IN_BROWSER

VIEWS = ((1280, "light"), (390, "dark"))


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The script of axe-core."""
    folder, npm = tmp_path_factory.mktemp("axe"), shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    words = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--fetch-retries=1", "axe-core@4.14.1"]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not answer")
    if done.returncode:
        pytest.skip(f"no axe-core from npm: {done.stderr[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of the pages by name."""
    folder = tmp_path_factory.mktemp("pages")
    data = report_samples.report(folder, count=2)
    made = {
        "report": replace(data, evaluation=None),
        "comparison": replace(data, batch=None, evaluation=None, comparison=True),
        "evaluation": ReportData("Evaluation", evaluation=data.evaluation),
    }
    for name, page in made.items():
        write_report(folder / f"{name}.html", page)
    return {name: (folder / f"{name}.html").as_uri() for name in made}


def faults(tab, axe):
    """Serious and critical faults of the page, one line each."""
    tab.evaluate(axe)
    violations = tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{violation['impact']}: {violation['help']}: {node['html'][:200]}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def views(browser, address):
    """The page, wide and light, then narrow and dark; its security policy is off, since it would refuse axe."""
    with opened(browser, address, bypass_csp=True, reduced_motion="reduce") as tab:
        for width, scheme in VIEWS:
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=scheme)
            yield tab


@pytest.mark.parametrize("name", ["report", "comparison", "evaluation"])
def test_a_page_has_no_serious_fault(browser, axe, pages, name):
    for tab in views(browser, pages[name]):
        tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        tab.evaluate("document.querySelector('[data-do=compare]')?.click()")
        shown = "[...document.querySelectorAll('.plot')].filter((one) => !one.closest('[hidden]'))"
        wait_for(tab, f"{shown}.every((one) => one.querySelector('svg'))")
        wait_for(tab, "[...document.querySelectorAll('video')].every((one) => one.readyState >= 2)")
        assert faults(tab, axe) == []


def test_the_page_of_serve_has_no_serious_fault(browser, axe, tmp_path):
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    from tests.pipeline.serve.test_serve_flow import GO_ON, reached, running, upload

    clip = report_samples.dive_video(tmp_path / "dive.mp4")
    GO_ON.clear()
    with running(tmp_path / "serve") as address:
        for width, tab in enumerate(views(browser, address)):
            if width == 0:
                upload(tab, clip, "a.mp4", "broken.mp4", "slow.mp4")
                reached(tab, "slow.mp4", "running")
                upload(tab, clip, "slow too.mp4")  # alone: files that are sent together may arrive in any order
            for name, state in (("a.mp4", "done"), ("broken.mp4", "failed"), ("slow.mp4", "running")):
                reached(tab, name, state)
            reached(tab, "slow too.mp4", "queued")
            assert faults(tab, axe) == []
        GO_ON.set()


def test_a_planted_fault_is_found(browser, axe, pages):
    tab = next(views(browser, pages["evaluation"]))
    tab.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [line.split(":")[0] for line in faults(tab, axe)] == ["critical"]
    tab.context.close()
