"""Answers of raters: every whole line counts, and damaged lines cost no other answer."""

import csv
import os
import re

import pytest

from data.datasets.rater_answers import MARKED, Answer, all_answers, append_answers, rater_file, read_answers, refuses
from data.errors import UsageError
from data.video import Phase

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def scored(content, value):
    return Answer((content,), "scored", {"score": value}, ("day/x.mp4",))


def asked(path):
    """The videos that a rater's file has scores of."""
    return {content for question in read_answers(path)[0] for content in question}


@pytest.fixture
def path(tmp_path):
    return rater_file(tmp_path, "anna")


def test_the_last_answer_to_a_question_comes_back_and_a_spreadsheet_reads_it(path):
    """Scores and phases of a video are two questions; a pair is one, whichever is on the left."""
    phases = (Phase("=a, b", 0.1 + 0.2, 1.5), Phase("entry", 1.5, 2))
    pair = Answer((A, B), "better", names=("=1+1", "y\n.mp4"), seconds=9.84)
    marked = Answer((A,), MARKED, names=("x",), seconds=3.5, phases=phases)
    none = Answer((C,), "no performance", names=("",))
    append_answers(path, scored(A, 1), Answer((B, A), "better"), Answer((A,), MARKED, phases=phases[:1]))
    append_answers(path, scored(A, 7.25), none, pair, marked)
    stored = Answer((A, B), "better", names=("'=1+1", "y\\n.mp4"), seconds=9.8)
    expected = [scored(A, 7.25), stored, none]
    assert read_answers(path) == ({answer.question: answer for answer in expected}, 0)
    assert read_answers(path, marked=True) == ({marked.question: marked}, 0)
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert [(row["score"], row["seconds"]) for row in rows[3:]] == [("7.25", ""), ("", ""), ("", "9.8"), ("", "3.5")]


def test_a_last_line_that_was_cut_off_costs_no_other_answer(path):
    append_answers(path, scored(A, 7.5))
    whole = path.read_bytes()
    append_answers(path, scored(B, 12.5))
    two_lines = path.read_bytes()
    for end in range(len(two_lines)):
        path.write_bytes(two_lines[:end])
        before = asked(path)
        assert before == {A} & {A * (end >= len(whole) - 1)} | {B} & {B * (end == len(two_lines) - 1)}
        append_answers(path, scored(C, 3))
        assert asked(path) == before | {C}


NOT_ANSWERS = """
x,A,,,scored,nan,,,,,,NOW
x,A,,,scored,,,,,,,NOW
x,A,,,better,,,,,,,NOW
x,A,x,A,better,,,,,,,NOW
x,A,,,scored,5,,,,,-3,NOW
x,../x,,,scored,5,,,,,,NOW
x,A,,,scored,5,,,,,,yesterday
x,A,,,marked,,,,,,,NOW
x,A,,,marked,,,,,[],,NOW
x,A,,,scored,,,,,"[{""name"": ""run"", ""start"": 0.5, ""end"": 2.0}]",,NOW
x,A,,,marked,,,,,"[{""name"": ""run"", ""start"": NaN, ""end"": 2.0}]",,NOW
x,A,,,marked,,,,,"[{""name"": ""run"", ""start"": 0.5, ""end"": Infinity}]",,NOW
x,A,,,marked,,,,,"[{""name"": ""run"", ""start"": LONG, ""end"": 2.0}]",,NOW
x,A,,,marked,,,,,[[DEEP,,NOW
"never closed
"""


@pytest.mark.parametrize("line", NOT_ANSWERS.split("\n")[1:-1])
def test_lines_that_are_no_answers_are_counted_and_do_not_count(path, line):
    values = {"A": A, "NOW": "2026-01-01T00:00:00+00:00", "LONG": "1" + 400 * "0", "DEEP": 9999 * "["}
    append_answers(path, scored(B, 1))
    with path.open("a") as file:
        file.write(re.sub(r"\b(?:A|NOW|LONG|DEEP)\b", lambda word: values[word[0]], line) + "\r\n")
    raters, problems = all_answers(path.parent.parent)
    assert ({*raters}, {*raters["anna"]}) == ({"anna"}, {frozenset((B,))})
    assert problems == [f"{path}: 1 line left out, no answers; a line that was cut off is one"]


