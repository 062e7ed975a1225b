"""The order of pairs: each once, balanced after every answer, connected, and left as often as right."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.label.pair_order import MOST_CYCLES, all_pairs, next_pair

COUNTS = (2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 30, 31)


@pytest.mark.parametrize("count", COUNTS)
def test_every_pair_comes_once_and_videos_equally_often_at_any_time(count: int) -> None:
    pairs = all_pairs(count)
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs) == count * (count - 1) // 2
    answers = np.zeros(count, dtype=int)
    for pair in pairs:
        answers[pair] += 1
        assert np.ptp(answers) <= 1


@pytest.mark.parametrize("count", COUNTS)
def test_the_first_answers_connect_all_videos(count: int) -> None:
    group = np.arange(count)
    for left, right in all_pairs(count)[:count]:
        group[group == group[left]] = group[right]
    assert len(set(group)) == 1


@pytest.mark.parametrize("count", COUNTS)
def test_a_video_is_left_as_often_as_right(count: int) -> None:
    pairs = all_pairs(count)
    for cycle in range(1, (count - 1) // 2 + 1):
        left, right = (np.bincount(side, minlength=count) for side in pairs[: cycle * count].T)
        assert (left == right).all()


@pytest.mark.parametrize("count", COUNTS)
def test_the_next_pair_follows_the_order(count: int) -> None:
    pairs = all_pairs(count)
    for number in {0, len(pairs) // 3, len(pairs) // 2, len(pairs) - 1}:
        assert next_pair(count, pairs[:number]) == tuple(pairs[number])
    assert next_pair(count, pairs) is None
    assert next_pair(count, pairs[:, ::-1]) is None, "a pair is one question, whichever is on the left"


@pytest.mark.parametrize("added", [1, 2, 5])
def test_videos_that_were_added_later_catch_up(added: int) -> None:
    asked = all_pairs(9)[:27]
    answers = np.bincount(asked.ravel(), minlength=9 + added)
    for _ in range(6 * added):
        pair = next_pair(9 + added, asked)
        assert pair is not None
        assert max(pair) >= 9, "a pair with a new video"
        asked = np.vstack([asked, pair])
        answers[list(pair)] += 1
        if answers.min() >= 6:
            break
    assert np.ptp(answers[9:]) <= 1


def test_one_video_and_many_videos() -> None:
    assert next_pair(1, np.zeros((0, 2), dtype=np.intp)) is None
    assert next_pair(0, np.zeros((0, 2), dtype=np.intp)) is None
    assert np.bincount(all_pairs(1000).ravel()).tolist() == [2 * MOST_CYCLES] * 1000
