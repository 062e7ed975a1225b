"""A value with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, or a mean with the extremes of its values; None if undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Estimate:
        """The mean, minimum and maximum of any number of values."""
        return cls(float(values.mean()), float(values.min()), float(values.max()))

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)
