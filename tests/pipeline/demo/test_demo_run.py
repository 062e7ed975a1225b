"""The demo first says how long it takes and how large it is, and is short without `--full`."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import Cancelled, significant
from pipeline import api
from pipeline.cache import open_cache
from pipeline.demo import demo_run
from pipeline.demo.demo_run import FULL, QUICK, announcement
from pipeline.demo.quality import MODEL, held_out_results, summary
from pipeline.score.video_score import Score
from pipeline.settings.config import load_config
from tests.helpers.watching import Watching


def test_the_short_demo_names_the_full_one():
    out = Path("demo")
    for size in (QUICK, FULL):
        text = announcement(size, out)
        assert f"renders {size.dives} dives" in text
        assert f"about {size.minutes} minutes on two cores, {size.megabytes} MB in demo" in text
        assert ("demo --full" in text) == (size is QUICK)


@pytest.mark.parametrize("full", [False, True])
def test_the_announcement_and_the_first_part_come_before_any_work(tmp_path, monkeypatch, full):
    def stopped(folder, count, work, observer):
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


def test_every_dive_is_predicted_without_it_also_where_the_model_gives_no_score(world, tmp_path):
    features = world.planted
    model = world.planted_bundle
    unseen = [record.id for record in features.records if record.id not in model.train_ids]
    difficult = [
        replace(record, labels=replace(label, difficulty=1.0 + number % 3))
        for number, record in enumerate(features.records)
        if (label := record.labels)
    ]
    features, scored = replace(features, records=tuple(difficult)), [Score(name, raw_score=1.0) for name in unseen]
    with open_cache(load_config(None, {"cache": tmp_path}).machine) as cache:
        results = held_out_results(features, model, scored, cache)
    assert model.calibration is not None
    own = dict(zip(model.train_ids, model.calibration.predicted, strict=True)) | dict.fromkeys(unseen, 1.0)
    assert {one.id: one.systems[MODEL].value for one in results.predictions} == pytest.approx(own)
    assert results.audit is not None
    assert results.audit.ok
    assert results.audit.untested == ()
    error = significant(results.systems[MODEL].average.mae or 0.0)
    assert f"{MODEL} errs by {error} on average" in summary(results, times_difficulty=False)
    assert "multiplied by the announced difficulty" in summary(results, times_difficulty=True)
