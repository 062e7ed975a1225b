"""The page of an evaluation: its numbers are those of the results."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from data.leaks import Leak, LeakAudit, audit
from data.splits import kfold
from pipeline.checks.held_out import HeldOut
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_results import EvaluationResults, Note
from pipeline.report import render_report
from pipeline.report.evaluation_section import evaluation_page, lead_bars, leak_checks
from pipeline.systems.baselines import trivial_baselines
from tests.helpers.approved import page_text
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features

HOSTILE = "</script><script>alert(1)</script>.mp4"
SYSTEM = "AIM (ours)"


@pytest.fixture(scope="module")
def evaluated() -> EvaluationResults:
    """Results on two tasks of 20 performances, one with a hostile name; our system predicts the score plus noise.

    A baseline is by luck nearer to the scores.
    """
    made = made_features(40, channels=3, scene=4)
    records = [replace(record, task="ab"[i % 2]) for i, record in enumerate(made.records)]
    records[3] = replace(records[3], id=HOSTILE)
    features = replace(made, records=tuple(records))
    noise = np.random.default_rng(0).normal(0, 1, 40)
    folds = kfold(records, k=2)
    lucky = replace(knowing("random", features, lambda scores: scores + noise / 2), kind="baseline")
    baselines = (lucky, *(baseline for baseline in trivial_baselines(features) if baseline.name != "random"))
    systems = (knowing(SYSTEM, features, lambda scores: scores + noise), *baselines)
    report = audit(folds, records, forbid=("trial",))
    results = cross_validate(features, Protocol(folds, "kfold", audit=report), systems, against=SYSTEM)
    return replace(results, methods_text="A paragraph for a paper.")


@pytest.fixture(scope="module")
def page(evaluated: EvaluationResults) -> str:
    return render_report(evaluation_page(evaluated, "t"))


def test_a_bar_is_the_lead_over_one_system_and_both_sides_are_named(evaluated: EvaluationResults) -> None:
    chart = lead_bars(evaluated)
    assert chart is not None
    assert (chart.left, chart.right) == ("that system ranks better", f"{SYSTEM} ranks better")
    assert evaluated.comparison is not None
    leads = {name: lead.difference for name, lead in evaluated.comparison.rows.items()}
    assert {bar.name: bar.lead for bar in chart.bars} == leads
    assert all(bar.baseline for bar in chart.bars)
    values = [bar.lead.value for bar in chart.bars]
    assert values == sorted(values)
    assert "hold for all rows at once" in chart.note
    assert lead_bars(replace(evaluated, comparison=None)) is None


def test_the_pages_of_an_evaluation_and_a_leaderboard(
    evaluated: EvaluationResults, snapshot: SnapshotAssertion
) -> None:
    """A baseline is below every system, tasks are folded; notes come first, what made the page is last."""
    notes = (Note("caution", "--quick: no inner validation"), Note("fact", f"settings chosen: {HOSTILE}"))
    for results in (evaluated, replace(evaluated, kind="leaderboard", notes=notes)):
        page = render_report(evaluation_page(results, "t"))
        assert page_text(page) == snapshot(name=results.kind)
        assert "<script>alert(1)" not in page


def test_predictions_and_intervals_of_the_page_are_those_of_the_results(
    evaluated: EvaluationResults, page: str
) -> None:
    held = [
        json.loads(text) for text in re.findall(r"<script[^>]*application/json[^>]*>(.*?)</script>", page, re.DOTALL)
    ]
    (data,) = [one for one in held if "predictions" in one]
    given = {prediction.id: prediction for prediction in evaluated.predictions}
    assert {row["id"] for row in data["predictions"]} == set(given)
    for task in "ab":
        entries = [prediction for prediction in evaluated.predictions if prediction.task == task]
        columns = ([e.true for e in entries], [e.systems[SYSTEM].value for e in entries])
        groups = ([e.fold for e in entries], [e.performance for e in entries])
        intervals = HeldOut(*map(np.array, columns), *map(np.array, groups)).own_intervals(0.8)
        by_id = {e.id: interval for e, interval in zip(entries, intervals, strict=True)}
        for row in data["predictions"]:
            if row["task"] == task:
                assert (row["true"], row["predicted"]) == (
                    given[row["id"]].true,
                    given[row["id"]].systems[SYSTEM].value,
                )
                assert (row["low"], row["high"]) == (by_id[row["id"]] or (None, None))
                assert row["low"] is None or row["low"] <= row["predicted"] <= row["high"]
    low, high = data["range"]
    assert all(low < row[key] < high for row in data["predictions"] for key in ("true", "predicted"))


def test_the_audit_is_answered_question_by_question() -> None:
    leaks = tuple(Leak(str(i), "trial", f"v{i}", (), ()) for i in range(25))
    given = LeakAudit(("trial", "group"), leaks, {}, True, ())
    checks = leak_checks(given)
    assert checks is not None
    assert [(check.name, check.passed) for check in checks[:4]] == [
        ("trial on both sides", False),
        ("group on both sides", True),
        ("performance on both sides", True),
        ("equal files on both sides", True),
    ]
    assert [check.detail for check in checks[4:]] == [*(f"trial 'v{i}' on both sides" for i in range(20)), "5 more"]
    unchecked = leak_checks(replace(given, content_checked=False, leaks=()))
    assert unchecked is not None
    assert (unchecked[3].passed, unchecked[0].passed) == (None, True)
    assert leak_checks(None) is None
