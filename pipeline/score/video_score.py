"""The score of a video, with its steps, intervals and flags."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from data.store.arrays import Quality
from data.video import Phase
from pipeline.cache.failure import Failure
from pipeline.checks.accuracy import Accuracy, Interval, as_printed
from pipeline.checks.flag import Flag
from pipeline.checks.flag_checks import EXECUTION_ALONE, PER_DIFFICULTY
from pipeline.phases.carried_phases import CarriedPhases

NO_JUDGEMENT = (
    "The network divides its score among the time steps. It was not trained on labels of steps, so a step score does "
    "not judge that moment."
)
"""The caveat that is shown with step scores."""


@dataclass(frozen=True)
class StepScore:
    """One time step of a scored video.

    Attributes:
        start, end: in seconds from the first frame; shares of the performance if the score is not `timed`.
        score: contribution to the score, R(Z_t) of equation 6, in the unit of the labels; NaN without a score.
        scene, interaction: attention weights of equation 4, which sum to 1; None without fusion.
        phase: the phase of this step; empty for equal time steps.
    """

    start: float
    end: float
    score: float = math.nan
    scene: float | None = None
    interaction: float | None = None
    phase: str = ""

    def unscored(self) -> StepScore:
        """The step without its contribution."""
        return StepScore(self.start, self.end, phase=self.phase)


@dataclass(frozen=True)
class Score:
    """The score of one video, its parts, and reasons to doubt it.

    Attributes:
        id: the video's id, as on disk; `data.errors.printable` makes it safe to show.
        score: final score in the unit of the labels, the mean over the model's networks; None without a valid score.
            `quantity` says whether it and its parts are divided by the difficulty.
        raw_score: prediction, also if a flag of level "bad" forbids a score; nothing else reads it.
        spread: standard deviation of the score over the networks; in a combination the other systems do not vary.
        interval80, interval95: see `pipeline.checks.prediction_intervals`; None with a flag that says why.
        percentile: percentage of the training scores (of the same `quantity`) below this score, ties counted half.
        difficulty: announced; multiplied the score and its parts. None if they were not multiplied.
        execution, synchronisation: scores of the model's other heads; None without a head that is better than guessing.
        steps: the time steps; only their times and phases without a score.
        other_share: share of the score that belongs to no step, such as a combination's regressions; None if the steps
            sum to the whole score.
        flags: reasons to doubt the score, the worst first (`pipeline.checks.flag_checks`).
        checked: names of the checks that ran; an empty `flags` covers these checks only.
        quality: quality measures of the features, by stage and name.
        accuracy: of the model on held-out performances; None if unknown.
        head_accuracy: likewise for `execution` and `synchronisation`, by name.
        failure: why the video has no score.
        keys: by stage, the key of the output that the score was computed from.
        carried: phases found by alignment; None if people marked them, or for equal time steps.
        duration: of the performance in seconds; None for feature files without a rate.
        model: SHA-256 of the model's files (`pipeline.score.model_files`); equal files give equal scores.
    """

    id: str
    path: Path | None = None
    score: float | None = None
    raw_score: float | None = None
    spread: float | None = None
    interval80: Interval | None = None
    interval95: Interval | None = None
    percentile: float | None = None
    difficulty: float | None = None
    execution: float | None = None
    synchronisation: float | None = None
    steps: tuple[StepScore, ...] = ()
    other_share: float | None = None
    flags: tuple[Flag, ...] = ()
    checked: tuple[str, ...] = ()
    quality: Quality = field(default_factory=dict)
    accuracy: Accuracy | None = None
    head_accuracy: Mapping[str, Accuracy] = field(default_factory=dict)
    failure: Failure | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    carried: CarriedPhases | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        if self.raw_score is None:
            object.__setattr__(self, "raw_score", self.score)
        if self.why:  # no score, so no parts of it
            for name, nothing in _PARTS.items():
                object.__setattr__(self, name, nothing)
            object.__setattr__(self, "steps", tuple(step.unscored() for step in self.steps))

    @property
    def valid(self) -> bool:
        """Whether the video has a score: no failure, and no flag of level "bad"."""
        return self.score is not None

    @property
    def quantity(self) -> str:
        """The name of `score`: "score", or `PER_DIFFICULTY` if the video lacks the difficulty that the model needs."""
        return PER_DIFFICULTY if any(flag.kind == EXECUTION_ALONE for flag in self.flags) else "score"

    @property
    def timed(self) -> bool:
        """Whether the times of steps and phases are seconds; else they are shares of the performance."""
        return self.duration is not None

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Start and end of each phase, also of phases that the performance leaves out; empty for equal time steps."""
        return phases_of_steps(self.steps)

    @property
    def why(self) -> str:
        """Why the video has no score: its failure, or the titles of the flags of level "bad"; empty with a score."""
        return str(self.failure or "") or "; ".join(flag.title for flag in self.flags if flag.level == "bad")

    @property
    def decimals(self) -> int:
        """Decimals of the score for people; two if the accuracy is unknown."""
        return 2 if self.accuracy is None else self.accuracy.decimals


def phases_of_steps(steps: Iterable[StepScore]) -> tuple[Phase, ...]:
    """Start and end of each phase of these steps; empty for equal time steps."""
    groups = [(name, [*group]) for name, group in groupby(steps, lambda step: step.phase) if name]
    return tuple(Phase(name, group[0].start, group[-1].end) for name, group in groups)


_PARTS: Mapping[str, object] = {
    **dict.fromkeys(("score", "spread", "interval80", "interval95", "percentile", "execution", "synchronisation")),
    **{"other_share": None, "head_accuracy": {}},
}
"""Parts of a performance without a score."""


@dataclass(frozen=True)
class ScoreParts:
    """A score as an exact sum: total = constant + steps + other, each rounded to the same number of decimals.

    The constant is the model's lowest training score. It absorbs the rounding of the other parts, so its last digits
    can differ.
    """

    total: Decimal
    constant: Decimal
    steps: tuple[Decimal, ...]
    other: Decimal | None  # share that belongs to no step; None if the steps sum to the whole score
    phases: Mapping[str, Decimal]  # sum over the steps of each phase; empty for equal time steps

    @classmethod
    def of(cls, row: Score, decimals: int) -> ScoreParts | None:
        """The parts of a score; None without steps, or if a number is not finite."""
        if row.score is None or not row.steps:
            return None
        values = [row.score, *(step.score for step in row.steps), row.other_share or 0.0]
        if not all(map(math.isfinite, values)):
            return None
        total, *steps, other = (as_printed(value, decimals) for value in values)
        shown = None if row.other_share is None else other
        shares = [(step.phase, share) for step, share in zip(row.steps, steps, strict=True)]
        phases = {phase.name: sum((s for name, s in shares if name == phase.name), Decimal(0)) for phase in row.phases}
        return cls(total, total - sum(steps) - other, tuple(steps), shown, phases)
