"""What a report page shows, as plain values: nothing here knows files, models or HTML.

All times are seconds from the first frame. A part that is empty or None is left out of the page.
Text may be hostile (file names, labels): the page escapes it, the caller passes it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.report.run_parts import (
    Bar,
    BarChart,
    BatchReport,
    BatchRow,
    Curve,
    CurveChart,
    EvaluationReport,
    Failure,
    Kind,
    LeakCheck,
    Prediction,
    StageTime,
    Table,
    TableRow,
)
from pipeline.report.video_parts import CameraPath, KeyFrame, Media, Skeleton, Step, Traces, VideoReport

__all__ = [
    "Bar",
    "BarChart",
    "BatchReport",
    "BatchRow",
    "CameraPath",
    "Curve",
    "CurveChart",
    "EvaluationReport",
    "Failure",
    "KeyFrame",
    "Kind",
    "LeakCheck",
    "Media",
    "Prediction",
    "ReportData",
    "Skeleton",
    "StageTime",
    "Step",
    "Table",
    "TableRow",
    "Traces",
    "VideoReport",
]


@dataclass(frozen=True)
class ReportData:
    """One page.

    Attributes:
        title: heading and window title.
        subtitle: one line below it.
        made: when and by what, ready to read.
        run: facts on the run by name: command, versions, machine.
        config: the whole configuration as text.
        videos: a section each.
        batch, evaluation: their sections.
    """

    title: str
    subtitle: str = ""
    made: str = ""
    run: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    videos: tuple[VideoReport, ...] = ()
    batch: BatchReport | None = None
    evaluation: EvaluationReport | None = None
