"""The tables of an evaluation: sorted by result, at most five value columns, the paper's rows beside ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.chance_test import InnerTest
from models.estimate import Estimate
from pipeline.checks.paired_test import Lead
from pipeline.evaluate.evaluation_results import (
    Choice,
    CurvePoint,
    FoldAverage,
    Leads,
    NetworkCorrelations,
)
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.results_tables import (
    SINGLE_NETWORKS,
    curve_table,
    inner_table,
    main_table,
    networks_table,
    task_tables,
)
from pipeline.folds import COMBINED
from tests.helpers.made_results import made_results, system

SYSTEMS = {
    "random": system(Estimate(0.9, 0.8, 0.95), kind="baseline"),
    OURS: system(Estimate(0.4, 0.2, 0.6), kind="ours", per_fold=0.45, mae=2.0),
    COMBINED: system(Estimate(0.7, 0.5, 0.8), kind="ours"),
    "training mean": system(Estimate(None), kind="baseline"),
}
LEADS = Leads(COMBINED, 60, {OURS: Lead(Estimate(0.3, 0.1, 0.5), 0.01), "random": Lead(Estimate(0.8), 0.2)})


def test_rows_are_sorted_by_result_and_say_which_rank_better() -> None:
    table = main_table(made_results(SYSTEMS, against=COMBINED, comparison=LEADS))
    assert table.columns == ("rho", "95 % interval", "per fold", "MAE", "beside combined")
    assert [row.name for row in table.rows] == [COMBINED, OURS, "random", "training mean"]
    assert [row.kind for row in table.rows] == ["ours", "ours", "baseline", "baseline"]
    assert table.rows[1].values == (0.4, (0.2, 0.6), 0.45, 2.0, "worse")
    assert table.rows[2].values[-1] == "tie"
    assert table.rows[3].values[:2] == (None, None)
    assert table.better == ("high", "neither", "high", "low", "neither")
    assert task_tables(made_results(SYSTEMS)) == []


def test_a_table_without_intervals_has_no_column_for_them_and_says_why() -> None:
    few = {name: system(Estimate(row.average.rho.value), kind=row.kind) for name, row in SYSTEMS.items()}
    table = main_table(made_results(few))
    assert table.columns[:2] == ("rho", "per fold")
    assert "too few performances for intervals" in table.note
    assert "interval over" not in table.note
    results = made_results({"training mean": SYSTEMS["training mean"]})
    equal = replace(results, predictions=tuple(replace(prediction, true=5.0) for prediction in results.predictions))
    assert "; all scores are equal, so there is no correlation." in main_table(equal).note


def test_the_papers_rows_are_per_fold_and_stand_beside_single_networks() -> None:
    networks = tuple(NetworkCorrelations(rho, FoldAverage(rho + 0.1, rho)) for rho in (0.2, 0.4))
    ours = SYSTEMS[OURS]
    ours = replace(ours, tasks={"": replace(ours.tasks[""], networks=networks)})
    results = made_results({**SYSTEMS, OURS: ours}, paper={"AIM (paper, table 2)": {"": 63.0}})
    rows = {row.name: row for row in main_table(results).rows}
    assert rows["AIM (paper, table 2)"].values[:3] == (None, None, pytest.approx(0.63))
    assert rows["AIM (paper, table 2)"].kind == "paper"
    assert rows[SINGLE_NETWORKS].values[:3] == (pytest.approx(0.3, abs=0.01), None, pytest.approx(0.4, abs=0.01))
    fixed = made_results(SYSTEMS, folds=1, protocol="fixed", paper={"AIM (paper, table 4)": {"": 63.0}})
    table = main_table(fixed)
    assert "per fold" not in table.columns
    assert {row.name: row.values[0] for row in table.rows}["AIM (paper, table 4)"] == pytest.approx(0.63)
    assert networks_table(results).rows[1].values == (0.2, 0.4)


def test_few_performances_a_fold_are_averaged_arithmetically() -> None:
    results = made_results(SYSTEMS, rows=12, folds=4)
    assert results.held_out_per_fold == 3
    averages = FoldAverage(0.9, 0.2)
    few = {name: replace(one, average=replace(one.average, per_fold=averages)) for name, one in SYSTEMS.items()}
    assert main_table(replace(results, systems=few)).rows[0].values[2] == 0.2
    assert main_table(made_results(few)).rows[0].values[2] == 0.9


def test_users_have_their_own_column_and_unit() -> None:
    table = main_table(made_results(SYSTEMS, rows=40, folds=8, protocol="louo"))
    assert "within users" in table.columns
    assert "interval over 8 users" in table.note


def test_the_inner_validation_says_in_how_many_folds_a_system_is_averaged() -> None:
    tests = {"AIM": InnerTest(0.4, 0.01), "ridge": InnerTest(0.6, 0.01)}
    chosen = [Choice(task, str(i), ("AIM",) if i else ("AIM", "ridge"), tests) for task in "ab" for i in range(3)]
    table = inner_table(made_results({COMBINED: replace(SYSTEMS[COMBINED], chosen=tuple(chosen))}))
    assert table is not None
    assert [(row.name, *row.values) for row in table.rows] == [
        ("AIM", pytest.approx(0.4), "3 of 3"),
        ("ridge", pytest.approx(0.6), "1 of 3"),
    ]
    assert inner_table(made_results(SYSTEMS)) is None


def test_a_curve_has_a_row_a_size() -> None:
    table = curve_table(
        [CurvePoint(10, Estimate(2, 1, 3), Estimate(0.5, 0.4, 0.6)), CurvePoint(20, Estimate(1, 1, 1), Estimate(None))]
    )
    assert [(row.name, *row.values) for row in table.rows] == [
        ("10", 2, (1, 3), 0.5, (0.4, 0.6)),
        ("20", 1, (1, 1), None, None),
    ]
