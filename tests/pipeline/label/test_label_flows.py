"""Raters in a real browser: scores, pairs and phases of videos; by keys, and by thumbs on a phone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets import with_phases
from data.datasets.rater_answers import Answer, all_answers, append_answers, rater_file
from data.video import Phase, embed_video, find_videos
from data.video.writer import write_video
from pipeline.label import find_session, video_copies, write_phases
from pipeline.label.label_app import create_label_app
from tests.helpers import browsing, report_samples
from tests.helpers.browsing import IN_BROWSER, IN_VIEWS, box, drag, fits, served, wait_for

pytest.importorskip("uvicorn")

pytestmark = IN_BROWSER

RUBRIC = "# Entry\n\n- vertical: *3 points*\n- a splash costs one\n\n|fault|\n|-|\n|feet|\n\nTake your\ntime."
RUBRIC_SHOWN = ["Entry", "vertical: 3 points", "a splash costs one", "feet", "Take your time."]
PHASES = ("approach", "take-off", "flight", "entry")
VIDEO = "document.querySelector('#videos video')"


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[str]:
    """The link of a server in a thread."""
    session, _ = find_session(folder, **options)
    with served(create_label_app(session, RUBRIC)) as link:
        yield link


def videos_in(folder: Path, count: int) -> Path:
    """Videos that browsers play, of different content."""
    film = report_samples.dive_video(folder / "film.mp4").read_bytes()
    (folder / "videos").mkdir()
    for number in range(count):
        added = (8 + number).to_bytes(4, "big") + b"free" + bytes(number)  # changes the content, but not the picture
        (folder / f"videos/{number}.mp4").write_bytes(film + added)
    return folder / "videos"


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a context of its own, as on another machine; a complaint of the browser fails the test."""
    with ExitStack() as pages:
        yield lambda link, **options: pages.enter_context(browsing.opened(browser, link, **options))


def begin(tab: Any, name: str) -> None:
    """Give the name, with the keyboard."""
    wait_for(tab, "!document.getElementById('name-form').hidden")
    tab.keyboard.type(name)
    tab.keyboard.press("Enter")


def ready(tab: Any, counts: str) -> None:
    """Wait until the page shows these counts and a question that keys answer."""
    wait_for(tab, f"document.getElementById('counts').textContent.startsWith('{counts}')")
    wait_for(tab, "[...document.querySelectorAll('#videos video')].every(v => v.readyState >= 2)")
    wait_for(tab, "document.getElementById('answer').dataset.awake === 'true'")


def ended(tab: Any) -> None:
    wait_for(tab, "!document.getElementById('end').hidden")


def answers(folder: Path, rater: str) -> list[Any]:
    return list(all_answers(folder)[0][rater].values())


def in_reach(tab: Any, *above: str) -> None:
    """On a phone: buttons are large, on the screen, and below the parts that they belong to."""
    width, height = tab.viewport_size["width"], tab.viewport_size["height"]
    if width > 400:
        return
    for button in tab.locator("#answer button:visible").all():
        place = button.bounding_box()
        assert place["height"] >= 44
        assert place["y"] + place["height"] <= height
        assert place["x"] + place["width"] <= width
    for part in tab.locator(", ".join(above)).all():
        place = part.bounding_box()
        assert place["y"] >= 0
        assert place["y"] + place["height"] <= box(tab, "#answer")["y"]


@IN_VIEWS
def test_a_rater_scores_videos_with_a_reload_in_the_middle(
    opened: Callable[..., Any], tmp_path: Path, view: dict[str, Any]
) -> None:
    videos = videos_in(tmp_path, 4)
    with running(videos, columns=("score", "execution")) as link:
        tab = opened(link, **view)
        begin(tab, "Anna")
        ready(tab, "0 of ")
        fits(tab, view)
        in_reach(tab, "#videos video")
        assert "token" not in tab.url
        wait_for(tab, f"!{VIDEO}.paused")
        tab.keyboard.press("Space")
        wait_for(tab, f"{VIDEO}.paused")
        tab.evaluate(f"{VIDEO}.currentTime = 0.4")
        wait_for(tab, f"!{VIDEO}.seeking && {VIDEO}.currentTime === 0.4")
        axis, cursor = box(tab, ".one .time-axis"), box(tab, ".one .cursor")
        assert cursor["x"] - axis["x"] == pytest.approx(0.4 / 2.04 * axis["width"], abs=3)
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(f"{VIDEO}.currentTime") == pytest.approx(0.44, abs=0.006)
        tab.keyboard.press("v")
        tab.keyboard.press("v")
        tab.click("#rubric summary")
        assert tab.locator("#rubric :is(h1, li, td, p)").all_inner_texts() == RUBRIC_SHOWN
        tab.fill("input[name=score]", "7.5")
        tab.fill("input[name=execution]", "8")
        tab.keyboard.press("Enter")
        ready(tab, "1 of ")
        assert len(answers(videos, "anna")) == 1, "the answer is on the disk before the next question shows"
        assert tab.evaluate(f"{VIDEO}.playbackRate") == 0.25, "the speed is kept"
        shown = tab.get_attribute("#videos video", "data-src")
        tab.reload()
        ready(tab, "1 of ")
        assert tab.get_attribute("#videos video", "data-src") == shown, "the same question, and no second name"
        for key, done in (("n", 2), ("s", 3)):
            tab.keyboard.press(key)
            ready(tab, f"{done} of ")
        tab.keyboard.press("b")
        wait_for(tab, "document.querySelector('[aria-pressed=true][data-answer=skipped]')")
        tab.keyboard.type("6,25")
        tab.keyboard.press("Enter")
        wait_for(tab, "document.getElementById('message').textContent.includes('execution')")
        tab.keyboard.type("5")
        tab.keyboard.press("Enter")
        wait_for(tab, "!document.querySelector('[aria-pressed=true][data-answer=skipped]')")
        ready(tab, "3 of ")
        tab.keyboard.type("1")
        tab.keyboard.press("Tab")
        tab.keyboard.type("2")
        tab.click("#answer button[type=submit]")
        ended(tab)
        assert tab.locator("[data-end=more]").is_hidden(), "every video has its score"
        assert "becomes the label of each video" in tab.text_content("#end")
    given = answers(videos, "anna")
    assert [one.answer for one in given] == ["scored", "no performance", "scored", "scored"]
    scores = [(7.5, 8.0), (6.25, 5.0), (1.0, 2.0)]
    assert [tuple(one.scores.values()) for one in given if one.scores] == scores


