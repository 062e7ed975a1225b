"""Answers of raters: every whole line counts, and damaged lines cost no other answer."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.datasets.rater_answers import MARKED, Answer, all_answers, append_answers, rater_file, read_answers, refuses
from data.errors import UsageError
from data.video import Phase

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
MARKS = '"[{""name"": ""run"", ""start"": 0.5, ""end"": 2.0}]"'


def scored(content: str, value: float) -> Answer:
    return Answer((content,), "scored", {"score": value}, ("day/x.mp4",))


def test_answers_come_back_and_a_spreadsheet_reads_them(tmp_path: Path) -> None:
    path = rater_file(tmp_path, "Anna  Maria")
    assert path == tmp_path / "ratings/anna maria.csv"
    pair = Answer((A, B), "better", names=("=1+1", "y\n.mp4"), seconds=9.84)
    given = [scored(A, 7.25), Answer((C,), "no performance"), pair]
    append_answers(path, *given)
    answers, unread = read_answers(path)
    read = Answer((A, B), "better", names=("'=1+1", "y\\n.mp4"), seconds=9.8)
    assert (list(answers.values()), unread) == ([given[0], Answer((C,), "no performance", names=("",)), read], 0)
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert [row["score"] for row in rows] == ["7.25", "", ""]
    assert [row["seconds"] for row in rows] == ["", "", "9.8"]


def test_phases_are_answers_to_a_question_of_their_own(tmp_path: Path) -> None:
    path, phases = rater_file(tmp_path, "anna"), (Phase("=a, b", 0.1 + 0.2, 1.5), Phase("entry", 1.5, 2))
    marked = Answer((A,), MARKED, names=("x",), seconds=3.5, phases=phases)
    append_answers(path, Answer((A,), MARKED, phases=phases[:1]), scored(A, 7), marked, scored(B, 1))
    assert read_answers(path, marked=True) == ({frozenset((A,)): marked}, 0)
    assert set(read_answers(path)[0]) == {frozenset((A,)), frozenset((B,))}


def test_the_last_answer_to_a_question_counts(tmp_path: Path) -> None:
    path = rater_file(tmp_path, "anna")
    for answer in (scored(A, 1), scored(A, 2), Answer((A, B), "better"), Answer((B, A), "better")):
        append_answers(path, answer)
    answers, _ = read_answers(path)
    assert len(answers) == 2
    assert answers[frozenset((A,))].scores == {"score": 2}
    assert answers[frozenset((A, B))].contents == (B, A)


def test_a_last_line_that_was_cut_off_costs_no_other_answer(tmp_path: Path) -> None:
    path = rater_file(tmp_path, "anna")
    append_answers(path, scored(A, 7.5))
    whole = path.read_bytes()
    append_answers(path, scored(B, 12.5))
    two_lines = path.read_bytes()
    for end in range(len(whole), len(two_lines)):
        path.write_bytes(two_lines[:end])
        expected = {frozenset((A,))} | ({frozenset((B,))} if end == len(two_lines) - 1 else set())
        assert set(read_answers(path)[0]) == expected
        append_answers(path, scored(C, 3))
        assert set(read_answers(path)[0]) == expected | {frozenset((C,))}
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        append_answers(path, scored(C, 3))
        assert frozenset((C,)) in read_answers(path)[0]


@pytest.mark.parametrize(
    "line",
    [
        f"x,{A},,,scored,nan,,,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,scored,,,,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,better,,,,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},x,{A},better,,,,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,scored,5,,,,,-3,2026-01-01T00:00:00+00:00",
        "x,../x,,,scored,5,,,,,,2026-01-01T00:00:00+00:00",
        f"x,{A},,,scored,5,,,,,,yesterday",
        *(
            f"x,{A},,,{answer},,,,,{cell},,2026-01-01T00:00:00+00:00"
            for answer, cell in (
                ("marked", ""),
                ("marked", "[]"),
                ("scored", MARKS),
                ("marked", MARKS.replace("0.5", "NaN")),
                ("marked", MARKS.replace("0.5", "1" + 400 * "0")),
                ("marked", MARKS.replace("2.0", "Infinity")),
                ("marked", 9999 * "["),
            )
        ),
        '"never closed',
    ],
)
def test_lines_that_are_no_answers_are_counted_and_do_not_count(tmp_path: Path, line: str) -> None:
    path = rater_file(tmp_path, "anna")
    append_answers(path, scored(B, 1))
    with path.open("a") as file:
        file.write(f"{line}\r\n")
    answers, unread = read_answers(path)
    assert (set(answers), unread) == ({frozenset((B,))}, 1)
    raters, problems = all_answers(tmp_path)
    assert list(raters) == ["anna"]
    assert "anna.csv" in problems[0]


@pytest.mark.parametrize("name", ["தமிழ்", "İlker", "O'Brien", "Eva K.", "علی‌رضا", "3"])
def test_names_of_people_are_names_of_raters(tmp_path: Path, name: str) -> None:
    path = rater_file(tmp_path, name)
    append_answers(path, scored(A, 1))
    assert list(all_answers(tmp_path)[0]) == [path.stem]
    assert path == rater_file(tmp_path, f" {name} "), "blanks around it are no other rater"
    assert path.parent == tmp_path / "ratings"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no letter"),
        ("../x", "'/'"),
        ("a\\b", "has '"),
        (".hidden", "no letter"),
        ("x" * 41, "41 characters"),
        ("nul\0", "has '"),
    ],
)
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"no name of a rater: .*{why}"):
        rater_file(tmp_path, name)


def test_a_link_in_the_place_of_a_file_is_neither_read_nor_written(tmp_path: Path) -> None:
    (tmp_path / "videos/ratings").mkdir(parents=True)
    script = tmp_path / "victim.sh"
    script.write_text("#!/bin/sh\n")
    path = rater_file(tmp_path / "videos", "anna")
    path.symlink_to("../../victim.sh")
    with pytest.raises(OSError, match="link"):
        append_answers(path, scored(A, 1))
    with pytest.raises(OSError, match="link"):
        read_answers(path)
    assert script.read_text() == "#!/bin/sh\n"
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(tmp_path)
    with pytest.raises(OSError, match="link"):
        append_answers(path, scored(A, 1))
    assert not (tmp_path / "anna.csv").exists(), "nor in a folder that is a link"


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "huge"])
def test_a_file_that_cannot_be_read_is_named_and_left_out(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_answers(rater_file(tmp_path, "ben"), scored(A, 1))
    path = rater_file(tmp_path, "anna")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(rater_file(tmp_path, "ben"))
    else:
        path.write_text("x" * 2000)
        monkeypatch.setattr("data.datasets.rater_answers.MAX_BYTES", 1000)
    raters, problems = all_answers(tmp_path)
    assert list(raters) == ["ben"]
    assert len(problems) == 1
    assert "anna.csv: left out (" in problems[0]


@pytest.mark.parametrize(
    "tail", [b"\0\0\0\0", b"\0\0\0\0\n", b"x" * 200_000, b'"' + b"x," * 100_000 + b"\n", b"\xff\xfe\n"]
)
def test_the_whole_lines_of_a_damaged_file_count(tmp_path: Path, tail: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = csv.reader

    def of_python_3_10(lines: list[str]) -> Iterator[list[str]]:
        if "\0" in lines[0]:
            raise csv.Error("line contains NUL")
        return parse(lines)

    monkeypatch.setattr("data.datasets.rater_answers.csv.reader", of_python_3_10)
    path = rater_file(tmp_path, "anna")
    append_answers(path, scored(A, 1))
    with path.open("ab") as file:
        file.write(tail)
    raters, problems = all_answers(tmp_path)
    assert set(raters["anna"]) == {frozenset((A,))}
    assert "1 line left out" in problems[0]
    append_answers(path, scored(B, 1))
    assert set(all_answers(tmp_path)[0]["anna"]) == {frozenset((A,)), frozenset((B,))}


def test_a_file_that_grows_while_it_is_read_gives_its_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rater_file(tmp_path, "anna")
    append_answers(path, scored(A, 1))
    real = os.fdopen

    def grown(*given: Any) -> Any:
        append_answers(path, scored(B, 1))
        return real(*given)

    monkeypatch.setattr("data.datasets.rater_answers.os.fdopen", grown)
    assert frozenset((A,)) in read_answers(path)[0]


def test_an_answer_on_a_pair_takes_no_performance_back(tmp_path: Path) -> None:
    path, refusal = rater_file(tmp_path, "anna"), Answer((A,), "no performance")
    append_answers(path, Answer((A, B), "better"), refusal)
    assert refuses(read_answers(path)[0], A)
    assert not refuses(read_answers(path)[0], B)
    append_answers(path, Answer((C, B), "better"))
    assert refuses(read_answers(path)[0], A)
    append_answers(path, Answer((A, C), "worse"))
    assert not refuses(read_answers(path)[0], A)
