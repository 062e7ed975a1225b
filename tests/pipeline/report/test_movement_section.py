"""What a page says about movement."""

from __future__ import annotations

import pytest

from pipeline.report.movement_section import gap
from pipeline.score.movement import Difference


@pytest.mark.parametrize(
    ("value", "low", "high", "printed"),
    [(83.4, 106.6, 130.0, "24"), (140.6, 106.0, 130.4, "11"), (34.4, 36.6, 36.6, "3"), (36.6, 34.4, 34.4, "3")],
)
def test_a_gap_is_the_difference_of_the_printed_numbers(value: float, low: float, high: float, printed: str) -> None:
    """83 beside 107 are 24 apart, although 83.4 and 106.6 are 23.2 apart."""
    assert gap(Difference(0, "knee", 0, 1, 0, value, low, high)) == printed
