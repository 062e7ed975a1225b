"""A rating session in a real browser: keyboard only, a reload in the middle, two raters, and thumbs on a phone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets.rater_answers import Answer, all_answers, append_answers, rater_file
from data.video import embed_video
from data.video.writer import write_video
from pipeline.label import find_session, video_copies
from pipeline.label.label_app import create_label_app
from tests.helpers import browsing, report_samples
from tests.helpers.browsing import IN_BROWSER, served, wait_for

pytest.importorskip("uvicorn")

pytestmark = IN_BROWSER

RUBRIC = "# Entry\n\n- vertical: *3 points*\n- a splash costs one\n\n|fault|\n|-|\n|feet|\n\nTake your\ntime."
RUBRIC_SHOWN = ["Entry", "vertical: 3 points", "a splash costs one", "feet", "Take your time."]


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[str]:
    """The link of a server in a thread."""
    session, _ = find_session(folder, **options)
    app = create_label_app(session, RUBRIC)
    with served(app) as link:
        yield link


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Four videos that browsers play, of different content."""
    film = report_samples.dive_video(tmp_path / "film.mp4").read_bytes()
    (tmp_path / "videos").mkdir()
    for number in range(4):
        box = (8 + number).to_bytes(4, "big") + b"free" + bytes(number)  # changes the content, but not the picture
        (tmp_path / f"videos/{number}.mp4").write_bytes(film + box)
    return tmp_path / "videos"


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a context of its own, as on another machine; a complaint of the browser fails the test."""
    with ExitStack() as pages:
        yield lambda link, **options: pages.enter_context(browsing.opened(browser, link, **options))


def begin(tab: Any, name: str, done: int = 0) -> None:
    """Give the name, with the keyboard, and wait for the first video."""
    wait_for(tab, "!document.getElementById('name-form').hidden")
    tab.keyboard.type(name)
    tab.keyboard.press("Enter")
    ready(tab, done)


def ready(tab: Any, done: int) -> None:
    """Wait for the question after `done` answers, with its videos."""
    wait_for(tab, f"document.getElementById('counts').textContent.startsWith('{done} of ')")
    wait_for(tab, "[...document.querySelectorAll('#videos video')].every(v => v.readyState >= 2)")
    wait_for(tab, "document.getElementById('answer').dataset.awake === 'true'")


def ended(tab: Any, done: int) -> None:
    """Wait for the thanks after `done` answers."""
    wait_for(tab, f"document.getElementById('counts').textContent.startsWith('{done} of {done} ')")
    wait_for(tab, "!document.getElementById('end').hidden")


def answers(folder: Path, rater: str) -> list[Any]:
    return list(all_answers(folder)[0][rater].values())


def test_scores_by_keyboard_with_a_reload_in_the_middle(opened: Callable[..., Any], videos: Path) -> None:
    with running(videos, columns=("score", "execution")) as link:
        tab = opened(link)
        begin(tab, "Anna")
        assert "token" not in tab.url
        for value in ("7.5", "8"):
            tab.keyboard.type(value)
            tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        ready(tab, 1)
        assert len(answers(videos, "anna")) == 1, "the answer is on the disk before the next question shows"
        shown = tab.get_attribute("#videos video", "data-src")
        tab.reload()
        ready(tab, 1)
        assert tab.get_attribute("#videos video", "data-src") == shown, "the same question, and no second name"
        tab.keyboard.press("n")
        ready(tab, 2)
        tab.keyboard.press("s")
        ready(tab, 3)
        tab.keyboard.press("b")
        wait_for(tab, "document.querySelector('[aria-pressed=true][data-answer=skipped]')")
        tab.keyboard.type("6,25")
        tab.keyboard.press("Enter")
        wait_for(tab, "document.getElementById('message').textContent.includes('execution')")
        tab.keyboard.type("5")
        tab.keyboard.press("Enter")
        wait_for(tab, "!document.querySelector('[aria-pressed=true][data-answer=skipped]')")
        ready(tab, 3)
        tab.keyboard.type("1")
        tab.keyboard.press("Tab")
        tab.keyboard.type("2")
        tab.keyboard.press("Enter")
        ended(tab, 4)
        assert tab.locator("[data-end=more]").is_hidden(), "every video has its score"
        assert "becomes the label of each video" in tab.text_content("#end")
    given = answers(videos, "anna")
    assert [one.answer for one in given] == ["scored", "no performance", "scored", "scored"]
    assert [dict(one.scores) for one in given if one.scores] == [
        {"score": 7.5, "execution": 8.0},
        {"score": 6.25, "execution": 5.0},
        {"score": 1.0, "execution": 2.0},
    ]


def test_the_page_says_that_a_copy_is_made_until_it_plays(
    opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VP9 in MP4, which not every browser plays."""
    go_on = threading.Event()

    def slowly(path: Path, limit: int) -> Any:
        assert go_on.wait(60)
        return embed_video(path, limit)

    monkeypatch.setattr(video_copies, "embed_video", slowly)
    pictures = (np.full((120, 160, 3), 10 * n, np.uint8) for n in range(20))
    write_video(tmp_path / "a.mp4", pictures, 25, codec="libvpx-vp9", options={"deadline": "realtime"})
    with running(tmp_path) as link:
        tab = opened(link)
        wait_for(tab, "!document.getElementById('name-form').hidden")
        tab.keyboard.type("Anna")
        tab.keyboard.press("Enter")
        tab.get_by_text("The server makes a copy that your browser plays.").wait_for()
        go_on.set()
        wait_for(tab, "document.querySelector('#videos video').readyState >= 2")
        assert tab.locator("#videos .copying").is_hidden()


