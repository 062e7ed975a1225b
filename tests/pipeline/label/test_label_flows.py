"""Raters in a real browser: scores, pairs and phases of videos; by keys, and by thumbs on a phone."""

import re
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from data.datasets import with_phases
from data.datasets.rater_answers import all_answers
from data.video import Phase, find_videos
from pipeline.label import find_session, write_phases
from pipeline.label.label_app import create_label_app
from tests.helpers import browsing, report_samples
from tests.helpers.browsing import IN_BROWSER, IN_VIEWS, box, drag, fits, served, wait_for
from tests.helpers.program_server import ROOT

pytest.importorskip("uvicorn")

pytestmark = IN_BROWSER

RUBRIC = "# Entry\n\n- vertical: *3 points*\n- a splash costs one\n\n|fault|\n|-|\n|feet|\n\nTake your\ntime."
RUBRIC_SHOWN = ["Entry", "vertical: 3 points", "a splash costs one", "feet", "Take your time."]
PHASES = ("approach", "take-off", "flight", "entry")
SLOW = """(() => { const asked = fetch, wait = () => new Promise((done) => setTimeout(done, 200));
    window.fetch = async (...words) => {
        await wait(); const answer = await asked(...words); await wait(); return answer; }; })()"""
"""Delays what is sent and its answer."""
ADMITTED = "[...document.querySelectorAll('[name=judge]')].every(group => !group.disabled)"
MESSAGE = "document.getElementById('message').textContent"
VIDEO = "document.querySelector('#videos video')"


@contextmanager
def running(folder, **options):
    """The link of a server in a thread."""
    session, _ = find_session(folder, **options)
    with served(create_label_app(session, RUBRIC)) as link:
        yield link


def videos_in(folder, count):
    """Videos that browsers play, of different content."""
    film = report_samples.dive_video(folder / "film.mp4").read_bytes()
    (folder / "videos").mkdir()
    for number in range(count):
        added = (8 + number).to_bytes(4, "big") + b"free" + bytes(number)  # changes the content, but not the picture
        (folder / f"videos/{number}.mp4").write_bytes(film + added)
    return folder / "videos"


@pytest.fixture
def opened(browser):
    """Opens a page in a context of its own, as on another machine; a complaint of the browser fails the test."""
    with ExitStack() as pages:
        yield lambda link, **options: pages.enter_context(browsing.opened(browser, link, **options))


def begin(tab, name):
    """Give the name, with the keyboard."""
    wait_for(tab, "!document.getElementById('name-form').hidden")
    tab.keyboard.type(name)
    tab.keyboard.press("Enter")


def ready(tab, counts):
    """Wait until the page shows these counts and a question that keys answer."""
    wait_for(tab, f"document.getElementById('counts').textContent.startsWith('{counts}')")
    wait_for(tab, "[...document.querySelectorAll('#videos video')].every(v => v.readyState >= 2)")
    wait_for(tab, ADMITTED)


def ended(tab):
    wait_for(tab, "!document.getElementById('end').hidden")


def answers(folder, rater):
    return list(all_answers(folder)[0][rater].values())


