"""Agreement of detected people with the rendered truth, on planted errors."""

import numpy as np
import pytest

from pipeline.demo.quality import PoseAgreement, compare_keypoints
from tests.helpers.made_outputs import STANDING

TORSO = 45.0


def people():
    """(10, 2, 17, 2): two people 200 px apart."""
    return np.stack([np.tile(STANDING + np.array([x, 0]), (10, 1, 1)) for x in (0, 200)], axis=1)


def detected(truth):
    """(N, A, 17, 3) keypoints of the pose stage that equal the truth."""
    return np.concatenate([truth, np.ones((*truth.shape[:3], 1))], axis=-1)


def test_the_truth_agrees_with_itself():
    truth = people()
    agreement = compare_keypoints(detected(truth), truth, np.ones(truth.shape[:3], bool))
    assert agreement == PoseAgreement(10, found_all=1.0, found=1.0, swaps=0, pck20=1.0, pck50=1.0)


def test_missing_people_exchanged_people_and_far_joints_are_counted():
    truth = people()
    given = detected(truth)
    given[:2, 1] = np.nan  # not detected in two frames
    given[5:] = given[5:, ::-1].copy()  # the agents change places once
    given[3, 0, :4, 0] += 0.3 * TORSO
    agreement = compare_keypoints(given, truth, np.ones(truth.shape[:3], bool))
    assert (agreement.found_all, agreement.found, agreement.swaps) == (0.8, 0.9, 2)
    assert agreement.pck20 == pytest.approx((20 * 17 - 2 * 17 - 4) / (20 * 17))
    assert agreement.pck50 == pytest.approx((20 * 17 - 2 * 17) / (20 * 17))


def test_people_below_the_water_do_not_count():
    truth = people()
    visible = np.ones(truth.shape[:3], bool)
    visible[4:, 1, :10] = False
    given = detected(truth)
    given[4:, 1] = np.nan
    agreement = compare_keypoints(given, truth, visible)
    assert (agreement.frames, agreement.found_all, agreement.found) == (4, 1.0, 1.0)
