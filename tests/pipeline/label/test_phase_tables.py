"""Tables of phases, which the reader of phases takes, and agreement in frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from data.datasets import with_phases
from data.datasets.ratings import MARKED, Answer, append_answers, rater_file
from data.errors import UsageError
from data.video import Phase, find_videos
from data.video.records import fingerprint_file
from pipeline.label import find_session, label_summary, write_phases

NAMES = ("run", "flight", "entry")
DIVE = (Phase("run", 0.2, 1.0), Phase("flight", 1.0, 1.6), Phase("entry", 1.6, 2.0))


def mark(folder: Path, rater: str, video: str, phases: Sequence[Phase]) -> None:
    content = (fingerprint_file(folder / video),)
    append_answers(rater_file(folder, rater), Answer(content, MARKED, names=(video,), phases=tuple(phases)))


def test_the_last_answer_on_a_video_is_in_the_table_that_the_reader_takes(tmp_path: Path) -> None:
    for number, name in enumerate(("a.mp4", "=b.mp4", "gone.mp4")):
        (tmp_path / name).write_bytes(bytes(number))
        mark(tmp_path, "Anna", name, DIVE[:1])
    mark(tmp_path, "Anna", "a.mp4", DIVE)
    (tmp_path / "gone.mp4").unlink()
    (tmp_path / "a.mp4").rename(tmp_path / "renamed.mp4")
    session, _ = find_session(tmp_path, phases=NAMES)
    write_phases(session)
    assert (tmp_path / "phases/anna.csv").read_text().splitlines() == [
        "video,phase,start_s,end_s", "renamed.mp4,run,0.2000,1.0000", "renamed.mp4,flight,1.0000,1.6000",
        "renamed.mp4,entry,1.6000,2.0000", "'=b.mp4,run,0.2000,1.0000",
    ]  # fmt: skip
    listing = with_phases(find_videos([tmp_path]), tmp_path / "phases")
    assert listing.problems == ()
    assert [record.phases for record in listing.records] == [DIVE[:1], DIVE]


def test_a_linked_folder_of_tables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    mark(tmp_path, "anna", "a.mp4", DIVE)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "phases").symlink_to(tmp_path / "elsewhere")
    session, _ = find_session(tmp_path, phases=NAMES)
    with pytest.raises(UsageError, match="a link"):
        write_phases(session)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_agreement_is_counted_in_frames(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    """At 10 frames per second, begins of frames 0, 10, 16 against 1, 10, 12: 1, 0 and 4 apart, the median is 1.

    In the other video only "run" is marked by both: 5 against 8. So four begins are 0, 1, 3, 4 apart, the median is 2,
    and one rater left out a phase once.
    """
    for number, name in enumerate(("a.mp4", "b.mp4", "c.mp4")):
        make_video(tmp_path / name, frames=20 + number, rate=10)
    given = {
        "anna": {"a.mp4": (0.0, 1.0, 1.6), "b.mp4": (0.5,), "c.mp4": (0.1,)},
        "ben": {"a.mp4": (0.1, 1.0, 1.2), "b.mp4": (0.8, 1.1)},
    }
    for rater, videos in given.items():
        for video, begins in videos.items():
            mark(tmp_path, rater, video, [Phase(*one) for one in zip(NAMES, begins, (*begins[1:], 2.0), strict=False)])
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
    rater_file(tmp_path, "ben").unlink()
    assert "unknown until two raters" in label_summary(session).lines[0]