@IN_VIEWS
def test_a_rater_scores_videos_with_a_reload_in_the_middle(opened, tmp_path, view):
    videos = videos_in(tmp_path, 4)
    (videos / "broken.mp4").write_bytes(b"no video")
    with running(videos, columns=("score", "execution")) as link:
        tab, held = opened(link, **view), []
        tab.route("**/videos/*", lambda route: held.append(route))
        begin(tab, "Anna")
        wait_for(tab, "document.querySelector('#videos .wait')?.textContent === 'Loading…'")
        tab.keyboard.type("ns")
        held[0].continue_()
        tab.unroute("**/videos/*")
        ready(tab, "0 of ")
        fits(tab, view)
        assert "token" not in tab.url
        wait_for(tab, f"!{VIDEO}.paused")
        tab.keyboard.press("Space")
        wait_for(tab, f"{VIDEO}.paused")
        tab.evaluate(f"{VIDEO}.currentTime = 0.4")
        wait_for(tab, f"!{VIDEO}.seeking && {VIDEO}.currentTime === 0.4")
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(f"{VIDEO}.currentTime") == pytest.approx(0.44, abs=0.006)
        tab.keyboard.press("v")
        tab.keyboard.press("v")
        tab.click("#rubric summary")
        assert tab.locator("#rubric :is(h1, li, td, p)").all_inner_texts() == RUBRIC_SHOWN
        tab.evaluate(SLOW)
        tab.fill("input[name=score]", "7.5")
        tab.fill("input[name=execution]", "8")
        tab.keyboard.type("\n6.5\n4\n", delay=150)
        ready(tab, "1 of ")
        assert tab.input_value("input[name=score]") == "", "nothing typed ahead is for another video"
        assert len(answers(videos, "anna")) == 1, "the answer is on the disk before the next question shows"
        assert tab.evaluate(f"{VIDEO}.playbackRate") == 0.25, "the speed is kept"
        shown = tab.get_attribute("#videos video", "data-src")
        tab.reload()
        ready(tab, "1 of ")
        assert tab.get_attribute("#videos video", "data-src") == shown, "the same question, and no second name"
        for key, done, done_so in (("n", 2, "Not a performance: the last video gets no label."), ("s", 3, "Skipped")):
            tab.keyboard.press(key)
            ready(tab, f"{done} of ")
            assert done_so in tab.text_content("#message")
        tab.reload()
        ready(tab, "3 of ")
        tab.keyboard.press("b")
        wait_for(tab, "document.querySelector('[aria-pressed=true][data-answer=skipped]')")
        ready(tab, "3 of ")
        tab.keyboard.type("6,25")
        tab.keyboard.press("Enter")
        wait_for(tab, "document.getElementById('message').textContent.includes('execution')")
        tab.keyboard.type("5")
        tab.keyboard.press("Enter")
        wait_for(tab, "!document.querySelector('[aria-pressed=true][data-answer=skipped]')")
        ready(tab, "3 of ")
        tab.fill("input[name=score]", "75")
        tab.fill("input[name=execution]", "2")
        tab.click("#answer button[type=submit]")
        wait_for(tab, f"{MESSAGE}.startsWith('75 is far from your other scores, 6.25 to 7.5.')")
        tab.click("#answer button[type=submit]")
        ended(tab)
        tab.click("[data-end=back]")
        for key, number in (("b", 4), ("Enter", 3), ("Enter", 4)):
            wait_for(tab, f"document.getElementById('counts').textContent.endsWith('; your answer {number} again')")
            ready(tab, "4 of ")
            tab.keyboard.press(key)
        ended(tab)
        assert tab.locator("[data-end=more]").is_hidden(), "every video has its score"
        assert "broken.mp4: " in tab.text_content("#unreadable")
        assert "becomes the label of each video" in tab.text_content("#end")
    given = answers(videos, "anna")
    assert [one.answer for one in given] == ["scored", "no performance", "scored", "scored"]
    scores = [(7.5, 8.0), (6.25, 5.0), (75.0, 2.0)]
    assert [tuple(one.scores.values()) for one in given if one.scores] == scores


def test_two_raters_with_their_own_links_judge_at_the_address_of_a_network(opened, tmp_path):
    """The files of both are merged as the command ends; who opens the address without a link reads whom to ask."""
    pytest.importorskip("segno")
    videos, address = videos_in(tmp_path, 2), "127.0.0.2"
    words = ["label", videos, "--host", address, "--raters", "Anna,ben", "--port", "0"]
    with subprocess.Popen([sys.executable, ROOT / "run_pipeline.py", *words], stderr=subprocess.PIPE, text=True) as run:
        warning = "note: HTTP is not encrypted: others in this network can read the links and the pages"
        lines = [*iter(lambda: run.stderr.readline().rstrip(), warning)]
        links = dict(
            re.findall(r"send (\w+) this link: (http://127\.0\.0\.2:\d+/\?token=\w{32})$", "\n".join(lines), re.M)
        )
        assert [*links] == ["anna", "ben"]
        assert sum(set(line) <= set("█▀▄ ") for line in lines) > 30, "a QR code each"
        with pytest.raises(HTTPError, match="403") as refused:
            urlopen(links["ben"].partition("?")[0])
        assert "send you your link" in refused.value.read().decode()
        tabs = {name: opened(link) for name, link in links.items()}
        for done in (0, 1):
            for name, score in (("anna", "4"), ("ben", "6")):
                ready(tabs[name], f"{done} of ")
                assert tabs[name].locator("#name-form").is_hidden()
                tabs[name].keyboard.type(f"{score}\n")
        for tab in tabs.values():
            ended(tab)
        run.send_signal(signal.SIGINT)
        assert "anna: all 2 videos done\nben: " in run.stderr.read()
        assert run.wait(60) == 0
    table = [line.split(",")[1:4] for line in (videos / "labels.csv").read_text().splitlines()[1:]]
    assert table == [["5", "1.41421", "2"]] * 2


