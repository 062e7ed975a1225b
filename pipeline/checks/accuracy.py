"""The accuracy of a model on held-out performances, and the digits of a score that it justifies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from data.errors import apart, counted, decimals, interval_text, significant
from models.estimate import Estimate

Interval = tuple[float, float]
"""Low and high end, in the unit of the labels."""


def as_printed(value: float, digits: int) -> Decimal:
    """A finite value rounded to `digits` decimals for printing, without a negative zero.

    Printed differences are differences of rounded values, so that they agree with the numbers beside them.
    """
    return Decimal(decimals(value, digits))


def estimate_text(estimate: Estimate, digits: int) -> str:
    """The value, and its ends in brackets."""
    if estimate.value is None:
        return "undefined"
    ends = interval_text(estimate.interval, digits)
    return decimals(estimate.value, digits) + (f" ({ends})" if ends else "")


@dataclass(frozen=True)
class Accuracy:
    """Errors of the model on held-out performances of the training part, beside those of guessing the mean.

    The guess is the mean score of the other folds.
    """

    performances: int  # independent ones: views and copies count once, and so does a held-out user
    rho: float | None  # Spearman's rank correlation without fold means; None if undefined
    mae: float  # mean absolute error of the model
    mean_mae: float  # the same of guessing the mean
    within: float | None  # error that 8 of 10 new performances do not exceed; None with too few performances
    better: bool  # whether `mae` is smaller than `mean_mae` by more than chance explains (one side of 95 %)
    unit: str = "performance"  # what counts once
    ceiling: str = ""  # `pipeline.checks.rater_ceiling.ceiling_line`

    @property
    def decimals(self) -> int:
        """Decimals of a score for people, 0 to 2: two digits of `within`, so 34 for ±18 and 34.26 for ±0.18."""
        if self.within is None or not (math.isfinite(self.within) and self.within > 0):
            return 2
        return max(0, min(2, 1 - math.floor(math.log10(self.within))))

    def __str__(self) -> str:
        """One sentence for people who read a score."""
        return self.errors if self.better else f"not certainly better than guessing the mean: {self.errors}"

    @property
    def held_out(self) -> str:
        """The number of held-out units, such as "8 held-out training users"."""
        return counted(self.performances, f"held-out training {self.unit}")

    @property
    def errors(self) -> str:
        """The model's errors as a sentence, beside those of guessing the mean and of the raters."""
        ceiling = f"; {self.ceiling}" if self.ceiling else ""
        held_out, (error, guess) = self.held_out, apart(self.mae, self.mean_mae)
        compared = f"mean error is {error}, that of guessing the mean {guess}"
        if not self.better:
            return f"on {held_out} the model's {compared}{', which may be chance' * (self.mae < self.mean_mae)}"
        reach = (
            f"{held_out} are too few to tell how far off new videos are"
            if self.within is None
            else f"on 8 of 10 new videos this model is off by at most {significant(self.within)} ({held_out})"
        )
        return f"{reach}; its {compared}{ceiling}"