def test_the_keyboard_moves_the_video(opened: Callable[..., Any], videos: Path) -> None:
    with running(videos) as link:
        tab = opened(link)
        begin(tab, "Anna")
        wait_for(tab, "!document.querySelector('#videos video').paused")
        tab.keyboard.press("Space")
        wait_for(tab, "document.querySelector('#videos video').paused")
        tab.evaluate("document.querySelector('#videos video').currentTime = 0.4")  # far from the end of the loop
        wait_for(tab, "(v => !v.seeking && v.currentTime === 0.4)(document.querySelector('#videos video'))")
        axis, cursor = (tab.locator(f".one {part}").bounding_box() for part in (".time-axis", ".cursor"))
        assert cursor["x"] - axis["x"] == pytest.approx(0.4 / 2.04 * axis["width"], abs=3)
        before = tab.evaluate("document.querySelector('#videos video').currentTime")
        tab.keyboard.press("ArrowRight")
        after = tab.evaluate("document.querySelector('#videos video').currentTime")
        assert after - before == pytest.approx(0.04, abs=0.006)
        tab.keyboard.press("v")
        tab.keyboard.press("v")
        assert tab.evaluate("document.querySelector('#videos video').playbackRate") == 0.25
        tab.keyboard.press("s")
        ready(tab, 1)
        assert tab.evaluate("document.querySelector('#videos video').playbackRate") == 0.25, "the speed is kept"
        tab.click("#rubric summary")
        assert [one.inner_text() for one in tab.locator("#rubric :is(h1, li, td, p)").all()] == RUBRIC_SHOWN


def test_two_raters_at_once_compare_pairs_and_see_the_agreement(opened: Callable[..., Any], videos: Path) -> None:
    with running(videos, pairs=True) as link:
        first, second = opened(link), opened(link)
        begin(first, "Anna")
        begin(second, "Ben")
        assert first.locator("#agreement").is_hidden(), "the answers of others would bias the rater"
        for done in range(1, 7):
            for tab, key in ((first, "1"), (second, "0" if done == 1 else "2")):
                tab.keyboard.press(key)
                (ended if done == 6 else ready)(tab, done)
        first.click("#agreement summary")
        wait_for(first, "document.querySelector('#agreement li')")
        assert "The raters agree no better than chance" in first.text_content("#agreement")
        assert "Ben" not in first.text_content("body"), "the other rater's name is hidden"
        assert "ben" not in first.text_content("#agreement")
    asked = [[one.question for one in answers(videos, name)] for name in ("anna", "ben")]
    assert set(asked[0]) == set(asked[1])
    assert len(set(asked[0])) == 6
    assert asked[0] != asked[1], "every rater has an order of his own"


