"""TV-L1 on a rectangle: known shifts, masks, and OpenCV's solver as the reference."""

import numpy as np
import pytest

from extractors.camera_flow.border_alignment import pyramid
from models.tvl1 import rectangle_flow
from synthetic.camera_scenes import WIDTH, CameraMotion, background, render

BOX = (0, 0, 26, WIDTH)


def shifted(pan_x, pan_y, seed=0):
    scene, rng = background(seed), np.random.default_rng(seed)
    frames = [render(scene, motion, noise=1.0, rng=rng) for motion in (CameraMotion(), CameraMotion(pan_x, pan_y))]
    return pyramid(frames[0]), pyramid(frames[1])


def zeros(box):
    return np.zeros((2, box[2] - box[0], box[3] - box[1]), np.float32)


@pytest.mark.parametrize("box", [BOX, (230, 0, 256, WIDTH), (26, 0, 230, 26), (27, 313, 231, 339)])
@pytest.mark.parametrize(("pan", "start"), [((0.8, -0.5), (0, 0)), ((9.0, -6.0), (8.2, -5.2))])
def test_a_shift_is_found(box, pan, start):
    """A small one from zero, a large one from a rough start."""
    begin, ones = zeros(box) + np.array(start, np.float32)[:, None, None], np.ones(zeros(box).shape[1:], np.float32)
    flow = rectangle_flow(*shifted(*pan), box, begin, ones, epsilon=0.002)
    assert np.median(flow, axis=(1, 2)) == pytest.approx(pan, abs=0.05)


def test_masked_pixels_have_no_influence():
    first, second = shifted(0.7, 0.0)
    still = [level.copy() for level in second]
    for k, level in enumerate(still):  # the right half stays, as a graphic would
        level[:, WIDTH // 2 >> k :] = first[k][:, WIDTH // 2 >> k :]
    weight = np.ones((26, WIDTH), np.float32)
    weight[:, WIDTH // 2 - 4 :] = 0
    flow = rectangle_flow(first, still, BOX, zeros(BOX), weight)
    assert np.median(flow[0, :, : WIDTH // 2 - 12]) == pytest.approx(0.7, abs=0.1)
    plain = rectangle_flow(first, still, BOX, zeros(BOX), np.ones_like(weight))
    assert np.median(plain[0, :, WIDTH // 2 + 12 :]) == pytest.approx(0.0, abs=0.02)


def test_gain_and_offset_are_taken_off():
    first, second = shifted(0.6, 0.3)
    brighter = [level * np.float32(1.1) + np.float32(12) for level in second]
    flow = rectangle_flow(first, brighter, BOX, zeros(BOX), np.ones((26, WIDTH), np.float32), light=(1.1, 12.0))
    assert np.median(flow[0]) == pytest.approx(0.6, abs=0.03)