@IN_VIEWS
def test_two_raters_compare_pairs_and_see_the_agreement(
    opened: Callable[..., Any], tmp_path: Path, view: dict[str, Any]
) -> None:
    videos = videos_in(tmp_path, 4)
    with running(videos, pairs=True) as link:
        first, second = opened(link, **view), opened(link)
        first.evaluate("later = window.setTimeout; window.setTimeout = () => 0")  # nothing wakes the keys
        begin(first, "Anna")
        wait_for(first, "document.getElementById('answer').dataset.awake === 'false'")
        wait_for(first, "[...document.querySelectorAll('#videos video')].every(v => v.readyState >= 2 && !v.paused)")
        for key in "120snm":
            first.keyboard.press(key)
        assert first.text_content("#counts").startswith("0 of "), "keys are deaf when a pair appears"
        assert not (videos / "ratings").exists()
        first.evaluate("window.setTimeout = later; document.getElementById('answer').dataset.awake = 'true'")
        fits(first, view)
        in_reach(first, "#videos video")
        looping = "[...document.querySelectorAll('#videos video')].map(v => v.loop)"
        assert first.evaluate(looping) == [True, True]
        first.keyboard.press("l")
        left = first.get_attribute("#videos video", "data-src")
        first.keyboard.press("n")
        ready(first, "0 of 3 pairs")
        assert left not in [one.get_attribute("data-src") for one in first.locator("#videos video").all()]
        assert first.evaluate(looping) == [False, False], "as the rater said"
        first.keyboard.press("b")
        wait_for(first, "document.querySelector('.none[aria-pressed=true]')")
        wait_for(first, "document.getElementById('answer').dataset.awake === 'true'")
        first.click("[data-answer=worse]")
        ready(first, "1 of 6 pairs")
        begin(second, "Ben")
        ready(second, "0 of ")
        assert first.locator("#agreement").is_hidden(), "the answers of others would bias the rater"
        for tab, done in ((first, 1), (second, 0)):
            for number in range(done, 6):
                ready(tab, f"{number} of ")
                tab.keyboard.press("1" if tab is first else "2")
            ended(tab)
        first.click("#agreement summary")
        wait_for(first, "document.querySelector('#agreement li')")
        assert "The raters agree no better than chance" in first.text_content("#agreement")
        assert "ben" not in first.text_content("body").lower(), "the other rater's name is hidden"
    asked = [
        [answer.question for answer in answers(videos, name) if len(answer.question) == 2] for name in ("anna", "ben")
    ]
    assert set(asked[0]) == set(asked[1])
    assert len(set(asked[0])) == 6
    assert asked[0] != asked[1], "every rater has an order of his own"


def test_after_enough_pairs_come_thanks_and_judge_more(opened: Callable[..., Any], tmp_path: Path) -> None:
    videos = videos_in(tmp_path, 9)
    session, _ = find_session(videos, pairs=True)
    contents, given = session.by_content(), dict[frozenset[str], Answer]()
    for _ in range(27):
        question = session.next_question("eva k.", given, contents)
        assert question is not None
        given[frozenset(question)] = Answer(question, "equal")
    append_answers(rater_file(videos, "Eva K."), *given.values())
    with running(videos, pairs=True) as link:
        tab = opened(link)
        begin(tab, "Eva K.")
        ended(tab)
        assert tab.locator("#videos video").count() == 0
        assert "put the videos on one scale" in tab.text_content("#end")
        tab.click("[data-end=more]")
        ready(tab, "27 pairs judged")
        tab.keyboard.press("2")
        ready(tab, "28 pairs judged")
        tab.reload()
        ended(tab)
    last = answers(videos, "eva k.")[27]
    assert (last.answer, last.seconds is None) == ("worse", False)


