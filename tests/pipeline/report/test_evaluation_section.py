"""The page of an evaluation: its numbers are those of the results."""

from dataclasses import replace

import numpy as np
import pytest

from data.leaks import Leak, LeakAudit, audit
from data.splits import kfold
from pipeline.checks.held_out import HeldOut
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_results import Note
from pipeline.report import render_report
from pipeline.report.chart_json import evaluation_payload, leads
from pipeline.report.evaluation_section import evaluation_page, leak_checks, section_of_evaluation
from pipeline.systems.baselines import trivial_baselines
from tests.helpers.approved import page_text
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features, with_records

HOSTILE = "</script><script>alert(1)</script>.mp4"
SYSTEM = "AIM (ours)"


@pytest.fixture(scope="module")
def evaluated():
    """Results on two tasks of 20 performances, one with a hostile name; our system predicts the score plus noise.

    A baseline is by luck nearer to the scores.
    """
    made = made_features(40, channels=3, scene=4)
    features = with_records(made, lambda record, i: {"task": "ab"[i % 2], "id": HOSTILE if i == 3 else record.id})
    noise = np.random.default_rng(0).normal(0, 1, 40)
    folds = kfold(features.records, k=2)
    lucky = replace(knowing("random", features, lambda scores: scores + noise / 2), kind="baseline")
    baselines = (lucky, *(baseline for baseline in trivial_baselines(features) if baseline.name != "random"))
    systems = (knowing(SYSTEM, features, lambda scores: scores + noise), *baselines)
    report = audit(folds, features.records, forbid=("trial",))
    results = cross_validate(features, Protocol(folds, "kfold", audit=report), systems, against=SYSTEM)
    return replace(results, methods_text="A paragraph for a paper.")


def test_a_bar_is_the_lead_over_one_system(evaluated):
    bars = leads(section_of_evaluation(evaluated))
    expected = {name: lead.difference.value for name, lead in evaluated.comparison.rows.items()}
    assert {bar["name"]: bar["value"] for bar in bars} == expected
    assert all(bar["baseline"] for bar in bars)
    values = [bar["value"] for bar in bars]
    assert values == sorted(values)
    assert leads(section_of_evaluation(replace(evaluated, comparison=None))) == []


def test_the_pages_of_an_evaluation_and_a_leaderboard(evaluated, snapshot):
    """A baseline is below every system, tasks are folded; notes come first, what made the page is last."""
    notes = (Note("caution", "--quick: no inner validation"), Note("fact", f"settings chosen: {HOSTILE}"))
    for results in (evaluated, replace(evaluated, kind="leaderboard", notes=notes)):
        page = render_report(evaluation_page(results, "t"))
        assert page_text(page) == snapshot(name=results.kind)
        assert "<script>alert(1)" not in page


def test_predictions_and_intervals_of_the_page_are_those_of_the_results(evaluated):
    data = evaluation_payload(evaluation_page(evaluated, "t").evaluation)
    shown = {row["id"]: tuple(row["predicted"].values()) for row in data["predictions"]}
    expected = {}
    for task in "ab":
        entries = [entry for entry in evaluated.predictions if entry.task == task]
        predicted = [entry.systems[SYSTEM].value for entry in entries]
        columns = ([e.true for e in entries], predicted, [e.fold for e in entries], [e.performance for e in entries])
        intervals = HeldOut(*map(np.array, columns)).own_intervals()
        expected |= {e.id: (p, *(i or (None, None))) for e, p, i in zip(entries, predicted, intervals, strict=True)}
    assert shown == expected
    low, high = data["range"]
    assert all(low < value < high for row in data["predictions"] for value in (row["true"], row["predicted"]["value"]))


def test_the_audit_is_answered_question_by_question(snapshot):
    leaks = tuple(Leak(str(i), "trial", f"v{i}", (), ()) for i in range(25))
    given = LeakAudit(("trial", "group"), leaks, {}, True, ())
    audits = {"leaks": given, "not compared": replace(given, content_checked=False, leaks=()), "no audit": None}
    assert {name: leak_checks(one) for name, one in audits.items()} == snapshot
