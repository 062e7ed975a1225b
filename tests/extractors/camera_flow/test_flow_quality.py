"""Quality values of a camera's flow against loops over its pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from extractors.camera_flow.flow_quality import quality

PAIRS, CELLS = 60, 10


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


def test_every_value_is_counted_over_the_pairs_it_speaks_of() -> None:
    given = arrays()
    given["cell_mask"][:, 3] = given["cell_mask"][:, 7] = False
    moved, allowed = np.arange(PAIRS) % 3 == 0, np.arange(CELLS) != 7
    got = quality(given, moved, allowed, 1)
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


def test_a_stride_stretches_the_pan_and_a_tenth_of_the_pairs_makes_no_moving_camera() -> None:
    given = arrays()
    one, four = (quality(given, np.arange(PAIRS) < 5, np.ones(CELLS, bool), stride) for stride in (1, 4))
    assert four["pan_range"] == pytest.approx(4 * float(one["pan_range"]), abs=4e-4)
    assert one["moving"] is False
    assert quality(given, np.arange(PAIRS) < 7, np.ones(CELLS, bool), 1)["moving"] is True


def test_a_steady_pan_has_no_shake() -> None:
    given = arrays()
    given["motion"] = np.tile([0.3, -0.1, 0.0, 0.0], (PAIRS, 1))
    got = quality(given, np.ones(PAIRS, bool), np.ones(CELLS, bool), 1)
    assert got["shake"] == 0
    assert got["pan_range"] == pytest.approx(0.3 * 0.04 * (PAIRS - 1), abs=1e-4)
