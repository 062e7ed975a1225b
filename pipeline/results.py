"""What scoring gives and other packages show: the score of a video, its intervals and its flags."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

Level = Literal["info", "warn", "bad"]
"""How loudly a flag speaks: for information, believe with care, do not believe."""


Interval = tuple[float, float]


@dataclass(frozen=True)
class Flag:
    """A reason to look twice at a score, such as Flag("bad", "identities swapped", "3 times, first at 1.2 s")."""

    level: Level
    title: str
    detail: str = ""


@dataclass(frozen=True)
class VideoScore:
    """What every table and page shows of the score of a video.

    Attributes:
        id: the video's id, as it is on disk; `printable` makes it safe to show.
        score: final score in the labels' unit, the mean over the run's networks; None where the video failed.
        interval80, interval95: prediction intervals (`pipeline.evaluate.conformal`), None where the run gives none; a
            flag then says why.
        percentile: share of the training scores below this score, 0 to 100, ties counted half.
        execution, synchronisation: where the model has these heads.
        flags: reasons to doubt the score, the worst first, each with a level and a sentence (`pipeline.score.flags`).
    """

    id: str
    score: float | None = None
    interval80: Interval | None = None
    interval95: Interval | None = None
    percentile: float | None = None
    execution: float | None = None
    synchronisation: float | None = None
    flags: tuple[Flag, ...] = ()

    def shared(self) -> dict[str, Any]:
        """These fields by name, for another class that has them too."""
        return {item.name: getattr(self, item.name) for item in fields(VideoScore)}


@dataclass(frozen=True)
class Score(VideoScore):
    """The score of one video and what made it.

    Attributes:
        path: the video.
        spread: standard deviation over the networks.
        bounds: (T, 2) seconds of each time step.
        step_scores: (T,) share of each time step in the score.
        attention: (T, 2) weights of the scene and of the interaction.
        checked: what was looked at; where no flag is set, this is all that the absence of flags says.
        error: why there is no score.
        quality: quality figures by stage.
        model: SHA-256 of the model's files (`pipeline.score.bundle.model_sha256`); the same files, the same scores.
    """

    path: Path | None = None
    spread: float | None = None
    bounds: tuple[tuple[float, float], ...] = ()
    step_scores: tuple[float, ...] = ()
    attention: tuple[tuple[float, float], ...] = ()
    checked: tuple[str, ...] = ()
    error: str | None = None
    quality: dict[str, dict[str, Any]] = field(default_factory=dict)
    model: str = ""
