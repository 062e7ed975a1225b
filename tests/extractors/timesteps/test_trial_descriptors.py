"""Trial-level descriptors of two hands."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from extractors.timesteps.channels import Channels, make_channels
from extractors.timesteps.trial_descriptors import describe_trial


def tools(left: NDArray[np.float64], right: NDArray[np.float64], rate: float = 50) -> Channels:
    """Two tool tips (row, 3) in metres."""
    names = tuple(f"{side}_{axis}_m" for side in ("left", "right") for axis in "xyz")
    values = np.hstack([left, right])
    time = np.arange(len(values)) / rate
    observed = np.ones(len(values), dtype=bool)
    return make_channels("array", names, time, lambda r: (values[r], np.ones_like(values[r])), observed=observed)


def test_hands_that_move_in_turn_are_never_busy_together() -> None:
    time = np.arange(500) / 50
    sway = 0.05 * np.sin(2 * np.pi * time)[:, None] * [1, 0.5, 0.2]
    first, second = (np.where(half[:, None], sway, 0.0) for half in (time < 5, time >= 5))
    _, turns = describe_trial(tools(first, second), [tools(first, second)], 10)
    names, together = describe_trial(tools(first, first), [tools(first, first)], 10)
    row = {name: place for place, name in enumerate(names)}
    assert turns[row["primary.hands.both_share"]] == pytest.approx(0, abs=0.05)
    assert together[row["primary.hands.both_share"]] == pytest.approx(0.5, abs=0.2)
    assert turns[row["primary.hands.speed_correlation"]] < -0.5
    assert together[row["primary.hands.speed_correlation"]] == pytest.approx(1)
    assert together[row["primary.hands.log_speed_ratio"]] == pytest.approx(0, abs=1e-6)
    _, faster = describe_trial(tools(3 * first, first), [tools(first, first)], 10)
    assert faster[row["primary.hands.log_speed_ratio"]] == pytest.approx(np.log(3), abs=1e-3)
