"""Answers of raters: every whole line counts, and damaged lines cost no other answer."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from data.datasets.ratings import Answer, all_answers, append_answer, rater_file, read_answers
from data.errors import UsageError

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def scored(content: str, value: float) -> Answer:
    return Answer((content,), "scored", {"score": value}, ("day/x.mp4",))


def test_answers_come_back_and_a_spreadsheet_reads_them(tmp_path: Path) -> None:
    path = rater_file(tmp_path, "Anna  Maria")
    assert path == tmp_path / "ratings/anna maria.csv"
    given = [scored(A, 7.25), Answer((B,), "no performance"), Answer((A, B), "better", names=("=1+1", "y\n.mp4"))]
    for answer in given:
        append_answer(path, answer)
    answers, unread = read_answers(path)
    assert (list(answers.values()), unread) == (
        [given[0], Answer((B,), "no performance", names=("",)), Answer((A, B), "better", names=("'=1+1", "y\\n.mp4"))],
        0,
    )
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert [row["score"] for row in rows] == ["7.25", "", ""]


def test_the_last_answer_to_a_question_counts(tmp_path: Path) -> None:
    path = rater_file(tmp_path, "anna")
    for answer in (scored(A, 1), scored(A, 2), Answer((A, B), "better"), Answer((B, A), "better")):
        append_answer(path, answer)
    answers, _ = read_answers(path)
    assert len(answers) == 2
    assert answers[frozenset((A,))].scores == {"score": 2}
    assert answers[frozenset((A, B))].contents == (B, A)


def test_a_last_line_that_was_cut_off_costs_no_other_answer(tmp_path: Path) -> None:
    path = rater_file(tmp_path, "anna")
    append_answer(path, scored(A, 7.5))
    whole = path.read_bytes()
    append_answer(path, scored(B, 12.5))
    two_lines = path.read_bytes()
    for end in range(len(whole), len(two_lines)):
        path.write_bytes(two_lines[:end])
        expected = {frozenset((A,))} | ({frozenset((B,))} if end == len(two_lines) - 1 else set())
        assert set(read_answers(path)[0]) == expected
        append_answer(path, scored(C, 3))
        assert set(read_answers(path)[0]) == expected | {frozenset((C,))}
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        append_answer(path, scored(C, 3))
        assert frozenset((C,)) in read_answers(path)[0]


@pytest.mark.parametrize(
    "line",
    [
        f"x,{A},,,scored,nan,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,scored,1e300,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,scored,,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,better,,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},x,{A},better,,,,,2026-01-01T00:00:00+00:00",
        "x,../x,,,scored,5,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,scored,5,,,,yesterday",
        '"never closed',
    ],
)
def test_lines_that_are_no_answers_are_counted_and_do_not_count(tmp_path: Path, line: str) -> None:
    path = rater_file(tmp_path, "anna")
    append_answer(path, scored(B, 1))
    with path.open("a") as file:
        file.write(f"{line}\r\n")
    answers, unread = read_answers(path)
    assert (set(answers), unread) == ({frozenset((B,))}, 1)
    raters, problems = all_answers(tmp_path)
    assert list(raters) == ["anna"]
    assert "anna.csv" in problems[0]


@pytest.mark.parametrize("name", ["", " ", "../x", "a/b", ".hidden", "x" * 41, "nul\0", "a.", "<b>"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name of a rater"):
        rater_file(tmp_path, name)
