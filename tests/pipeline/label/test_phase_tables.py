"""Tables of phases of raters: written whole or not at all, no links, and agreement in frames."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.datasets import with_phases
from data.datasets.ratings import rater_file
from data.video import Phase, find_videos
from pipeline.label import find_session, label_summary, phase_tables
from pipeline.label.phase_tables import PHASES, all_phases, phase_agreement, read_phases, save_phases

NAMES = ("run", "flight", "entry")
DIVE = [Phase("run", 0.2, 1.0), Phase("flight", 1.0, 1.6), Phase("entry", 1.6, math.inf)]


def test_the_last_save_of_a_video_counts_and_the_reader_takes_the_table(tmp_path: Path) -> None:
    for name in ("a.mp4", "=b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    path = rater_file(tmp_path, "Anna", PHASES)
    assert path == tmp_path / "phases/anna.csv"
    assert read_phases(path) == {}
    save_phases(path, "a.mp4", DIVE[:1])
    save_phases(path, "=b.mp4", [Phase("run", 0.0, 0.5)])
    save_phases(path, "a.mp4", DIVE)
    assert path.read_text().splitlines() == [
        "video,phase,start_s,end_s", "a.mp4,run,0.2000,1.0000", "a.mp4,flight,1.0000,1.6000", "a.mp4,entry,1.6000,",
        "'=b.mp4,run,0.0000,0.5000",
    ]  # fmt: skip
    listing = with_phases(find_videos([tmp_path]), path)
    assert listing.problems == ()
    assert [record.phases for record in listing.records] == [(Phase("run", 0.0, 0.5),), tuple(DIVE)]


def test_each_table_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)

        def noted(*args: Any, name: str = name, original: Any = original) -> Any:
            calls.append(name)
            return original(*args)

        monkeypatch.setattr(os, name, noted)
    save_phases(tmp_path / "phases/anna.csv", "a.mp4", DIVE)
    assert calls == ["fsync", "replace", "fsync"]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_servers_lose_no_video_of_a_rater(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first stops between reading and writing; the second waits for it."""
    path, reached, go_on = tmp_path / "phases/anna.csv", threading.Event(), threading.Event()
    write = phase_tables.write_text

    def slowly(target: Path, text: str) -> None:
        if not reached.is_set():
            reached.set()
            assert go_on.wait(60)
        write(target, text)

    monkeypatch.setattr(phase_tables, "write_text", slowly)
    first, second = (threading.Thread(target=save_phases, args=(path, name, DIVE)) for name in ("a.mp4", "b.mp4"))
    first.start()
    assert reached.wait(60)
    second.start()
    second.join(0.3)
    go_on.set()
    for writer in (first, second):
        writer.join(60)
    assert read_phases(path).keys() == {"a.mp4", "b.mp4"}


@pytest.mark.parametrize("kind", ["link", "folder", "link to the folder", "pipe"])
def test_only_regular_files_are_read_and_replaced(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "phases/anna.csv", tmp_path / "other.csv"
    other.write_text("video,phase,start_s\n")
    if kind == "link to the folder":
        (tmp_path / "elsewhere").mkdir()
        path.parent.symlink_to(tmp_path / "elsewhere")
    else:
        path.parent.mkdir()
        {"link": lambda: path.symlink_to(other), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[kind]()
    with pytest.raises(OSError, match=r"link|regular|directory"):
        save_phases(path, "a.mp4", DIVE)
    assert other.read_text() == "video,phase,start_s\n"
    assert not (tmp_path / "elsewhere/anna.csv").exists()


def test_a_damaged_table_is_left_out_with_a_line_and_never_replaced(tmp_path: Path) -> None:
    for name, content in (
        ("anna", "video,phase,start_s\na.mp4,run,x\n"),
        ("ben", "video,phase,start_s\na.mp4,run,1\n"),
    ):
        path = tmp_path / f"phases/{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    raters, (line,) = all_phases(tmp_path)
    assert list(raters) == ["ben"]
    assert "anna.csv" in line
    assert "start_s is 'x'" in line


def test_agreement_is_counted_in_frames(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    """At 10 frames per second, begins of frames 0, 10, 16 against 1, 10, 12: 1, 0 and 4 apart, the median is 1.

    In the other video only "run" is marked by both: 5 against 8. So four begins are 0, 1, 3, 4 apart, the median is 2,
    and one rater left out a phase once.
    """
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_video(tmp_path / name, frames=20, rate=10)
    given = {
        "anna": {"a.mp4": (0.0, 1.0, 1.6), "b.mp4": (0.5,), "c.mp4": (0.1,)},
        "ben": {"a.mp4": (0.1, 1.0, 1.2), "b.mp4": (0.8, 1.1)},
    }
    for rater, videos in given.items():
        for video, begins in videos.items():
            ends = (*begins[1:], 2.0)
            marks = [Phase(*one) for one in zip(NAMES, begins, ends, strict=False)]
            save_phases(rater_file(tmp_path, rater, PHASES), video, marks)
    session, _ = find_session(tmp_path, phases=NAMES)
    report = label_summary(session)
    assert report.answers == {"anna": 3, "ben": 2}
    assert report.lines == (
        "two raters put a begin 2 frames apart (median of 4 begins), at most 4",
        "in 1 case one rater left out a phase that the other marked",
    )
    assert report.disputed == (
        ("a.mp4, frame of entry", 4, 12, 16),
        ("b.mp4, frame of run", 3, 5, 8),
        ("a.mp4, frame of run", 1, 0, 1),
        ("a.mp4, frame of flight", 0, 10, 10),
    )
    assert report.counts == "videos judged: anna 3, ben 2"
    first = {"anna": all_phases(tmp_path)[0]["anna"]}
    assert "unknown until two raters" in phase_agreement(first, session.records)[0][0]
