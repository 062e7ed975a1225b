"""One track against its own copy that was cut, warped or slowed down: timing is said, and nothing else differs."""

import numpy as np
import pytest

from pipeline.score.aligned_movement import aligned_steps
from pipeline.score.movement import movement, movement_differences
from synthetic.dives import film_of, plan_dives
from synthetic.rendering import Options
from tests.helpers.made_outputs import pose_output

DIVES = plan_dives(3, 3)


def track(number):
    """(frame, 2, 17, 3) joints of a synchronised dive, NaN under water."""
    truth = film_of(DIVES[number], Options()).truth
    seen = truth.visible[..., None]
    return np.concatenate([np.where(seen, truth.keypoints, np.nan), 0.9 * seen], axis=-1)


def at(points, shares):
    """The track at other moments, given as shares of it."""
    place = shares * (len(points) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(points) - 1)
    part = (place - low)[:, None, None, None]
    return np.where(part == 0, points[low], points[low] * (1 - part) + points[high] * part)


def compared(a, b):
    """What the clocks say, and the differences of the ten equal steps."""
    moved = [movement(pose_output(points)) for points in (a, b)]
    edges = [np.linspace(0, len(points) / 25, 11) for points in (a, b)]
    aligned = aligned_steps(*moved, *(np.stack([e[:-1], e[1:]], axis=1) for e in edges), still=False)
    limits = aligned.a.each(lambda values: [(v, v) if np.isfinite(v) else None for v in values])
    return aligned.clocks.named(), movement_differences(aligned.b, limits)


COPIES = {
    "the same": (lambda a: a, (0, 0), 0),
    "without the first .08 s": (lambda a: a[2:], (0.08, 0), 0),
    "without the first .16 s": (lambda a: a[4:], (0.16, 0), 0),
    "without the last .16 s": (lambda a: a[:-4], (0, 0), 0),
    "begins .16 s earlier": (lambda a: np.concatenate([a[[0] * 4], a[:-4]]), (-0.16, 0), 0),
    "an eighth slower": (lambda a: at(a, np.linspace(0, 1, 115)), (0, 0.12), 1),
    "slow at first": (lambda a: at(a, np.linspace(0, 1, 102) ** 1.1), (-0.17, 0), 1),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_differs_in_its_timing_alone(copy):
    change, timing, most = COPIES[copy]
    for number in range(len(DIVES)):
        named, found = compared(track(number), change(track(number)))
        assert named == pytest.approx(timing, abs=0.03)
        assert len(found) <= most


def test_another_movement_differs_and_what_is_changed_is_found_at_its_place():
    assert len(compared(track(0), track(1))[1]) > 10
    bent = track(0)[3:]
    bent[40:50, 0, [15, 16], :2] = bent[40:50, 0, [11, 12], :2]  # both heels at the hips
    named, (first, *_) = compared(track(0), bent)
    assert named == pytest.approx((0.12, 0), abs=0.02)
    assert (first.person, first.name, first.direction) == (0, "knee", "more bent")
    assert 43 / 102 * 10 - 1 < first.furthest < 53 / 102 * 10
