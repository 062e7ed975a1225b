"""From answers to the table that the data set `folder` reads, and to sentences on the raters' agreement."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from data.datasets.folder import list_folder
from data.datasets.rater_answers import Answer, append_answers, rater_file, read_answers
from data.errors import UsageError
from data.store.fingerprint import fingerprint_file
from data.video import Phase
from pipeline.label import VideoLabel, find_session, label_summary, write_labels
from tests.helpers.rated import mark_phases, rate_scores

NAMES = ("run", "flight", "entry")
SCORES = {"anna": [5.0, 7.0, 2.0, 9.0], "ben": [6.0, 7.0, 1.0, 9.5]}


@pytest.fixture
def folder(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    for number in range(4):
        make_video(tmp_path / f"{number}.mp4", frames=3 + number)
    return tmp_path


def rate_pairs(folder: Path, rater: str, truth: Mapping[str, float], count: int) -> None:
    """Answer `count` questions of the page by the true values of the videos."""
    session, _ = find_session(folder, pairs=True)
    videos, path = session.by_content(), rater_file(folder, rater)
    for _ in range(count):
        question = session.next_question(rater, read_answers(path)[0], videos)
        if question is None:
            return
        left, right = (truth[videos[content].id] for content in question)
        answer = "equal" if left == right else "better" if left > right else "worse"
        append_answers(path, Answer(question, answer, names=tuple(videos[content].id for content in question)))


def report(folder: Path, **options: Any) -> Any:
    return label_summary(find_session(folder, **options)[0])


def test_the_data_set_folder_reads_means_and_judges(folder: Path) -> None:
    for name, scores in SCORES.items():
        rate_scores(folder, name, {f"{n}.mp4": {"score": s, "execution": s / 2} for n, s in enumerate(scores)})
    made = report(folder, columns=["score", "execution"])
    assert made.answers == {"anna": 4, "ben": 4}
    write_labels(folder / "labels.csv", made.rows)
    rows = list(csv.DictReader((folder / "labels.csv").open(newline="")))
    assert rows[0] == {
        "video": "0.mp4", "score": "5.5", "execution": "2.75", "deviation": "0.707107", "raters": "2", "judges": "5 6",
    }  # fmt: skip
    listing = list_folder(folder)
    assert listing.problems == ()
    labels = [record.labels for record in listing.records]
    assert [one.score for one in labels] == [5.5, 7.0, 1.5, 9.25]
    assert labels[3].judges == (9.0, 9.5)
    assert made.agreement.raters == 2
    assert made.disputed[0] == ("0.mp4", 1.0, 5.0, 6.0)
    assert any("ICC(2,1)" in line for line in made.lines)


def test_no_performance_gives_no_label_and_one_rater_no_agreement(folder: Path) -> None:
    rate_scores(folder, "anna", {"0.mp4": {"score": 3.0}})
    path = folder / "1.mp4"
    append_answers(rater_file(folder, "anna"), Answer((fingerprint_file(path),), "no performance"))
    made = report(folder)
    assert {row.video: row.scores["score"] for row in made.rows} == {"0.mp4": 3.0, "1.mp4": None}
    assert made.agreement is None
    assert any("until two raters" in line for line in made.lines)
    write_labels(folder / "labels.csv", made.rows)
    assert [record.labels is not None for record in list_folder(folder).records] == [True, False, False, False]


def test_a_renamed_video_keeps_its_answers_and_a_replaced_one_has_none(
    folder: Path, make_video: Callable[..., Path]
) -> None:
    rate_scores(folder, "anna", {"0.mp4": {"score": 3.0}, "1.mp4": {"score": 4.0}})
    (folder / "0.mp4").rename(folder / "x.mp4")
    make_video(folder / "1.mp4", frames=30)
    made = report(folder)
    assert [(row.video, row.scores["score"]) for row in made.rows] == [("x.mp4", 3.0)]
    assert any("1 answer on videos that were deleted or replaced" in line for line in made.problems)


def test_pairs_give_a_scale_in_the_order_of_the_answers(folder: Path) -> None:
    order = {f"{n}.mp4": float(n) for n in range(4)}
    for name in ("anna", "ben"):
        rate_pairs(folder, name, order, count=6)
    made = report(folder, pairs=True)
    places = [row.scores["score"] for row in made.rows]
    assert places == sorted(places)
    assert all(row.deviation > 0 and row.raters == 2 for row in made.rows)
    assert any("same answer on 6 of 6 pairs" in line for line in made.lines)
    assert made.lines[0].startswith("The raters agree well enough")
    assert set(made.fit.raters) == {"anna", "ben"}
    assert set(made.fit.videos) == set(order)
    assert (made.fit.misfits, made.fit.groups) == ((), 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["scroe"]}, "no score is called"),
    ],
)
def test_wrong_names_are_refused(folder: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        report(folder, **options)


def test_videos_without_answers_do_not_change_the_scale_of_the_others(
    folder: Path, make_video: Callable[..., Path]
) -> None:
    rate_pairs(folder, "anna", {f"{n}.mp4": n for n in range(4)}, 6)
    before = report(folder, pairs=True)
    for number in range(4, 9):
        make_video(folder / f"{number}.mp4", frames=3 + number)
    after = report(folder, pairs=True)
    assert after.rows == before.rows
    assert after.lines == before.lines


def test_skipped_pairs_alone_give_no_scale(folder: Path) -> None:
    contents = (fingerprint_file(folder / "0.mp4"), fingerprint_file(folder / "1.mp4"))
    append_answers(rater_file(folder, "anna"), Answer(contents, "skipped"))
    made = report(folder, pairs=True)
    assert made.rows == ()
    assert (made.lines, made.counts) == (("The agreement is unknown until pairs are judged",), "pairs judged: anna 1")


def test_a_video_that_more_raters_refuse_than_judge_has_no_label_in_pairs_either(folder: Path) -> None:
    order = {f"{n}.mp4": float(n) for n in range(4)}
    for name in ("anna", "ben", "cleo"):
        rate_pairs(folder, name, order, count=6)
    refused = Answer((fingerprint_file(folder / "0.mp4"),), "no performance")
    append_answers(rater_file(folder, "anna"), refused)
    first = {row.video: row for row in report(folder, pairs=True).rows}
    assert (first["0.mp4"].raters, first["0.mp4"].scores["score"] is None) == (2, False)
    append_answers(rater_file(folder, "ben"), refused)
    then = {row.video: row for row in report(folder, pairs=True).rows}
    assert then["0.mp4"] == VideoLabel("0.mp4", 1, {"score": None}, None, None)
    assert [row.scores["score"] is not None for row in then.values()] == [False, True, True, True]


def test_a_rater_who_contradicts_the_others_is_named_but_not_to_the_raters(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    order = {f"{n}.mp4": float(n) for n in range(10)}
    for number in range(10):
        make_video(tmp_path / f"{number}.mp4", frames=3 + number)
    for name in ("anna", "ben", "cleo"):
        rate_pairs(tmp_path, name, order, count=30)
    rate_pairs(tmp_path, "dan", {name: -place for name, place in order.items()}, count=30)
    made = report(tmp_path, pairs=True)
    assert [(one.kind, one.name) for one in made.fit.misfits if one.kind == "rater"] == [("rater", "dan")]
    assert made.fit.raters["dan"] > 1.5
    assert not any("dan" in line for line in made.lines)


def test_answers_without_a_link_between_two_groups_are_said_to_be_two_scales(folder: Path) -> None:
    contents = [fingerprint_file(folder / f"{n}.mp4") for n in range(4)]
    pairs = [Answer((contents[n], contents[n + 1]), "better") for n in (0, 2)]
    append_answers(rater_file(folder, "anna"), *pairs)
    assert any("no answer connects 2 groups of videos" in line for line in report(folder, pairs=True).lines)


def test_a_bad_file_of_one_rater_does_not_stop_the_others(folder: Path) -> None:
    rate_scores(folder, "ben", {"0.mp4": {"score": 3.0}})
    (folder / "ratings/anna.csv").mkdir()
    (folder / "ratings/cleo.csv").write_bytes(b"x" * 200_000)
    made = report(folder)
    assert [(row.video, row.scores["score"]) for row in made.rows] == [("0.mp4", 3.0)]
    assert any("anna.csv: left out" in line for line in made.problems)
    assert any("cleo.csv: 1 line left out" in line for line in made.problems)


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
            mark_phases(
                tmp_path, rater, video, [Phase(*one) for one in zip(NAMES, begins, (*begins[1:], 2.0), strict=False)]
            )
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
