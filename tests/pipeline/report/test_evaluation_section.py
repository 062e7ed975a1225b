"""The page of an evaluation: its numbers are those of the results."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from data.leaks import audit
from data.splits import kfold
from pipeline.checks.intervals import HeldOut
from pipeline.evaluate import Results
from pipeline.evaluate.cross_validation import Protocol, evaluate
from pipeline.evaluate.protocols import CENTRED, FORMS, interval_text
from pipeline.report import ReportData, render_report
from pipeline.report.evaluation_section import evaluation_report, lead_bars, leak_checks
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
def evaluated() -> Results:
    """Two tasks of 20 performances, one with a hostile name; our system knows the score up to noise."""
    made = made_features(40, channels=3, scene=4)
    records = [replace(record, task="ab"[i % 2]) for i, record in enumerate(made.records)]
    records[3] = replace(records[3], id=HOSTILE)
    features = replace(made, records=tuple(records))
    noise = np.random.default_rng(0).normal(0, 1, 40)
    folds = kfold(records, k=2)
    systems = (knowing(SYSTEM, features, lambda scores: scores + noise), *trivial_baselines(features))
    report = audit(folds, records, forbid=("trial",))
    return {
        **evaluate(features, Protocol(folds, "kfold", audit=report), systems, against=SYSTEM, draws=20),
        "paper": {},
    }


@pytest.fixture(scope="module")
def page(evaluated: Results) -> str:
    return render_report(ReportData("t", evaluation=evaluation_report(evaluated)))


def test_one_chart_per_task_and_one_bar_per_system_with_a_lead(evaluated: Results) -> None:
    unknown = {task: dict.fromkeys(("value", "low", "high")) for task in "ab"}
    leads = {**evaluated["differences"], "random": unknown}
    for task, chart in zip("ab", lead_bars({**evaluated, "differences": leads}, SYSTEM), strict=True):
        assert chart.title == f"Lead of {SYSTEM}, {task}"
        assert {bar.name: (bar.value, bar.interval, bar.baseline) for bar in chart.bars} == {
            name: (lead[task]["value"], (lead[task]["low"], lead[task]["high"]), evaluated["systems"][name]["baseline"])
            for name, lead in leads.items()
            if name != "random"
        }
    assert lead_bars({**evaluated, "differences": {}}, SYSTEM) == ()


def shown(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def test_numbers_of_the_page_are_those_of_the_results(evaluated: Results, page: str) -> None:
    page = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    folds, together = (rows for rows in tables(page) if rows[0][1:4:2] == ["a (n 20)", "b (n 20)"])
    for name, system in evaluated["systems"].items():
        tasks = [system["tasks"][task] for task in "ab"]
        error = shown(float(np.mean([task["together"]["mae"] for task in tasks])))
        for rows, values in (
            (folds, [task["over_folds"]["fisher"]["value"] for task in tasks]),
            (together, [task["together"]["spearman"] for task in tasks]),
        ):
            (cells,) = (row[1:] for row in rows[1:] if row[0].split("baseline")[0].strip() == name)
            assert (cells[:3:2], cells[-1]) == ([shown(value) for value in values], error)
        for rows, key in ((folds, "folds_interval"), (together, "interval")):
            (cells,) = (row[1:] for row in rows[1:] if row[0].split("baseline")[0].strip() == name)
            ends = [interval_text(task[key]) or "\N{EN DASH}" for task in tasks]
            assert cells[1:4:2] == ends, "every correlation has its interval"
    terms = texts(page, "dt|dd")
    summary = dict(zip(terms[::2], terms[1::2], strict=True))
    assert summary["held-out performances"] == "40"
    assert summary["folds"] == "2"
    assert summary["system of these correlations"] == SYSTEM
    average = evaluated["systems"][SYSTEM]["average"]
    for form, key, interval in (
        ("Fisher average over folds", "folds_fisher", "folds_interval"),
        ("all ranked together", "together", "interval"),
    ):
        tile = summary[f"Spearman's rho, {form}, Fisher average over tasks, 95 % interval, n 40"]
        given = average[key]["fisher"]
        assert tile == f"{given['value']:.3f} ({interval_text(given['interval'])})"
        tile = summary[f"Spearman's rho, {form}, a, 95 % interval, n 20"]
        assert tile.endswith(f"({interval_text(evaluated['systems'][SYSTEM]['tasks']['a'][interval])})")
    tile = summary[f"Spearman's rho, all ranked together, {CENTRED}, Fisher average over tasks, 95 % interval, n 40"]
    value, low, high = (float(part) for part in re.findall(r"-?[\d.]+", tile))
    assert low < value < high
    assert f"{value:.3f}" == f"{average['centred']['fisher']['value']:.3f}"
    of_both = ["Fisher average (n 40)", "95 % interval", "arithmetic average (n 40)", "95 % interval"]
    assert together[0][-7:] == [*of_both, f"{CENTRED} (n 40)", "95 % interval", "MAE"]
    assert folds[0][-5:] == [*of_both, "MAE"]
    for rows, last, keys in (
        (folds, 5, (("folds_fisher", "fisher"), ("folds_arithmetic", "arithmetic"))),
        (together, 7, (("together", "fisher"), ("together", "arithmetic"), ("centred", "fisher"))),
    ):
        for row in rows[1:]:
            average = evaluated["systems"][row[0].split("baseline")[0].strip()]["average"]
            given = [average[form][over]["interval"] for form, over in keys]
            assert row[1 - last : -1 : 2] == [interval_text(one) or "\N{EN DASH}" for one in given]


def test_what_the_terminal_said_is_read_first(evaluated: Results) -> None:
    notes = [
        "leak audit: no leak; kept apart: trial",
        "note: --quick: no inner validation",
        f"leak: fold 1, trial '{HOSTILE}' on both sides",
    ]
    text = render_report(ReportData("t", evaluation=evaluation_report({**evaluated, "notes": notes})))
    box = text.split("Read this first</h3>")[1].split("</div>")[0]
    assert "<li>--quick: no inner validation</li>" in box
    assert "no leak" not in box, "the list of the audit has it"
    assert "alert(1)" in box
    assert "<script" not in box
    assert text.index("Read this first") < text.index('class="tiles"')


def test_the_only_task_has_a_name_and_no_averages(evaluated: Results) -> None:
    """One task without a name: one column of correlations, its interval, and the error."""
    systems = {name: {**system, "tasks": {"": system["tasks"]["a"]}} for name, system in evaluated["systems"].items()}
    rows = [{**row, "task": ""} for row in evaluated["predictions"] if row["task"] == "a"]
    one = {**evaluated, "tasks": [""], "systems": systems, "predictions": rows, "differences": {}}
    tables = [[*table.columns] for table in evaluation_report(one).tables]
    rho = ["rho (n 20)", "95 % interval"]
    assert tables == [[*rho, "MAE"], [*rho, f"{CENTRED} (n 20)", "95 % interval", "MAE"]]


def test_predictions_and_intervals_of_the_page_are_those_of_the_results(evaluated: Results, page: str) -> None:
    held = [
        json.loads(text) for text in re.findall(r"<script[^>]*application/json[^>]*>(.*?)</script>", page, re.DOTALL)
    ]
    (data,) = [one for one in held if "predictions" in one]
    given = {row["id"]: row for row in evaluated["predictions"]}
    assert {row["id"] for row in data["predictions"]} == set(given)
    for task in "ab":
        entries = [row for row in evaluated["predictions"] if row["task"] == task]
        columns = ([e["true"] for e in entries], [e[SYSTEM]["mean"] for e in entries])
        groups = ([e["fold"] for e in entries], [e["performance"] for e in entries])
        intervals = HeldOut(*map(np.array, columns), *map(np.array, groups)).own_intervals(0.8)
        by_id = {e["id"]: interval for e, interval in zip(entries, intervals, strict=True)}
        for row in data["predictions"]:
            if row["task"] == task:
                assert (row["true"], row["predicted"]) == (given[row["id"]]["true"], given[row["id"]][SYSTEM]["mean"])
                assert (row["low"], row["high"]) == (by_id[row["id"]] or (None, None))
                assert row["low"] is None or row["low"] <= row["predicted"] <= row["high"]
    low, high = data["range"]
    assert all(low < row[key] < high for row in data["predictions"] for key in ("true", "predicted"))


def test_the_audit_is_answered_question_by_question() -> None:
    given = {"ok": False, "forbid": ["trial", "group"], "content_checked": True, "leaks": []}
    given["leaks"] = [{"fold": str(i), "kind": "trial", "value": f"v{i}"} for i in range(25)]
    checks = leak_checks(given)
    assert checks is not None
    assert [(check.name, check.passed) for check in checks[:4]] == [
        ("trial on both sides", False),
        ("group on both sides", True),
        ("performance on both sides", True),
        ("equal files on both sides", True),
    ]
    assert [check.detail for check in checks[4:]] == [f"trial 'v{i}' on both sides" for i in range(20)]
    unchecked = leak_checks({**given, "content_checked": False, "leaks": []})
    assert unchecked is not None
    assert (unchecked[3].passed, unchecked[0].passed) == (None, True)
    assert leak_checks(None) is None


def test_few_performances_a_fold_have_no_table_per_fold(evaluated: Results) -> None:
    few = {**evaluated, "predictions": [{**row, "fold": row["id"]} for row in evaluated["predictions"]]}
    report = evaluation_report(few)
    low, high = (evaluated["systems"][SYSTEM]["tasks"]["a"]["interval"][end] for end in ("low", "high"))
    first = report.summary["Spearman's rho, all ranked together, a, 95 % interval, n 20"]
    assert first.endswith(f" ({low:.2f} to {high:.2f})")
    assert [table.title for table in report.tables] == [f"Protocol kfold: {FORMS['together']}"]
