"""`results.json`: what is written is read again, and other files are refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import DataError
from data.leaks import audit
from data.splits import kfold
from models.chance_test import InnerTest
from models.estimate import Estimate
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_results import Choice, CurvePoint, EvaluationResults, Note
from pipeline.evaluate.results_file import read_results, results_as_json, write_results
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features


@pytest.fixture(scope="module")
def results() -> EvaluationResults:
    """Results with every optional part, and an id that no encoding knows."""
    features = made_features(24)
    records = [replace(r, id="bad\udc80name") if i == 3 else r for i, r in enumerate(features.records)]
    features = replace(features, records=tuple(records))
    folds, noise = kfold(features.records, k=3), np.random.default_rng(0).normal(size=24)
    systems = [knowing("a", features, lambda scores: scores + noise), knowing("b", features)]
    report = audit(folds, features.records, forbid=("trial",))
    made = cross_validate(features, Protocol(folds, "kfold", audit=report), systems, against="a")
    chosen = (Choice("", "1", ("a",), {"a": InnerTest(None, 0.5)}),)
    systems_with = {name: replace(system, chosen=chosen) for name, system in made.systems.items()}
    curve = (CurvePoint(10.0, Estimate(1, 0.5, 2), Estimate(None)),)
    return replace(made, systems=systems_with, curve=curve, notes=(Note("caution", "x"),), paper={"p": {"made": None}})


def test_results_survive_the_disk(results: EvaluationResults, tmp_path: Path) -> None:
    place = tmp_path / "out" / "results.json"
    write_results(results, place)
    assert read_results(place) == results
    assert json.loads(place.read_text()) == results_as_json(results)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values | {"format": 1}, "results of another format"),
        (lambda values: values | {"foreign": 1}, "damaged results: foreign"),
        (lambda values: {k: v for k, v in values.items() if k != "tasks"}, "damaged results: tasks: field required"),
        (lambda values: values | {"videos": "many"}, "damaged results: videos: input should be a valid integer"),
        (lambda values: values | {"systems": {"a": {}}}, r"damaged results: systems\.a\."),
        (lambda values: [], "results of another format"),
    ],
)
def test_other_files_are_refused(
    results: EvaluationResults, tmp_path: Path, change: Callable[[Any], Any], said: str
) -> None:
    place = tmp_path / "results.json"
    place.write_text(json.dumps(change(results_as_json(results))))
    with pytest.raises(DataError, match=said) as raised:
        read_results(place)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["{", "", '{"format": NaN}'])
def test_damaged_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match="results"):
        read_results(tmp_path / "results.json")
    with pytest.raises(DataError, match="no readable results"):
        read_results(tmp_path / "absent.json")
