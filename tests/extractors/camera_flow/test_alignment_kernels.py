"""Compiled loops of the alignment against plain numpy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from extractors.camera_flow.alignment_kernels import gauss_newton, shift_costs
from extractors.camera_flow.border import cell_flow, lay_out
from extractors.camera_flow.border_alignment import align, pyramid, rings

WIDTH, HEIGHT = 160, 120
CENTRE = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)


def scene(seed: int = 0, sigma: float = 3.0) -> np.ndarray:
    """(H, W) float32 smooth noise of 30 grey levels around 120."""
    noise = np.random.default_rng(seed).normal(size=(HEIGHT + 40, WIDTH + 40)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return (120 + 30 * smooth / smooth.std())[20:-20, 20:-20].astype(np.float32)


def warped(image: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The picture whose content has moved by (pan_x, pan_y, a, b) about its centre, by SciPy's splines."""
    tx, ty, a, b = motion
    back = np.linalg.inv(np.array([[1 + a, -b], [b, 1 + a]]))
    x, y = np.meshgrid(np.arange(WIDTH) - CENTRE[0] - tx, np.arange(HEIGHT) - CENTRE[1] - ty)
    places = [back[1, 0] * x + back[1, 1] * y + CENTRE[1], back[0, 0] * x + back[0, 1] * y + CENTRE[0]]
    return map_coordinates(image, places, order=3, mode="mirror").astype(np.float32)


def test_costs_of_shifts_are_mean_truncated_differences() -> None:
    first, second, r = scene(1), scene(2), 3
    xs, ys = (np.array(part, np.float32) for part in ([2, 40, 90, 158, 157], [1, 60, 118, 50, 3]))
    got = shift_costs(first, second, xs, ys, np.float32(4.0), r)
    for dy in range(-r, r + 1):
        for dx in range(-r, r + 1):
            pairs = [
                (first[int(y), int(x)], second[int(y) + dy, int(x) + dx])
                for x, y in zip(xs, ys, strict=True)
                if 0 <= x + dx < WIDTH and 0 <= y + dy < HEIGHT
            ]
            expected = np.mean([min(abs(b - a - 4.0), 40.0) for a, b in pairs]) + 0.02 * (abs(dx) + abs(dy))
            assert got[dy + r, dx + r] == pytest.approx(expected if 2 * len(pairs) >= 5 else 1e9, rel=1e-4)


@given(
    st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(-0.008, 0.008), st.floats(-0.008, 0.008)),
    st.floats(0.8, 1.25),
    st.floats(-20, 20),
)
@settings(max_examples=15, deadline=None)
def test_gauss_newton_recovers_motion_and_light(motion: tuple[float, ...], gain: float, offset: float) -> None:
    first = scene(3)
    second = (gain * warped(first, np.array(motion)) + offset).astype(np.float32)
    ys, xs = (part.ravel().astype(np.float32) for part in np.mgrid[12 : HEIGHT - 12 : 2, 12 : WIDTH - 12 : 2])
    start = np.array([0, 0, 0, 0, 1, 0], np.float64)
    state = gauss_newton(first, second, xs, ys, *CENTRE, start, 30)
    assert state[:2] == pytest.approx(motion[:2], abs=0.01)
    assert state[2:4] == pytest.approx(motion[2:], abs=1e-4)
    assert state[4] == pytest.approx(gain, abs=0.02)
    assert state[5] == pytest.approx(offset, abs=2.5)


def test_a_border_without_pixels_aligns_to_nothing() -> None:
    levels = pyramid(scene(5))
    got = align(levels, levels, rings(np.zeros((HEIGHT, WIDTH), bool)), [np.zeros(4)], 8)
    assert got.agreement == 0
    assert np.isinf(got.residual)


def test_the_flow_of_a_cell_is_the_median_of_its_textured_pixels() -> None:
    rng = np.random.default_rng(6)
    first, border = scene(6), lay_out((0, 0, HEIGHT, WIDTH), 0.2, 4, 3)
    first[:, : WIDTH // 4 + 2] = 100.0  # no texture in the first cells
    free = (rng.random((HEIGHT, WIDTH)) < 0.7).astype(np.float32)
    fields = [
        [rng.normal(0, 2, (2, y1 - y0, x1 - x0)).astype(np.float32) for y0, x0, y1, x1 in border.strips] for _ in "ab"
    ]
    values, textured, usable = cell_flow(border, *fields, first, free)
    gy, gx = np.gradient(first.astype(np.float64))
    steep = np.hypot(gx, gy) >= 2.5
    for k, (y0, x0, y1, x1) in enumerate(border.cells):
        top, left, *_ = border.strips[border.strip_of[k]]
        flow, camera = (field[border.strip_of[k]][:, y0 - top : y1 - top, x0 - left : x1 - left] for field in fields)
        y, x = np.mgrid[y0:y1, x0:x1]
        partner = (x + flow[0] >= 0) & (x + flow[0] <= WIDTH - 1) & (y + flow[1] >= 0) & (y + flow[1] <= HEIGHT - 1)
        good = (free[y0:y1, x0:x1] > 0) & partner
        sharp = good & steep[y0:y1, x0:x1]
        assert usable[k] == pytest.approx(good.mean())
        assert textured[k] == pytest.approx(sharp.mean(), abs=0.02)
        chosen = sharp if sharp.any() else good
        assert values[k] == pytest.approx(np.median((flow - camera)[:, chosen], axis=1), abs=0.05)
    assert textured[0] == 0
    assert textured.max() > 0.3