def stopped(tab, counts):
    """Wait for a video after these counts, and stop it when it plays."""
    wait_for(tab, f"document.getElementById('counts').textContent === '{counts}'")
    wait_for(tab, f"{VIDEO}?.readyState >= 2 && !{VIDEO}.paused")
    tab.keyboard.press("Space")
    wait_for(tab, f"{VIDEO}.paused")
    wait_for(tab, ADMITTED)


def mark(tab, frame, *keys):
    """Show a frame, by the video's own clock of 25 frames per second, and press keys."""
    tab.evaluate(f"{VIDEO}.currentTime = {frame / 25 + 1e-3}")
    wait_for(tab, f"document.querySelector('.now').value === '{frame / 25:.2f} s'")
    for key in keys:
        tab.keyboard.press(key)


def said(tab):
    """What the buttons of the phases say, without the keys, which a phone does not show."""
    return [" ".join(text.split()).lstrip("1234 ") for text in tab.locator(".begins [data-phase]").all_inner_texts()]


@IN_VIEWS
def test_phases_are_marked_taken_back_left_out_dragged_and_corrected(opened, tmp_path, view):
    videos = videos_in(tmp_path, 2)
    with running(videos, phases=PHASES) as link:
        tab = opened(link, **view)
        begin(tab, "Anna")
        stopped(tab, "0 of 2 videos")
        skipped = tab.get_attribute("#videos video", "data-src")
        tab.keyboard.press("s")
        wait_for(tab, f"{VIDEO}.dataset.src !== '{skipped}'")
        stopped(tab, "0 of 2 videos")
        mark(tab, 5, "Enter")
        mark(tab, 12, "ArrowRight", ".", "ArrowLeft", "2")
        assert said(tab) == ["approach 0.20 s", "take-off 0.52 s", "flight", "entry"]
        mark(tab, 3, "3")
        assert "take-off would begin after flight" in tab.text_content("#message")
        mark(tab, 20, "3", "Backspace", "0")
        mark(tab, 40, "Enter")
        assert said(tab)[2:] == ["flight left out", "entry 1.60 s"]
        mark(tab, 45, "e")
        strip = box(tab, ".one .phases")
        y = strip["y"] + strip["height"] / 2
        drag(tab, *((strip["x"] + strip["width"] * frame / 51, y) for frame in (40, 36.5)))
        assert said(tab)[3] == "entry 1.44 s"
        fits(tab, view)
        tab.click("#answer [type=submit]")
        stopped(tab, "1 of 2 videos")
        assert tab.get_attribute("#videos video", "data-src") == skipped, "the skipped one"
        tab.keyboard.press("b")
        wait_for(tab, "document.querySelector('.begins [data-phase=entry]').ariaPressed === 'true'")
        stopped(tab, "1 of 2 videos")
        mark(tab, 37, "4", "Enter")
        tab.reload()
        stopped(tab, "1 of 2 videos")
        assert tab.get_attribute("#videos video", "data-src") == skipped
        for frame, key in ((0, "1"), (10, "2"), (20, "3"), (30, "4")):
            mark(tab, frame, key)
        tab.keyboard.press("Enter")
        ended(tab)
    assert all_answers(videos)[0] == {"anna": {}}, "phases are not scores"
    write_phases(find_session(videos, phases=PHASES)[0])
    listing = with_phases(find_videos([videos]), videos / "phases")
    assert listing.problems == ()
    corrected = (Phase("approach", 0.2, 0.52), Phase("take-off", 0.52, 1.48), Phase("entry", 1.48, 1.8))
    whole = tuple(Phase(name, 0.4 * n, 2.04 if n == 3 else 0.4 * (n + 1)) for n, name in enumerate(PHASES))
    assert {record.phases for record in listing.records} == {corrected, tuple(map(rounded, whole))}


def rounded(phase):
    return Phase(phase.name, round(phase.start, 4), round(phase.end, 4))
