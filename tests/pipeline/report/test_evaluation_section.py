"""The page of an evaluation: its numbers are those of the results."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from data.leaks import Leak, LeakAudit, audit
from data.splits import kfold
from pipeline.checks.held_out import HeldOut
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_results import AverageResult, EvaluationResults, Note
from pipeline.evaluate.system_table import interval_text
from pipeline.report import render_report
from pipeline.report.evaluation_section import evaluation_page, lead_bars, leak_checks
from pipeline.systems.baselines import trivial_baselines
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features

HOSTILE = "</script><script>alert(1)</script>.mp4"
SYSTEM = "AIM (ours)"


def texts(page: str, kinds: str) -> list[str]:
    """Texts of the elements of these kinds, such as "td|th", in order."""
    found = re.findall(rf"<(?:{kinds})\b[^>]*>(.*?)</(?:{kinds})>", page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", text)) for text in found]


def tables(page: str) -> list[list[list[str]]]:
    """Cells of each row of each table."""
    found = [
        re.findall(r"<tr.*?</tr>", table, re.DOTALL) for table in re.findall(r"<table.*?</table>", page, re.DOTALL)
    ]
    return [[texts(row, "td|th") for row in rows] for rows in found]


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


def shown(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


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


def test_numbers_of_the_page_are_those_of_the_results(evaluated: EvaluationResults, page: str) -> None:
    page = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    whole, *tasks = tables(page)
    assert whole[0] == ["System", "rho", "95 % interval", "per fold", "MAE", f"beside {SYSTEM}"], "at most six columns"
    assert [rows[0] for rows in tasks] == [whole[0][:5]] * 2
    for rows, task in ((whole, None), *zip(tasks, "ab", strict=True)):
        by_name = {row[0].split("baseline")[0].strip(): row[1:] for row in rows[1:]}
        assert set(by_name) == set(evaluated.systems)
        for name, system in evaluated.systems.items():
            of = system.average if task is None else system.tasks[task]
            error = of.mae if isinstance(of, AverageResult) else of.metrics.mae
            ends = (interval_text(of.rho.interval) or "\N{EN DASH}").replace("-", "\N{MINUS SIGN}")
            expected = [shown(of.rho.value), ends, shown(of.per_fold.fisher), shown(error)]
            assert by_name[name][:4] == expected
        assert [*by_name][:2] == [SYSTEM, "random"], "a baseline is below every system"
        results = [float(row[1].replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-2")) for row in rows[2:]]
        assert results == sorted(results, reverse=True)
    ours = evaluated.systems[SYSTEM].average.rho
    assert f"<strong>{ours.value:.2f}</strong> <span>95 % interval {interval_text(ours.interval)}</span>" in page
    assert "40 held-out performances of 2 tasks, protocol kfold, 2 folds" in page
    assert page.count('class="panel answer"') == 1
    assert '<dl class="tiles">' not in page


def test_tasks_are_folded_and_what_made_the_page_is_on_it(evaluated: EvaluationResults, page: str) -> None:
    folded = re.findall(r"<details class=\"panel folded\"><summary>(.*?)</summary>", page)
    assert folded == ["a, n 20", "b, n 20"]
    origin = page.split('id="origin-title"')[1]
    for fact in (evaluated.origin.date, *evaluated.origin.versions.values()):
        assert fact in origin
    assert "A paragraph for a paper." in page.split("Methods</h3>")[1]


def test_a_leaderboard_is_called_leaderboard(evaluated: EvaluationResults) -> None:
    text = render_report(evaluation_page(replace(evaluated, kind="leaderboard"), "t"))
    assert '<h2 id="evaluation-title">Leaderboard</h2>' in text
    assert '<a href="#evaluation">Leaderboard</a>' in text


def test_the_notes_of_the_terminal_come_first(evaluated: EvaluationResults) -> None:
    notes = (Note("caution", "--quick: no inner validation"), Note("fact", f"settings chosen: {HOSTILE}"))
    text = render_report(evaluation_page(replace(evaluated, notes=notes), "t"))
    box = text.split("Read this first</h3>")[1].split("</div>")[0]
    assert "<li>--quick: no inner validation</li>" in box
    assert "alert(1)" in box
    assert "<script" not in box


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
