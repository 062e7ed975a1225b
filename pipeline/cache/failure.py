"""Why a stage gave no output for a video: one record, from where it happens to where it is stored or printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FailureKind = Literal[
    "video", "input", "upstream", "missing", "changed", "damaged", "memory", "disk", "store", "weights", "set-up",
    "program", "crashed", "killed", "timeout", "stopped", "score",
]  # fmt: skip
"""What is at fault: the video, a missing input, the stage before, an output that nobody made yet, and so on."""

TIPS: dict[FailureKind, str] = {
    "video": "Play these files, replace what is broken, and run the same command again; the others are finished",
    "input": "Add the missing files, then type the same command again",
    "changed": "Type the same command again",
    "damaged": "Type the same command again",
    "memory": "Close other programs or give fewer --workers, then type the same command again",
    "disk": "Make room there, or name a place that can be written, then type the same command again",
    "store": "See whether the store answers, then type the same command again",
    "weights": "Check the weights with `weights list`, then type the same command again",
    "program": "This is a fault of the program: report the traceback in the `.failed.json` of the cache",
    "crashed": "Add --retry-failed to try these videos again",
    "killed": "See whether the machine has enough memory, then type the same command again",
    "timeout": "Raise run.timeout_s, then type the same command again",
    "stopped": "Type the same command again",
}
"""What to do about a failure that does not say it itself."""


@dataclass(frozen=True)
class Failure:
    """Why a stage has no output for a video, or a video no score."""

    kind: FailureKind
    stage: str  # "" where it is no stage's
    cause: str  # one line
    fix: str = ""  # what to type or do next

    def __str__(self) -> str:
        """One line: `cause. fix`."""
        return f"{self.cause}. {self.fix}" if self.fix else self.cause

    @property
    def tip(self) -> str:
        """What to do next, also where the failure does not say it; may be empty."""
        return self.fix or TIPS.get(self.kind, "")


def first_cause(failures: Iterable[Failure]) -> Failure:
    """The first failure (of at least one) that does not follow from another stage's."""
    given = list(failures)
    return next((failure for failure in given if failure.kind != "upstream"), given[0])
