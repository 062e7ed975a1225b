"""What pages, tables and downloads say, approved by a person in `__snapshots__/`: words, numbers, order and data."""

from dataclasses import replace

import pytest

from pipeline.cache.failure import Failure
from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Flag
from pipeline.checks.flag_checks import GUESSING
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import ReportData, render_report
from pipeline.report.page_data import BatchSection, EvaluationSection, VideoSection
from pipeline.report.page_downloads import downloads
from pipeline.score.video_score import Score, StepScore
from tests.helpers import report_samples
from tests.helpers.approved import page_text, steady

ERROR = Accuracy(40, 0.8, 5.0, 9.0, 14.6, True)
PHASES = ("run",) * 4 + ("flight",) * 3 + ("entry",) * 3


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return report_samples.report(tmp_path_factory.mktemp("sample"), 2)


def of_results(data, **changes):
    """A page of the first video alone, with these changes of its score."""
    video = data.videos[0]
    return ReportData("t", videos=(replace(video, result=replace(video.result, **changes)),))


def guessing(data):
    """No number of the model is on it; the videos are in the order of the judges."""
    accuracy = Accuracy(9, 0.1, 2.0, 1.4, 4.7, False)
    flags = (Flag("bad", GUESSING, accuracy.errors),)
    videos = tuple(
        replace(video, truth={"score": 2.5 * (2 - i)}, result=replace(video.result, flags=flags, accuracy=accuracy))
        for i, video in enumerate(data.videos)
    )
    return ReportData("t", videos=videos, batch=BatchSection(videos, training_scores=(1.0, 2.0)))


def performers(_):
    """Progress of two performers; a score that is not valid and a single day do not count."""
    scores = {"anna_2026-05-31": 71.0, "anna_2026-03-01": 62.0, "ben_2026-03-01": 40.0, "ben_2026-04-01": 60.0}
    scores |= {"ben_2026-05-01": 99.0, "carl_2026-05-01": 50.0}
    rows = []
    for name, score in scores.items():
        subject, day = name.split("_")
        flags = (Flag("bad", "too short"),) if score == 99 else ()
        result = Score(f"{name}.mp4", score=score, accuracy=ERROR, flags=flags)
        rows.append(VideoSection(result.id, result, subject=subject, day=day))
    return ReportData("t", batch=BatchSection(tuple(rows)))


def flags_of_every_video(_):
    """The flag that every video has is said once, and columns without a value are left out."""
    everywhere, one = Flag("info", "no 95 % interval", "too few"), Flag("warn", "shaking camera")
    scores = (
        Score(str(i), score=1.0, interval80=(0.0, 2.0), flags=f)
        for i, f in enumerate([(everywhere, one), (everywhere,)])
    )
    return ReportData("t", batch=BatchSection(tuple(VideoSection(score.id, score, task="10 m") for score in scores)))


def one_failed(_):
    """A page of one video has no table of one row, but the failure beside it."""
    one = VideoSection("a", Score("a", score=1.0))
    failed = {"b": Failure("video", "clips", "no frame")}
    return ReportData("t", videos=(one,), batch=BatchSection((one,), failed))


def audit(_):
    checks = (("trial on both sides", True, ""), ("group on both sides", False, "fold 1"))
    return ReportData("Audit", evaluation=EvaluationSection(leaks=(*checks, ("equal files", None, "not compared"))))


PAGES = {
    "whole": lambda data: replace(data, videos=data.videos[:1]),
    "comparison": lambda data: replace(data, batch=None, evaluation=None, comparison=True),
    "phases": lambda data: ReportData("t", videos=(report_samples.in_phases(data.videos[0], PHASES),)),
    "phases without steps": lambda data: of_results(
        data, flags=(Flag("warn", "odd"),), steps=tuple(StepScore(i, i + 1, phase=PHASES[i]) for i in range(10))
    ),
    "bad flag": lambda data: of_results(data, flags=(Flag("bad", "unlike the training performances", "3.1 times"),)),
    "held-out score": lambda data: replace(of_results(data), videos=(replace(data.videos[0], held_out_score=61.0),)),
    "usual error": lambda data: of_results(data, accuracy=ERROR, flags=()),
    "guessing": guessing,
    "performers": performers,
    "flags of every video": flags_of_every_video,
    "one failed": one_failed,
    "audit": audit,
    "empty": lambda _: ReportData("only a title"),
    "bare": lambda _: ReportData("t", videos=tuple(VideoSection(name, Score(name, score=1.0)) for name in "ab")),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_pages(name, sample, snapshot):
    assert page_text(render_report(PAGES[name](sample))) == snapshot


def test_downloads(sample, snapshot):
    """Tables as CSV with all digits and as LaTeX, names that look like formulas, and the scores of the page."""
    rows = (
        TableRow("AIM & ours_1", (0.84321, (-0.1, 0.9))),
        TableRow("worse", (-0.5, (-0.71, -0.2))),
        TableRow("=random", (None, None)),
    )
    table = Table("Results & more", ("rho", "95 % interval"), rows, "Last epoch.", ("high", "neither"))
    files = downloads(ReportData("t", evaluation=EvaluationSection(table=table, further=(table,))))
    assert files == snapshot
    assert files["table-1.tex"].isascii()
    assert steady("\n".join(downloads(sample)["scores.csv"].splitlines()[:4])) == snapshot


@pytest.mark.usefixtures("toy_timesteps")
def test_a_page_of_a_trained_model(world, tmp_path, snapshot):
    """From videos to the page, by the command's own function."""
    from pipeline import api

    page = api.report(world.model, world.new, cache=world.cache, sections=1, out=tmp_path / "page.html", workers=0)
    assert page_text(page.read_text("utf-8"), trained=True) == snapshot


def test_a_page_of_an_evaluation(world, snapshot):
    assert page_text((world.evaluation / "report.html").read_text("utf-8"), trained=True) == snapshot
