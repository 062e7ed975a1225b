"""Scoring one uploaded performance with a trained run, and its report page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import PROGRAM, Cancelled, UsageError, VideoError
from data.video import Record
from pipeline.serve.history import ScoringJob
from pipeline.serve.job_queue import Outcome, WorkProgress
from pipeline.serve.uploads import KINEMATICS

if TYPE_CHECKING:
    from pipeline.extract import FrameProgress
    from pipeline.score import Scorer


def refuse_keypoint_models(scorer: Scorer) -> None:
    """Raise UsageError for a model that reads keypoint files of another program, which the page cannot take."""
    pose = scorer.planner.configs.get("pose") if "pose" in scorer.planner.stages else None
    if getattr(pose, "backend", "") == "import":
        raise UsageError(
            "this model reads keypoint files of another program (pose.backend: import), and the page takes none",
            where=scorer.folder,
            fix=f"Use: {PROGRAM} score VIDEOS --model RUN, or train a model whose poses the program detects itself",
        )


class ScoreWork:
    """Scores one video after the other with one scorer.

    The scorer's cache stores features by the content of the video, so that an equal video is not extracted again. With
    `workers=1` a decoder crash ends a child process only. `note` gets notes on videos that are extracted again.
    """

    def __init__(self, scorer: Scorer, note: Callable[[str], None] | None = None) -> None:
        self.scorer = scorer
        self.note = note

    def __call__(
        self, job: ScoringJob, video: Path, report: Path, progress: WorkProgress, stop: threading.Event
    ) -> Outcome:
        """Write the page of `video` to `report`. Raises VideoError where it has no score, Cancelled after `stop`."""
        from pipeline.report import report_scores

        kinematics = video.with_name(KINEMATICS)
        record = Record(
            id=f"uploads/{job.content[:16]}{job.suffix or '.txt'}",
            path=video if job.suffix else None,
            sidecars={"kinematics": kinematics} if kinematics.is_file() else {},
        )
        progress("preparing", None)
        row = self.scorer.score_records([record], stop=stop, note=self.note, on_frames=_frames(progress))[0]
        if stop.is_set():
            raise Cancelled
        if row.error is not None:
            raise VideoError(row.error)
        progress("writing the report", None)
        model = f"scored by {self.scorer.folder.name}"
        report_scores(
            report, self.scorer, [row], [record], title=job.name, subtitle=model, names={record.id: job.name}, home="/"
        )
        serious = "; ".join(flag.title for flag in row.flags if flag.level != "info")
        level = row.flags[0].level if row.flags else ""
        return Outcome(row.score, len(row.flags), serious, row.interval80, level)


def _frames(progress: WorkProgress) -> FrameProgress:
    """A hook of `run_extract` that reports the running stages and the share of their frames."""

    def report(_: str, done: int, total: int, stages: tuple[str, ...]) -> None:
        frames = f": frame {done} of {total}" if total else ""
        progress(f"{', '.join(stages)}{frames}", done / total if total else None)

    return report