@pytest.mark.parametrize("name", ["தமிழ்", "İlker", "O'Brien", "Eva  K.", "علی‌رضا", "3"])
def test_names_of_people_are_names_of_raters(tmp_path, name):
    path = rater_file(tmp_path, name)
    append_answers(path, scored(A, 1))
    assert list(all_answers(tmp_path)[0]) == [path.stem]
    assert path == rater_file(tmp_path, f" {name} "), "blanks around it do not make another rater"
    assert path.parent == tmp_path / "ratings"


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "no letter"), ("../x", "'/'"), ("a\\b", "has '"), (".x", "no letter"), ("x" * 41, "41 c"), ("nul\0", "has")],
)
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name, why):
    assert rater_file(tmp_path, "Anna  Maria" + "x" * 30).name == f"anna maria{'x' * 30}.csv"
    with pytest.raises(UsageError, match=f"cannot be the name of a rater: .*{why}"):
        rater_file(tmp_path, name)


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "folder that is a link", "huge"])
def test_a_file_that_cannot_be_read_is_named_and_neither_followed_nor_written(path, kind, monkeypatch):
    victim = path.parent.parent / "victim.sh"
    victim.write_text("x" * 2000)
    append_answers(rater_file(path.parent.parent, "ben"), scored(A, 1))
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(victim)
    elif kind == "folder that is a link":
        path.parent.rename(victim.with_name("elsewhere"))
        path.parent.symlink_to(victim.with_name("elsewhere"))
    else:
        path.write_text("x" * 2000)
        monkeypatch.setattr("data.datasets.rater_answers.MAX_BYTES", 1000)
    if kind != "huge":
        with pytest.raises(OSError, match=r"link|regular|directory"):
            append_answers(path, scored(A, 1))
    raters, problems = all_answers(path.parent.parent)
    left_out = ["ben.csv"] if "that" in kind else ["anna.csv"]
    assert (list(raters), [line.partition(": left out (")[0] for line in problems]) == (
        [] if "that" in kind else ["ben"],
        [str(path.with_name(name)) for name in left_out],
    )
    assert victim.read_text() == "x" * 2000


@pytest.mark.parametrize("tail", [b"\0\0", b"\0\n", b"x" * 200_000, b'"' + b"x," * 100_000 + b"\n", b"\xff\xfe\n"])
def test_the_whole_lines_of_a_damaged_file_count(path, tail, monkeypatch):
    parse = csv.reader

    def of_python_3_10(lines):
        if "\0" in lines[0]:
            raise csv.Error("line contains NUL")
        return parse(lines)

    monkeypatch.setattr("data.datasets.rater_answers.csv.reader", of_python_3_10)
    append_answers(path, scored(A, 1))
    with path.open("ab") as file:
        file.write(tail)
    assert "1 line left out" in all_answers(path.parent.parent)[1][0]
    append_answers(path, scored(B, 1))
    assert asked(path) == {A, B}


def test_a_file_that_grows_while_it_is_read_gives_its_whole_lines(path, monkeypatch):
    append_answers(path, scored(A, 1))
    real = os.fdopen

    def grown(*given):
        append_answers(path, scored(B, 1))
        return real(*given)

    monkeypatch.setattr("data.datasets.rater_answers.os.fdopen", grown)
    assert A in asked(path)


def test_an_answer_on_a_pair_takes_no_performance_back(path):
    for pair, none in (((A, B), True), ((C, B), True), ((A, C), False)):
        append_answers(path, *[Answer((A,), "no performance")] * (pair == (A, B)))
        append_answers(path, Answer(pair, "better"), *[Answer((A,), "no performance")] * (pair == (A, B)))
        answers = read_answers(path)[0]
        assert (refuses(answers, A), refuses(answers, B)) == (none, False)
