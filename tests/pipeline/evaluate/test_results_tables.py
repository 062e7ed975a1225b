"""The tables of an evaluation: sorted by result, at most five value columns, the paper's rows beside ours."""

from dataclasses import replace

import numpy as np

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
    curve_table,
    fold_table,
    main_table,
    paper_table,
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


FEW = {name: system(Estimate(row.average.rho.value), kind=row.kind) for name, row in SYSTEMS.items()}
PER_FOLD = {
    name: replace(row, average=replace(row.average, per_fold=FoldAverage(0.9, 0.2))) for name, row in SYSTEMS.items()
}
NETWORKS = tuple(NetworkCorrelations(rho, FoldAverage(rho + 0.1, rho)) for rho in (0.2, 0.4))
SINGLE = {**SYSTEMS, OURS: replace(SYSTEMS[OURS], tasks={"": replace(SYSTEMS[OURS].tasks[""], networks=NETWORKS)})}
EQUAL = made_results({"training mean": SYSTEMS["training mean"]})
CHOSEN = tuple(Choice(task, str(i), ("AIM",) if i else ("AIM", "ridge"), {}) for task in "ab" for i in range(3))
CURVE = [CurvePoint(10, Estimate(2, 1, 3), Estimate(0.5, 0.4, 0.6)), CurvePoint(20, Estimate(1, 1, 1), Estimate(None))]


WHOLE = made_results(SYSTEMS)
SKEWED = tuple(replace(one, true=float(np.exp(one.true / 10))) for one in WHOLE.predictions)


BESIDE = {OURS: SYSTEMS[COMBINED], "ridge": SYSTEMS[OURS]}
TWO = made_results(
    {name: replace(row, tasks=dict.fromkeys("ab", row.tasks[""])) for name, row in BESIDE.items()},
    tasks=("a", "b"),
    comparison=Leads(OURS, 60, {"ridge": LEADS.rows[OURS]}),
)


def test_tables(snapshot):
    """Sorted by result, with the direction that is better; the paper's rows are per fold."""
    tables = {
        "sorted by result, beside the best": main_table(made_results(SYSTEMS, against=COMBINED, comparison=LEADS)),
        "without intervals": main_table(made_results(FEW)),
        "equal scores": main_table(replace(EQUAL, predictions=tuple(replace(p, true=5.0) for p in EQUAL.predictions))),
        "the paper's rows and single networks": main_table(made_results(SINGLE, paper={"AIM (paper)": {"": 63.0}})),
        "the paper's rows under a fixed split": main_table(
            made_results(SYSTEMS, folds=1, protocol="fixed", paper={"AIM (paper)": {"": 63.0}})
        ),
        "three performances a fold": main_table(made_results(PER_FOLD, rows=12, folds=4)),
        "twenty performances a fold": main_table(made_results(PER_FOLD)),
        "users": main_table(made_results(SYSTEMS, rows=40, folds=8, protocol="louo")),
        "folds and choices": fold_table(made_results({COMBINED: replace(SYSTEMS[COMBINED], chosen=CHOSEN)}, folds=3)),
        "a curve": curve_table(CURVE),
        "skewed scores": main_table(replace(WHOLE, predictions=SKEWED)),
        "for a paper, beside its row": paper_table(made_results(SINGLE, paper={"AIM (paper)": {"": 63.0}})),
        "for a paper, nothing separated": paper_table(made_results(SYSTEMS, against=COMBINED, comparison=LEADS)),
        "for a paper, the reference separated": paper_table(TWO),
    }
    assert task_tables(made_results(SYSTEMS)) == []
    for name, table in tables.items():
        lines = table and [table.title, table.columns, table.better, *map(row_of, table.rows), table.note]
        assert lines == snapshot(name=name)


def row_of(row):
    """Name, kind, and values with three digits."""
    values = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values]
    return " | ".join([row.name, row.kind, *values])
