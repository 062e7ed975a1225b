"""The camera's motion against moved points, numpy's least squares, and loops over pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.camera_flow.motion_summary import largest_shift, motion_quality, moving, to_rates, window
from extractors.camera_flow.pair_motion import fit_cells

WIDTH, HEIGHT = 320, 240
PAIRS, CELLS = 60, 10
MOTIONS = st.tuples(st.floats(-8, 8), st.floats(-8, 8), st.floats(0.95, 1.05), st.floats(-0.05, 0.05))
"""Pan in pixels, zoom, and rotation in radians clockwise on the screen."""


def vector(motion: tuple[float, ...]) -> np.ndarray:
    x, y, zoom, turn = motion
    return np.array([x, y, zoom * np.cos(turn) - 1, zoom * np.sin(turn)])


def moved(points: np.ndarray, motion: tuple[float, ...]) -> np.ndarray:
    """(n, 2) places after a rotation, a zoom and a pan about the centre, by a matrix."""
    x, y, zoom, turn = motion
    matrix = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ matrix.T + [x, y]


@given(MOTIONS, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_moved_points_give_their_motion(motion: tuple[float, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-1, 1, (30, 2)) * [WIDTH / 2, HEIGHT / 2]
    flow = moved(centre, motion) - centre
    fitted, inliers = fit_cells(
        flow, rng.uniform(0.1, 1, 30), centre, vector(motion) + np.array([0.2, -0.2, 0.001, 0.0])
    )
    assert fitted == pytest.approx(vector(motion), abs=2e-3)
    assert inliers == pytest.approx(1)
    rates = to_rates(vector(motion)[None], (WIDTH, HEIGHT), np.array([0.04]))[0]
    x, y, zoom, turn = motion
    assert rates == pytest.approx([x / WIDTH / 0.04, y / HEIGHT / 0.04, np.log(zoom) / 0.04, turn / 0.04])


def test_small_errors_are_averaged_as_by_least_squares() -> None:
    rng = np.random.default_rng(1)
    centre, truth = rng.uniform(-120, 120, (40, 2)), vector((3, -2, 1.01, 0.02))
    weight = rng.uniform(0.5, 1, 40)
    x, y = centre.T
    design = np.stack([np.stack([x * 0 + 1, x * 0, x, -y], 1), np.stack([x * 0, x * 0 + 1, y, x], 1)], 1)
    flow = design @ truth + rng.normal(0, 0.02, (40, 2))
    rows = np.sqrt(np.repeat(weight, 2))
    exact, *_ = np.linalg.lstsq(design.reshape(-1, 4) * rows[:, None], flow.ravel() * rows, rcond=None)
    fitted, _ = fit_cells(flow, weight, centre, truth)
    assert fitted[:2] == pytest.approx(exact[:2], abs=0.01)
    assert fitted[2:] == pytest.approx(exact[2:], abs=1e-4)
    assert np.abs(fitted - truth)[:2].max() < 0.03


@given(MOTIONS)
@settings(max_examples=30, deadline=None)
def test_the_largest_shift_is_that_of_a_corner(motion: tuple[float, ...]) -> None:
    corners = np.array([[x, y] for x in (-WIDTH / 2, WIDTH / 2) for y in (-HEIGHT / 2, HEIGHT / 2)])
    shifts = np.linalg.norm(moved(corners, motion) - corners, axis=1)
    assert largest_shift(vector(motion)[None], (WIDTH, HEIGHT))[0] == pytest.approx(shifts.max())
    inside = np.random.default_rng(0).uniform(-1, 1, (50, 2)) * [WIDTH / 2, HEIGHT / 2]
    assert np.linalg.norm(moved(inside, motion) - inside, axis=1).max() <= shifts.max() + 1e-9


@given(st.lists(st.floats(0.01, 0.2), min_size=1, max_size=30), st.integers(0, 99), st.sampled_from([1, 2, 4]))
@settings(max_examples=30, deadline=None)
def test_a_still_camera_is_one_whose_neighbours_within_a_quarter_second_cancel(
    steps: list[float], seed: int, stride: int
) -> None:
    time = np.cumsum(steps)
    motion = np.random.default_rng(seed).normal(0, 0.1, (len(steps), 4)) * [1, 1, 0.001, 0.001]
    expected = []
    for now in range(len(time)):
        near = np.flatnonzero(np.abs(time - time[now]) <= 0.25)
        together = motion[near].sum(axis=0) * np.sqrt(stride)
        pair, summed = (largest_shift(part[None], (WIDTH, HEIGHT))[0] for part in (motion[now], together))
        expected.append(max(pair, summed) > 0.2)
    assert moving(motion, time, (WIDTH, HEIGHT), 0.2, stride).tolist() == expected
    first, last = window(time)
    for now, (a, b) in enumerate(zip(first, last, strict=True)):
        assert a <= now < b


def arrays(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    start = np.arange(PAIRS) / 25
    cut = np.arange(PAIRS) == 20
    return {
        "inliers": np.where(cut, 0.0, rng.uniform(0.5, 1, PAIRS)),
        "cell_mask": rng.random((PAIRS, CELLS)) < 0.8,
        "motion": rng.normal(0, 0.5, (PAIRS, 4)) * (~cut)[:, None],
        "time": np.stack([start, start + 0.04], axis=1),
        "cut": cut,
    }


def test_every_value_is_counted_over_its_pairs() -> None:
    given = arrays()
    given["cell_mask"][:, 3] = given["cell_mask"][:, 7] = False
    moved, allowed = np.arange(PAIRS) % 3 == 0, np.arange(CELLS) != 7
    got = motion_quality(given, moved, allowed, 1)
    usable = [row for row in range(PAIRS) if given["inliers"][row] > 0]
    assert got["pairs"] == PAIRS
    assert got["inliers_mean"] == pytest.approx(np.mean([given["inliers"][row] for row in usable]), abs=1e-4)
    assert got["static_share"] == pytest.approx(np.mean([not moved[row] for row in usable]), abs=1e-4)
    assert got["moving"] is True
    assert (got["masked_cells"], got["graphic_cells"]) == (2, 1)
    assert got["cuts"] == 1
    assert got["unusable_share"] == pytest.approx(1 / PAIRS, abs=1e-4)
    place, places = 0.0, []
    for row in range(PAIRS):
        place += given["motion"][row, 0] * 0.04
        places.append(place)
    assert got["pan_range"] == pytest.approx(max(places) - min(places), abs=1e-4)
    middles = [given["time"][row].mean() for row in usable]
    squares = []
    for now, row in zip(middles, usable, strict=True):
        near = [other for other, when in zip(usable, middles, strict=True) if abs(when - now) <= 0.25]
        squares.append(np.square(given["motion"][row, :2] - given["motion"][near, :2].mean(axis=0)).sum())
    assert got["shake"] == pytest.approx(np.sqrt(np.mean(squares)), abs=1e-4)
