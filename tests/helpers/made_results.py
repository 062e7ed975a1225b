"""Results of an evaluation by hand: fields that a test does not name have plain values."""

from data.leaks import LeakAudit
from models.estimate import Estimate
from pipeline.evaluate.evaluation_results import (
    AverageResult,
    EvaluationResults,
    FoldAverage,
    FoldSize,
    HeldOutPrediction,
    MetricValues,
    SystemResult,
    TaskResult,
)
from pipeline.settings.provenance import Origin

CLEAN = LeakAudit(("trial",), (), {}, True, ())
ORIGIN = Origin("aqa evaluate", "2026-01-02T03:04:05+00:00", "abc", {"aqa": "1", "numpy": "2"}, ("cpu",), "d" * 64)


def system(rho, *, kind="other", per_fold=0.5, mae=1.0):
    """A system with one task, named ""."""
    average = FoldAverage(per_fold, per_fold)
    metrics = MetricValues(60, rho.value, rho.value, 1.0, mae)
    task = TaskResult(rho, 60, average, metrics, {}, ())
    return SystemResult(kind, {"": task}, AverageResult(rho, average, mae))


def made_results(systems, *, rows=60, folds=3, protocol="kfold", **more):
    """Results of one task; each of `rows` performances is predicted as it is."""
    predictions = tuple(
        HeldOutPrediction(
            f"{i}", "", str(i % folds), f"id:{i}", float(i), {name: Estimate(float(i), i, i) for name in systems}
        )
        for i in range(rows)
    )
    sizes = tuple(FoldSize(str(i), rows - rows // folds, rows // folds) for i in range(folds))
    given = {
        "audit": CLEAN,
        "videos": rows,
        "performances": rows,
        "left_out": (),
        "tasks": ("",),
        "against": next(iter(systems)),
        "comparison": None,
    }
    return EvaluationResults(
        origin=ORIGIN, protocol=protocol, folds=sizes, systems=systems, predictions=predictions, **given | more
    )
