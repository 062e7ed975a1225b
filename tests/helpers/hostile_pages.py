"""Names that attack a page, and a page in which every text is such a name."""

import numpy as np

from data.video import jpeg
from models.estimate import Estimate
from pipeline.cache.failure import Failure
from pipeline.checks.flag import Flag
from pipeline.checks.paired_test import Lead
from pipeline.evaluate.evaluation_results import Leads, Losses
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import ReportData
from pipeline.report import page_data as d
from pipeline.score.video_score import Score, StepScore

HOSTILE = [
    "<script>alert(1)</script>.mp4",
    '"><img src=x onerror=alert(1)>.mp4',
    "new\nline\r\ttab\x00\x1b[31m.mp4",
    "non-utf8-\udcff\udc80.mp4",
    "</script><script>alert(1)//.mp4",
    "right-to-left\u202egpj.mp4",
    "{{ 7 * 7 }}{% raw %}.mp4",
    "'; DROP TABLE videos; --",
    "line\u2028separator",
]


def hostile_report(name):
    """A page in which every text is `name`."""
    flag, bad = Flag("warn", name, name), Flag("bad", name, name)
    trace = d.Traces(name, name, np.arange(3.0), {name: np.arange(3.0)}, name)
    video = d.VideoSection(
        name,
        Score(name, score=1.0, flags=(flag,), quality={name: {name: name}}, steps=(StepScore(0, 1, 1.0),)),
        truth={name: 1.0},
        task=name,
        media=d.Media(None, name, 4, 3, name),
        key_frames=(d.KeyFrame(0.0, jpeg(np.zeros((2, 2, 3), np.uint8))),),
        difference=(trace,),
        skeleton=d.Skeleton(np.arange(2.0), np.zeros((2, 1, 17, 3)), (4, 3), (name,)),
    )
    batch = d.BatchSection(
        (d.VideoSection(name, Score(name, score=1.0, flags=(bad,)), task=name),),
        {name: Failure("video", name, name, name)},
    )
    evaluation = d.EvaluationSection(
        name,
        Estimate(1.0),
        name,
        name,
        (d.ScatterPoint(name, 1.0, Estimate(2.0), task=name, fold=name),),
        Table(name, (name,), (TableRow(name, (name,)),), note=name, head=name),
        (Table(name, (name,), (TableRow(name, (name,)),), note=name),),
        Leads(name, 1, {name: Lead(Estimate(1.0), 0.5)}),
        Losses((1, 2), *[(1.0, 1.0)] * 3),
        (name,),
        leaks=((name, False, name),),
        methods_text=name,
    )
    return ReportData(name, name, {name: name, "date": name}, name, (video,), batch, evaluation)
