"""Cuts between shots."""

import numpy as np
import pytest

from extractors.shots import ShotDetector


@pytest.fixture(scope="module")
def scenes():
    """Two wide smooth pictures."""
    import cv2

    rng = np.random.default_rng(1)
    noise = [cv2.GaussianBlur(rng.integers(0, 255, (240, 1200, 3), dtype=np.uint8), (0, 0), 6) for _ in range(2)]
    return [cv2.normalize(one, None, 0, 255, cv2.NORM_MINMAX) for one in noise]


def cuts(frames):
    detector = ShotDetector()
    begins = [detector.begins_shot(frame) for frame in frames]
    assert begins[0]
    return [t for t, begin in enumerate(begins) if begin and t]


def test_a_cut_is_reported_and_a_pan_is_none(scenes):
    assert cuts([scenes[t // 20][:, 20 * t : 20 * t + 320] for t in range(40)]) == [20]


def test_still_and_empty_pictures_have_no_cuts(scenes):
    assert cuts([scenes[0][:, :320]] * 5) == []
    assert cuts([np.zeros((240, 320, 3), np.uint8)] * 5) == []


def test_a_fade_is_no_cut(scenes):
    assert cuts([(scenes[0][:, :320] * (1 - t / 30)).astype(np.uint8) for t in range(20)]) == []
