"""The order of pairs: each once, balanced after every answer, connected, and left as often as right."""

import numpy as np
import pytest

from pipeline.label.pair_order import MOST_CYCLES, all_pairs, next_pair


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 9, 30, 31])
def test_pairs_come_once_balanced_connected_and_as_often_left_as_right(count):
    pairs = all_pairs(count)
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs) == count * (count - 1) // 2
    answers, group = np.zeros(count, dtype=int), np.arange(count)
    for number, (left, right) in enumerate(pairs):
        assert next_pair(count, pairs[:number]) == (left, right)
        answers[[left, right]] += 1
        assert np.ptp(answers) <= 1
        if number < count:
            group[group == group[left]] = group[right]
    assert len(set(group)) == 1, "the first answers connect all videos"
    assert next_pair(count, pairs) is None
    assert next_pair(count, pairs[:, ::-1]) is None, "a pair is one question, whichever is on the left"
    for cycle in range(1, (count - 1) // 2 + 1):
        lefts, rights = (np.bincount(side, minlength=count) for side in pairs[: cycle * count].T)
        assert (lefts == rights).all()


@pytest.mark.parametrize("added", [1, 5])
def test_videos_that_were_added_later_catch_up(added):
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


def test_one_video_and_many_videos():
    assert next_pair(1, np.zeros((0, 2), dtype=np.intp)) is None
    assert next_pair(0, np.zeros((0, 2), dtype=np.intp)) is None
    assert np.bincount(all_pairs(1000).ravel()).tolist() == [2 * MOST_CYCLES] * 1000
