"""The scale from pairs, and the choice of the next pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.datasets.ratings import Answer, Answers
from data.video import Record
from pipeline.label.pair_scale import _newton, fit_scale
from pipeline.label.questions import RatingSession, next_pair, pair_scale


def compared(truth: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers of a rater with logistic noise on random pairs."""
    rng = np.random.default_rng(seed)
    first, second = np.array([rng.choice(len(truth), 2, replace=False) for _ in range(count)]).T
    won = rng.random(count) < 1 / (1 + np.exp(truth[second] - truth[first]))
    return first, second, won.astype(float)


def test_the_scale_is_that_of_choix() -> None:
    choix = pytest.importorskip("choix", reason='needs python -m pip install -e ".[test]"')
    truth = np.random.default_rng(0).normal(size=12)
    first, second, won = compared(truth, 60, 1)
    data = [(a, b) if w else (b, a) for a, b, w in zip(first, second, won, strict=True)]
    expected = choix.opt_pairwise(12, data, alpha=1 / (2 * 2.0**2))
    scale, _ = _newton(12, first, second, won, 2.0)
    assert scale.value == pytest.approx(expected, abs=1e-5)


def test_95_percent_intervals_hold_the_truth() -> None:
    inside = []
    for seed in range(40):
        truth = np.random.default_rng(seed).normal(size=20)
        truth -= truth.mean()
        scale = fit_scale(20, *compared(truth, 100, seed))
        inside.append(np.abs(scale.value - truth) < 1.96 * scale.error)
    assert 0.9 <= np.mean(inside) <= 0.99


def test_equal_videos_and_videos_that_always_won_have_finite_places() -> None:
    scale = fit_scale(3, [0, 0, 1], [1, 1, 2], [0.5, 0.5, 1.0])
    assert scale.value[0] == pytest.approx(scale.value[1], abs=0.5)
    assert np.isfinite(scale.value).all()
    assert scale.value[2] == scale.value.min()
    assert scale.value.sum() == pytest.approx(0, abs=1e-6)


def test_more_answers_halve_the_error() -> None:
    ratios = []
    for seed in range(6):
        truth = np.random.default_rng(seed).normal(size=15)
        first, second, won = compared(truth, 2000, seed)
        few = fit_scale(15, first[:300], second[:300], won[:300])
        more = few.answers_to_half(300)
        assert more is not None
        then = fit_scale(15, first[: 300 + more], second[: 300 + more], won[: 300 + more])
        ratios.append(np.sqrt((then.error**2).mean() / (few.error**2).mean()))
    assert np.median(ratios) == pytest.approx(0.5, abs=0.05)
    assert fit_scale(15, [0], [1], [1.0]).answers_to_half(1) is None, "nothing connects the other videos"


def name(number: int) -> str:
    return f"{number:064x}"


def asked(truth: np.ndarray, count: int) -> Answers:
    """The answers of a rater without error to `count` chosen questions."""
    order, answers = [name(n) for n in range(len(truth))], Answers()
    for _ in range(count):
        question = next_pair(order, answers, set(order))
        assert question is not None
        left, right = (int(one, 16) for one in question)
        answer = Answer(question, "better" if truth[left] > truth[right] else "worse")
        answers[answer.question] = answer
    return answers


def test_videos_without_answers_come_first_and_no_pair_comes_twice() -> None:
    truth = np.random.default_rng(0).normal(size=8)
    first = [one for question in asked(truth, 4) for one in question]
    assert len(set(first)) == 8
    answers = asked(truth, 28)
    assert len(answers) == 28
    assert next_pair([name(n) for n in range(8)], answers, {name(n) for n in range(8)}) is None


def test_chosen_pairs_are_neighbours_and_tell_more_than_random_ones() -> None:
    truth = np.random.default_rng(1).normal(size=16) * 2
    answers = list(asked(truth, 60).values())
    rank = np.argsort(np.argsort(truth))
    gaps = [abs(int(rank[int(a, 16)]) - int(rank[int(b, 16)])) for a, b in (one.contents for one in answers)]
    assert np.mean(gaps[40:]) < np.mean(gaps[:8])
    assert np.mean(gaps[40:]) < 17 / 3, "the mean gap of random pairs"


def test_only_asks_about_pairs_with_these_videos() -> None:
    order = [name(n) for n in range(6)]
    question = next_pair(order, {}, {name(4)})
    assert question is not None
    assert name(4) in question


@pytest.mark.parametrize(("pairs", "whole"), [(True, 5), (False, 1)])
def test_progress_counts_only_questions_about_these_videos(tmp_path: Path, pairs: bool, whole: int) -> None:
    contents = {name(n): Record(f"{n}.mp4", tmp_path / f"{n}.mp4") for n in range(6)}
    questions = [(name(0), name(1)), (name(1), name(4))] if pairs else [(name(0),), (name(4),)]
    answers = {frozenset(one): Answer(one, "skipped") for one in questions}
    session = RatingSession(tmp_path, tuple(contents.values()), pairs=pairs, only=frozenset({"4.mp4"}))
    assert session.progress(answers, contents) == (1, whole)
    assert RatingSession(tmp_path, session.records, pairs=pairs).progress(answers, contents) == (2, 15 if pairs else 6)


def test_only_compares_with_videos_that_the_rater_has_compared(tmp_path: Path) -> None:
    contents = {name(n): Record(f"{n}.mp4", tmp_path / f"{n}.mp4") for n in range(20)}
    session = RatingSession(tmp_path, tuple(contents.values()), pairs=True, only=frozenset({"9.mp4"}))
    answers = {frozenset((name(n), name(n + 1))): Answer((name(n), name(n + 1)), "better") for n in range(7)}
    assert session.progress(answers, contents) == (0, 6)
    partners = set()
    while (question := session.next_question("anna", answers, contents)) is not None:
        answers[frozenset(question)] = Answer(question, "equal")
        partners |= set(question)
    assert partners == {name(n) for n in (*range(8), 9)}, "a further video would get a label from one answer"
    assert session.next_question("ben", {}, contents) is not None, "a rater without answers compares with all"


def test_skipped_pairs_are_not_asked_again_and_do_not_count() -> None:
    order = [name(n) for n in range(2)]
    answers = {frozenset(order): Answer((order[0], order[1]), "skipped")}
    assert next_pair(order, answers, set(order)) is None
    assert pair_scale(order, [answers]).value == pytest.approx([0, 0])
