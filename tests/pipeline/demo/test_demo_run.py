"""The demo first says how long it takes and how large it is, and is short without `--full`."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import Cancelled
from data.video import Record
from data.video.records import Labels
from pipeline import api
from pipeline.demo import demo_run
from pipeline.demo.demo_run import FULL, QUICK, announcement, demo_config
from pipeline.demo.quality import compare_with_baselines, label_of
from pipeline.observer import Observer
from pipeline.score.score import Score
from pipeline.settings.machine import WorkConfig
from tests.helpers.watching import Watching


def test_the_short_demo_names_the_full_one() -> None:
    out = Path("demo")
    for size in (QUICK, FULL):
        text = announcement(size, out)
        assert f"renders {size.dives} dives" in text
        assert f"about {size.minutes} minutes on two cores, {size.megabytes} MB in demo" in text
        assert ("demo --full" in text) == (size is QUICK)


def test_the_full_demo_sees_every_frame() -> None:
    strides = [demo_config(Path("demo"), size).method.stage("pose").model_dump()["stride"] for size in (QUICK, FULL)]
    assert strides == [2, 1]


@pytest.mark.parametrize("full", [False, True])
def test_the_announcement_and_the_first_part_come_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    def stopped(folder: Path, count: int, work: WorkConfig, observer: Observer) -> None:
        assert (count, work.workers) == (88 if full else 24, 1)
        raise Cancelled

    monkeypatch.setattr(demo_run, "render", stopped)
    monkeypatch.setattr(demo_run, "fetch", lambda name, say: None)
    notes = Watching()
    with pytest.raises(Cancelled):
        api.demo(out=tmp_path / "demo", full=full, overrides=["work.workers=1"], observer=notes)
    size = FULL if full else QUICK
    first = f"1/5 rendering {size.dives} synchronised dives into {tmp_path / 'demo/dives'}"
    assert notes.lines == [announcement(size, tmp_path / "demo"), first]


def test_every_correlation_of_the_demo_has_its_interval() -> None:
    records = [Record(str(i), None, labels=Labels(score=float(i), difficulty=2.0 + i % 3)) for i in range(20)]
    learn, unseen = records[::2], records[1::2]
    scored = [Score(record.id, score=label_of(record) + 3 * (i % 2)) for i, record in enumerate(unseen)]
    metrics = compare_with_baselines(learn, unseen, scored, [label_of(record) for record in unseen])
    ours = metrics["AIM"]
    assert ours.rho.interval is not None
    assert ours.rho.interval[0] < (ours.rho.value or 0) < ours.rho.interval[1]
    assert ours.mae == 1.5
    assert metrics["training mean"].rho.value is None, "a constant prediction has no correlation"
