"""Progress: the total is known from the start; without a terminal, lines show what is done, failed and left."""

import io
import re
import time

import pytest
from rich.console import Console

from pipeline import observer
from pipeline.checks.flag import Flag
from pipeline.cli import terminal
from pipeline.observer import Progress


@pytest.fixture
def now(monkeypatch):
    """The time that the clock shows."""
    shown = [0.0]
    monkeypatch.setattr(observer.time, "monotonic", lambda: shown[0])
    return shown


def test_a_batch_knows_its_total_before_and_weighs_videos_by_their_frames(now):
    progress = Progress("videos")
    progress.plan({"a": 300, "b": 100}, 1)
    assert str(progress) == "videos: 1 of 3 done, 2 left; 0% of the work done, time left not known yet"
    now[0] += 30
    progress.inside("a", 80, 160, ("pose",))  # every second frame is decoded
    progress.inside("b", 0, 0, ("timesteps",))
    assert progress.share == pytest.approx(150 / 400)
    assert progress.time_left() == "about 50 s left"
    progress.finish("b", "b [pose] no frames")
    assert progress.share == pytest.approx(250 / 400)
    progress.finish("a")
    assert (progress.share, str(progress)) == (
        1.0,
        "videos: 2 of 3 done, 1 failed, 0 left; 100% of the work done, finishing",
    )


def test_resumed_steps_count_from_where_they_began(now):
    progress = Progress("epochs")
    progress.advance(200, 300)
    now[0] += 10
    progress.advance(210, 300)
    assert str(progress) == "epochs: 210 of 300 done, 90 left; 10% of the work done, about 2 min left"


def test_without_a_terminal_lines_come_in_time(monkeypatch):
    shown = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(terminal, "console", lambda _: shown)
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.1)

    def lines(least):
        """All lines, once there are so many."""
        end = time.monotonic() + 60
        while len(said := shown.file.getvalue().splitlines()) < least:  # type: ignore[attr-defined]
            assert time.monotonic() < end
            time.sleep(0.01)
        return said

    with terminal.ShownProgress("epochs") as progress:
        assert lines(1)[0] == "epochs: preparing"
        progress.advance(1, 4)
        said = lines(len(lines(0)) + 2)
    after = next(line for line in said if line != "epochs: preparing")
    assert after == "epochs: 1 of 4 done, 3 left; 0% of the work done, time left not known yet"


def test_a_terminal_shows_one_bar_with_all_counts(monkeypatch):
    bars = Console(file=io.StringIO(), width=200, force_terminal=True)
    monkeypatch.setattr(terminal, "console", lambda _: bars)
    with terminal.ShownProgress("trainings") as progress:
        progress.plan({"a": 30.0, "b": 10.0})
        progress.finish("a")
        progress.finish("b", "b: broken")
        progress._bar.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", bars.file.getvalue())  # type: ignore[attr-defined]
    assert "failed b: broken" in shown
    assert "trainings" in shown
    assert "100%" in shown
    assert "1 of 2 done, 1 failed, 0 left" in shown


def test_no_time_left_before_a_share_or_some_minutes(now):
    progress = Progress("epochs")
    progress.advance(0, 1000)
    progress.advance(30, 1000)
    now[0] = 60.0
    assert progress.time_left() == "time left not known yet"
    now[0] = 300.0
    assert progress.time_left() == "about 2.7 h left"
    progress.advance(60, 1000)
    now[0] = 60.0
    assert progress.time_left() == "about 16 min left"


def test_nothing_is_confirmed_where_nobody_can_be_asked():
    assert not observer.Observer().confirm("Delete?")
    assert not terminal.Terminal().confirm("Delete?"), "pytest gives no terminal"


def test_the_table_of_flagged_videos_ends_with_how_many_follow(monkeypatch):
    shown = Console(file=io.StringIO(), width=100, markup=False)
    monkeypatch.setattr(terminal, "console", lambda _: shown)
    flag = Flag("warn", "too short", "The video has 0.3 s.")
    terminal.Terminal().flagged({f"{number}.mp4": [flag] for number in range(terminal.SHOWN_FLAGGED + 2)}, 99)
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert "42 of 99 videos are flagged" in text
    assert "too short (The video has 0.3 s)" in text
    assert "and 2 more" in text
    assert text.count(".mp4") == terminal.SHOWN_FLAGGED
    assert text.count("too short") == 1, "videos with the same flags share a row"
