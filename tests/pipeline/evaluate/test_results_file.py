"""`results.json`: what is written is read again, and other files are refused in one sentence."""

import json
from dataclasses import replace

import pytest

from data.errors import DataError
from models.chance_test import InnerTest
from models.estimate import Estimate
from pipeline.checks.paired_test import Lead
from pipeline.evaluate.evaluation_results import Choice, CurvePoint, Leads, Losses, Note
from pipeline.evaluate.results_file import read_results, results_as_json, write_results
from tests.helpers.made_results import made_results, system


@pytest.fixture
def results():
    """Results with every optional part, and an id that no encoding knows."""
    systems = {"a": system(Estimate(0.5, 0.3, 0.7)), "b": system(Estimate(None), kind="baseline")}
    chosen = (Choice("", "1", ("a",), {"a": InnerTest(None, 0.5)}),)
    systems["a"] = replace(systems["a"], chosen=chosen, losses=Losses((1, 2), (3.0, 2.0), (2.0, 1.0), (4.0, 3.0)))
    made = made_results(systems, comparison=Leads("a", 60, {"b": Lead(Estimate(0.3, 0.1, 0.5), 0.01)}))
    first = replace(made.predictions[0], id="bad\udc80name")
    curve = (CurvePoint(10.0, Estimate(1, 0.5, 2), Estimate(None)),)
    notes, paper = (Note("caution", "x"),), {"p": {"made": None}}
    return replace(made, predictions=(first, *made.predictions[1:]), curve=curve, notes=notes, paper=paper)


def test_results_survive_the_disk(results, tmp_path):
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
def test_other_files_are_refused(results, tmp_path, change, said):
    place = tmp_path / "results.json"
    place.write_text(json.dumps(change(results_as_json(results))))
    with pytest.raises(DataError, match=said) as raised:
        read_results(place)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["{", "", '{"format": NaN}'])
def test_damaged_files_are_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match="results"):
        read_results(tmp_path / "results.json")
    with pytest.raises(DataError, match="no readable results"):
        read_results(tmp_path / "absent.json")