def test_the_answer_on_a_replaced_video_is_refused_with_a_message(browser: Any, videos: Path) -> None:
    with running(videos) as link:
        tab = browser.new_page()
        tab.goto(link)
        begin(tab, "Anna")
        for path in videos.glob("*.mp4"):
            path.write_bytes(path.read_bytes() + (9).to_bytes(4, "big") + b"free0")
        tab.keyboard.type("3")
        tab.keyboard.press("Enter")
        wait_for(tab, "document.getElementById('message').textContent.includes('replaced')")
        wait_for(tab, "document.querySelector('input[name=score]').value === ''")
        tab.keyboard.type("4")
        tab.keyboard.press("Enter")
        ready(tab, 1)
        tab.close()
    assert [dict(one.scores) for one in answers(videos, "anna")] == [{"score": 4.0}]


@pytest.mark.parametrize("pairs", [False, True])
def test_thumbs_reach_everything_at_390_px(opened: Callable[..., Any], videos: Path, pairs: bool) -> None:
    with running(videos, pairs=pairs) as link:
        tab = opened(link, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
        wait_for(tab, "!document.getElementById('name-form').hidden")
        tab.fill("#name", "Anna")
        tab.tap("#name-form button")
        ready(tab, 0)
        assert tab.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]
        for video in tab.locator("#videos video").all():
            box = video.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= tab.locator("#answer").bounding_box()["y"]
        for button in tab.locator("#answer button:visible").all():
            box = button.bounding_box()
            assert box["height"] >= 44
            assert box["y"] + box["height"] <= 844
            assert box["x"] + box["width"] <= 390
        if pairs:
            button = "document.querySelector('#answer [data-do=play]').textContent"
            wait_for(tab, f"{button} === 'Pause'")
            tab.tap("#answer [data-do=play]")
            wait_for(tab, "[...document.querySelectorAll('video')].every(v => v.paused)")
            wait_for(tab, f"{button} === 'Play'")
            tab.evaluate("document.querySelectorAll('video').forEach(v => { v.currentTime = 0.4; })")
            wait_for(tab, "[...document.querySelectorAll('video')].every(v => !v.seeking && v.currentTime === 0.4)")
            before = tab.evaluate("[...document.querySelectorAll('video')].map(v => v.currentTime)")
            tab.tap("#answer [data-do=frameBack]")
            after = tab.evaluate("[...document.querySelectorAll('video')].map(v => v.currentTime)")
            assert [a - b for a, b in zip(before, after, strict=True)] == pytest.approx([0.04] * 2, abs=0.006)
            tab.tap("[data-answer=equal]")
        else:
            tab.fill("input[name=score]", "5")
            tab.tap("#answer button[type=submit]")
        ready(tab, 1)
    assert [one.answer for one in answers(videos, "anna")] == ["equal" if pairs else "scored"]


def test_after_enough_pairs_come_thanks_and_judge_more(opened: Callable[..., Any], videos: Path) -> None:
    film = (videos / "0.mp4").read_bytes()
    for number in range(4, 9):
        (videos / f"{number}.mp4").write_bytes(film + (8 + number).to_bytes(4, "big") + b"free" + bytes(number))
    session, _ = find_session(videos, pairs=True)
    contents = session.by_content()
    given: dict[frozenset[str], Answer] = {}
    for _ in range(26):
        question = session.next_question("eva k.", given, contents)
        assert question is not None
        given[frozenset(question)] = Answer(question, "equal")
    append_answers(rater_file(videos, "Eva K."), *given.values())
    with running(videos, pairs=True) as link:
        tab = opened(link)
        begin(tab, "Eva K.", 26)
        tab.keyboard.press("1")
        ended(tab, 27)
        assert tab.locator("#answer").is_hidden()
        assert tab.locator("#videos video").count() == 0
        assert "put the videos on one scale" in tab.text_content("#end")
        tab.click("[data-end=more]")
        wait_for(tab, "document.getElementById('counts').textContent === '27 pairs judged'")
        wait_for(tab, "document.getElementById('answer').dataset.awake === 'true'")
        tab.keyboard.press("2")
        wait_for(tab, "document.getElementById('counts').textContent === '28 pairs judged'")
        tab.reload()
        wait_for(tab, "!document.getElementById('end').hidden")
    assert [one.answer for one in answers(videos, "eva k.")][26:] == ["better", "worse"]
    assert all(one.seconds is not None for one in answers(videos, "eva k.")[26:])