def stopped(tab: Any, counts: str) -> None:
    """Wait for a video after these counts, and stop it when it plays."""
    wait_for(tab, f"document.getElementById('counts').textContent === '{counts}'")
    wait_for(tab, f"{VIDEO}?.readyState >= 2 && !{VIDEO}.paused")
    tab.keyboard.press("Space")
    wait_for(tab, f"{VIDEO}.paused")


def mark(tab: Any, frame: int, *keys: str) -> None:
    """Show a frame, by the video's own clock of 25 frames per second, and press keys."""
    tab.evaluate(f"{VIDEO}.currentTime = {frame / 25 + 1e-3}")
    wait_for(tab, f"document.querySelector('.now').value === '{frame / 25:.2f} s'")
    for key in keys:
        tab.keyboard.press(key)


def said(tab: Any) -> list[str]:
    """What the buttons of the phases say, without the keys, which a phone does not show."""
    return [" ".join(text.split()).lstrip("1234 ") for text in tab.locator(".begins [data-phase]").all_inner_texts()]


@IN_VIEWS
def test_phases_are_marked_taken_back_left_out_dragged_and_corrected(
    opened: Callable[..., Any], tmp_path: Path, view: dict[str, Any]
) -> None:
    videos = videos_in(tmp_path, 2)
    with running(videos, phases=PHASES) as link:
        tab = opened(link, **view)
        begin(tab, "Anna")
        stopped(tab, "0 of 2 videos")
        skipped = tab.get_attribute("#videos video", "data-src")
        tab.keyboard.press("s")
        wait_for(tab, f"{VIDEO}.dataset.src !== '{skipped}'")
        stopped(tab, "0 of 2 videos")
        in_reach(tab, ".stage", ".one .phases", ".tools")
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
        tab.click("[data-end=more]")
        stopped(tab, "2 of 2 videos")
        assert tab.locator(".begins [aria-pressed=true]").count() in (3, 4), "marked ones are shown again"
    write_phases(find_session(videos, phases=PHASES)[0])
    listing = with_phases(find_videos([videos]), videos / "phases")
    assert listing.problems == ()
    corrected = (Phase("approach", 0.2, 0.52), Phase("take-off", 0.52, 1.48), Phase("entry", 1.48, 1.8))
    whole = tuple(Phase(name, 0.4 * n, 2.04 if n == 3 else 0.4 * (n + 1)) for n, name in enumerate(PHASES))
    assert {record.phases for record in listing.records} == {corrected, tuple(map(rounded, whole))}


def rounded(phase: Phase) -> Phase:
    return Phase(phase.name, round(phase.start, 4), round(phase.end, 4))


def test_a_copy_is_announced_until_it_plays_and_a_replaced_video_is_refused(
    opened: Callable[..., Any], browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VP9 in MP4, which not every browser plays."""
    go_on = threading.Event()

    def slowly(path: Path, limit: int) -> Any:
        assert go_on.wait(60)
        return embed_video(path, limit)

    monkeypatch.setattr(video_copies, "embed_video", slowly)
    for number, size in enumerate(((160, 90), (90, 160))):
        pictures = (np.full((size[1], size[0], 3), 10 * n + number, np.uint8) for n in range(20))
        path = tmp_path / f"videos/{number}.mp4"
        write_video(path, pictures, 25, codec="libvpx-vp9", options={"deadline": "realtime"})
    with running(tmp_path / "videos", pairs=True) as link:
        tab = browser.new_page()  # not `opened`: a refusal is an error in the console
        tab.goto(link)
        begin(tab, "Anna")
        tab.get_by_text("The server makes a copy that your browser plays.").first.wait_for()
        go_on.set()
        ready(tab, "0 of ")
        for stage in tab.locator("#videos .stage").all():
            assert min(stage.bounding_box()["width"], stage.bounding_box()["height"]) > 200
        for part in (".time-axis .plot", ".tools", ".none"):
            first, other = (one.bounding_box() for one in tab.locator(f"#videos {part}").all())
            assert first["y"] == pytest.approx(other["y"], abs=0.5), f"{part} of a wide and a tall video in line"
        for path in (tmp_path / "videos").glob("*.mp4"):
            path.write_bytes(path.read_bytes() + (9).to_bytes(4, "big") + b"free0")
        tab.evaluate("document.querySelector('#videos > *').id = 'refused'")
        tab.keyboard.press("1")
        # until the next pair is there, no key answers
        wait_for(
            tab,
            "!document.getElementById('refused') && document.getElementById('message').innerText.includes('replaced')",
        )
        ready(tab, "0 of ")
        tab.keyboard.press("2")
        wait_for(tab, "document.getElementById('counts').textContent.startsWith('1 of ')")
        tab.close()
    assert [answer.answer for answer in answers(tmp_path / "videos", "anna")] == ["worse"]
