"""The best way through all readings, and joints drawn to their course."""

from __future__ import annotations

import numpy as np
import pytest
from extractors.people.appearance import Appearance
from extractors.people.hunt import Hunt, longest_bones
from extractors.people.path import Sight, best_path
from extractors.people.smooth import smoothed
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_pose import Reader, picture
from tests.test_tracking import person

COUNT = 20
TIMES = [t / 25 for t in range(COUNT)]
STILL = [np.zeros(2)] * COUNT


def way(pool: dict[int, list[Sight]], cameras: list[np.ndarray] = STILL) -> dict[int, Sight]:
    return best_path(pool, TIMES, cameras, 110.0, 0.3)


def at(x: float, score: float) -> Sight:
    return Sight(person(x, 120, score=score), score)


def test_faint_readings_count_on_the_way_between_sure_ones_and_not_elsewhere() -> None:
    pool = {t: [at(100 + 4 * t, 0.35)] for t in range(COUNT)}
    pool[9] = [at(300, 0.2), at(137, 0.13)]
    pool[10] = [at(300, 0.2)]
    path = way(pool)
    assert path[9] is pool[9][1]
    assert 10 not in path
    assert set(path) == set(range(COUNT)) - {10}


def test_few_sure_frames_outweigh_many_faint_ones_elsewhere() -> None:
    pool = {t: [at(100, 0.4)] if t < 6 else [at(300, 0.14)] for t in range(COUNT)}
    assert set(way(pool)) == set(range(6))


def test_a_panning_camera_breaks_no_path() -> None:
    pool = {t: [at(100 + 40 * t, 0.35)] for t in range(COUNT)}
    panned = [np.array([40.0 * t, 0.0]) for t in range(COUNT)]
    assert len(way(pool, panned)) == COUNT


def test_no_readings_make_no_path() -> None:
    assert way({}) == {}
    assert way({3: []}) == {}


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, COUNT - 1),
        st.lists(st.tuples(st.floats(0, 400), st.floats(0.01, 1)), min_size=1, max_size=3),
        max_size=COUNT,
    )
)
def test_a_path_takes_one_of_the_readings_of_a_frame(readings: dict[int, list[tuple[float, float]]]) -> None:
    pool = {t: [at(x, score) for x, score in row] for t, row in readings.items()}
    for place, sight in way(pool).items():
        assert any(sight is known for known in pool[place])


def test_a_body_with_overlong_bones_is_worth_less() -> None:
    known = [Sight(person(100, 120), 0.4)] * 6
    bones = longest_bones(known, 0.3)
    assert bones is not None
    assert longest_bones(known, 0.5) is None
    hunt = Hunt(Reader(), {0: picture()}, 1.7, 320, 0.3, 110.0, Appearance(), [], bones)
    stretched = person(100, 120)
    stretched[[9, 10], 1] += 60
    sound, odd = hunt.fitting(0, [Sight(person(100, 120), 0.2), Sight(stretched, 0.2)])
    assert sound.weight == pytest.approx(0.2)
    assert odd.weight < 0.12


def test_smoothing_keeps_steady_motion_and_draws_in_outliers() -> None:
    times = np.arange(30) / 25
    poses = np.stack([person(100 + 3 * t, 120 + t) for t in range(30)]).astype(np.float32)
    scores = np.full(30, 0.5, np.float32)
    assert smoothed(poses, scores, times, 0.03) == pytest.approx(poses, abs=1e-3)
    noisy = poses.copy()
    noisy[12, 9, 0] += 40
    smooth = smoothed(noisy, scores, times, 0.03)
    assert abs(smooth[12, 9, 0] - poses[12, 9, 0]) < 25
    assert np.abs(smooth[11, 9] - poses[11, 9]).max() < 4  # its neighbours are hardly drawn to it
    assert smoothed(noisy, scores, times, 0.0) is noisy
    assert smooth[..., 2] == pytest.approx(noisy[..., 2])
