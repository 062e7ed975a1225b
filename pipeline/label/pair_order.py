"""The order in which a rater's pairs are asked: random, and balanced after every answer.

A complete graph of n vertices is a set of Hamiltonian cycles, and one perfect matching where n is even (Walecki's
construction, see B. Alspach, The wonderful Walecki construction, Bulletin of the ICA 52, 2008). Every cycle is asked
edge by edge, first every other edge, then the rest. So

- the numbers of answers on any two videos differ by at most one at any time,
- the first n answers connect all videos,
- every video is on the left once and on the right once in each cycle.

The videos take random places on the cycles, so the pairs are random.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from data.store.arrays import Rows

MOST_CYCLES = 32
"""Most cycles to ask: at most 64 answers per rater and video; for up to 65 videos, these are all pairs."""


@lru_cache(maxsize=4)
def all_pairs(count: int) -> Rows:
    """(pairs, 2) places of the left and the right video of every pair to ask, in the order of asking."""
    turning = count - 1  # the last place stays, the others rotate
    zigzag = [(j + 1) // 2 * (1 if j % 2 else -1) for j in range(turning)]  # 0, 1, -1, 2, -2, ...
    edges = []
    for turn in range(min(count // 2, MOST_CYCLES)):
        cycle = [turning, *((turn + position) % turning for position in zigzag)]
        alternate = [*range(0, count, 2), *range(1, count, 2)]
        if turn >= turning // 2:
            alternate = alternate[: count // 2]  # of the last cycle of an even number, only the matching is left
        edges += [(cycle[position], cycle[(position + 1) % count]) for position in alternate]
    return np.array(edges, dtype=np.intp).reshape(-1, 2)


def next_pair(count: int, asked: Rows) -> tuple[int, int] | None:
    """The next pair of `count` places, the left one first; None where all were asked.

    Places with the fewest answers come first, so that places added later catch up.

    Args:
        asked: (m, 2) pairs that were asked.
    """
    pairs = all_pairs(count)
    answers = np.bincount(asked.ravel(), minlength=count)[pairs]
    order = answers.min(axis=1) * (len(asked) + 1) + answers.max(axis=1)
    done = np.isin(_number(pairs, count), _number(asked, count))
    if done.all():  # also of no pair
        return None
    left, right = pairs[int(np.argmin(np.where(done, np.iinfo(np.int64).max, order)))]
    return int(left), int(right)


def _number(pairs: Rows, count: int) -> Rows:
    """One number per pair, independent of its order."""
    return np.asarray(pairs.min(axis=1) * count + pairs.max(axis=1))
