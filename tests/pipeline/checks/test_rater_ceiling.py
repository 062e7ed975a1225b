"""The agreement of raters beside the model's, in `evaluate`, `train` and every score."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from data.video import Labels
from pipeline.cache import Cache
from pipeline.checks.rater_ceiling import ceiling_line, rater_agreement
from pipeline.evaluate import RequestedRows, evaluate_features
from pipeline.report.evaluation_section import section_of_evaluation
from pipeline.score import TrainedModel, train_model
from pipeline.settings.config import load_config
from tests.helpers.made_features import made_features

QUICK = ["train.recipe=fast", "train.epochs=3", "train.networks=1", "combined=false"]


def rated(count=24):
    """Performances whose label is the mean of two raters."""
    features, rng = made_features(count), np.random.default_rng(0)
    records = []
    for record in features.records:
        pair = record.labels.score + rng.normal(0, 1, 2)
        records.append(replace(record, task="", labels=Labels(float(pair.mean()), judges=tuple(pair.tolist()))))
    return replace(features, records=tuple(records))


def test_only_judges_of_own_videos_have_an_agreement():
    features = rated()
    judges = np.array([record.labels.judges for record in features.records if record.labels])
    agreed = rater_agreement(features.records, "folder")
    assert agreed.spearman == pytest.approx(stats.spearmanr(*judges.T).statistic)
    assert rater_agreement(features.records, "jigsaws") is None, "items of one rating are not raters"
    assert rater_agreement(made_features(8).records, "folder") is None
    assert ceiling_line(None, 0.5, 1.0) == ""


def test_evaluate_and_its_page_show_it(tmp_path):
    config = load_config("folder", [*QUICK, "work.workers=0"])
    done = evaluate_features(
        rated(), config, Cache(tmp_path / "cache"), tmp_path, RequestedRows(quick=True, curve=True)
    )
    ours = done.results.systems["AIM (ours)"].tasks[""]
    line = next(note.text for note in done.results.notes if note.text.startswith("two raters agree by rho"))
    assert f"the model and their mean by rho {ours.rho.value:.2f}" in line
    page = section_of_evaluation(done.results)
    assert line in page.notes
    assert page.further[-1].title == "Learning curve"


def test_train_shows_it_and_the_run_keeps_it(tmp_path):
    done = train_model(rated(), load_config("folder", QUICK), tmp_path / "run", None)
    said = done.calibration.accuracy.ceiling
    assert said.startswith("two raters agree by rho")
    assert TrainedModel.load(tmp_path / "run").calibration.accuracy.ceiling == said