def test_without_a_performance_there_is_no_count(opened: Callable[..., Any], videos: Path) -> None:
    with running(videos, pairs=True) as link:
        tab = opened(link)
        begin(tab, "Anna")
        for _ in range(3):
            before = tab.get_attribute("#videos video", "data-src")
            tab.click("#videos section:first-child .none")
            wait_for(tab, f"document.querySelector('#videos video')?.dataset.src !== '{before}'")
        wait_for(tab, "!document.getElementById('end').hidden")
        assert tab.text_content("#counts") == ""


def test_keys_are_deaf_when_a_pair_appears_and_answer_it_when_they_wake(
    opened: Callable[..., Any], videos: Path
) -> None:
    with running(videos, pairs=True) as link:
        tab = opened(link)
        tab.evaluate("window.setTimeout = () => 0")  # nothing wakes the keys
        wait_for(tab, "!document.getElementById('name-form').hidden")
        tab.keyboard.type("Anna")
        tab.keyboard.press("Enter")
        wait_for(tab, "document.getElementById('answer').dataset.awake === 'false'")
        wait_for(tab, "[...document.querySelectorAll('#videos video')].every(v => v.readyState >= 2 && !v.paused)")
        for key in ("1", "2", "0", "s", "n", "m"):
            tab.keyboard.press(key)
        tab.keyboard.press("Space")
        wait_for(tab, "[...document.querySelectorAll('#videos video')].every(v => v.paused)")
        assert tab.text_content("#counts").startswith("0 of ")
        assert not (videos / "ratings").exists()
        tab.evaluate("document.getElementById('answer').dataset.awake = 'true'")
        tab.keyboard.press("1")
        wait_for(tab, "document.getElementById('counts').textContent.startsWith('1 of ')")


def test_one_video_of_a_pair_is_no_performance_until_it_is_judged_after_all(
    opened: Callable[..., Any], videos: Path
) -> None:
    with running(videos, pairs=True) as link:
        tab = opened(link)
        begin(tab, "Anna")
        left = tab.get_attribute("#videos video", "data-src")
        tab.keyboard.press("n")
        wait_for(tab, "document.getElementById('counts').textContent === '0 of 3 pairs'")
        assert left not in [one.get_attribute("data-src") for one in tab.locator("#videos video").all()]
        ready(tab, 0)
        tab.keyboard.press("b")
        wait_for(tab, "document.querySelector('.none[aria-pressed=true]')")
        assert tab.get_attribute("#videos video", "data-src") == left
        wait_for(tab, "document.getElementById('answer').dataset.awake === 'true'")
        tab.keyboard.press("2")
        wait_for(tab, "document.getElementById('counts').textContent === '1 of 6 pairs'")
        ready(tab, 1)
        tab.click("#videos section:last-child .none")
        wait_for(tab, "document.getElementById('counts').textContent.endsWith('of 3 pairs')")
    assert sorted(one.answer for one in answers(videos, "anna")) == ["no performance", "worse"]


def test_videos_loop_until_the_rater_says_otherwise(opened: Callable[..., Any], videos: Path) -> None:
    with running(videos, pairs=True) as link:
        tab = opened(link)
        begin(tab, "Anna")
        looping = "[...document.querySelectorAll('#videos video')].map(v => v.loop)"
        assert tab.evaluate(looping) == [True, True]
        tab.keyboard.press("l")
        assert tab.evaluate(looping) == [False, False]
        assert tab.get_attribute("[data-do=loop]", "aria-pressed") == "false"
        tab.keyboard.press("1")
        ready(tab, 1)
        assert tab.evaluate(looping) == [False, False]


def test_controls_of_a_wide_and_a_tall_video_are_in_line(
    opened: Callable[..., Any], make_video: Callable[..., Path], tmp_path: Path
) -> None:
    for number, size in enumerate(((160, 90), (90, 160))):
        make_video(tmp_path / f"{number}.mp4", frames=10, size=size)
    with running(tmp_path, pairs=True) as link:
        tab = opened(link)
        begin(tab, "Anna")
        for stage in tab.locator("#videos .stage").all():
            assert min(stage.bounding_box()["width"], stage.bounding_box()["height"]) > 200
        for part in (".time-axis .plot", ".tools", ".none"):
            first, second = (one.bounding_box() for one in tab.locator(f"#videos {part}").all())
            assert first["y"] == pytest.approx(second["y"], abs=0.5), part
            assert first["width"] > 50, part
