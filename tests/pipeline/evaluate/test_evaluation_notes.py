"""Notes above the tables of an evaluation, and the paragraph "Methods", from hand-made results."""

from dataclasses import replace

import pytest

from models.chance_test import InnerTest
from models.estimate import Estimate
from pipeline.evaluate.evaluation_notes import MANY_USERS, evaluation_notes, methods_paragraph
from pipeline.evaluate.evaluation_plan import RequestedRows
from pipeline.evaluate.evaluation_results import Choice
from pipeline.evaluate.evaluation_run import _label_notes
from pipeline.folds import COMBINED
from pipeline.settings.config import load_config
from pipeline.systems.baselines import SHORTER
from tests.helpers.made_results import CLEAN, made_results, system

AIM = "AIM (ours)"


def results(systems=(AIM, "USDL"), **more):
    return made_results({name: system(Estimate(0.5, 0.3, 0.7)) for name in systems}, **more)


def few_users(users=8, **more):
    return results(folds=users, protocol="louo", **more)


def notes(made, systems="all", settings=None, **more):
    config = load_config(*settings) if isinstance(settings, tuple) else load_config(None, settings or {})
    return "\n".join(
        map(str, evaluation_notes(made, config.method, config.dataset.kind, RequestedRows(systems, **more), {}))
    )


TOOLS = {"dataset.kind": "jigsaws", "train.recipe": "tools"}


def test_notes(snapshot):
    said = {
        "few performances a fold": notes(results(rows=6, folds=3), "aim"),
        "one part for testing is not an average": notes(results(rows=2, folds=1), "aim"),
        "several views": notes(results(videos=120), "aim"),
        "quick": notes(results(), "aim", quick=True),
        "few users": notes(few_users(), "aim"),
        "few users, not combined": notes(few_users(), "3", {"combined": False}),
        "many users": notes(few_users(MANY_USERS), "aim"),
        "features that cannot feed a table": notes(results((AIM, "ST-GCN")), "2"),
        "no network": notes(results(("USDL",)), "usdl"),
        "a recipe that was chosen on the data": notes(results(), "aim", TOOLS),
        "beside the paper's rows": notes(results(rows=24, paper={"AIM (paper)": {"": 63.0}}), "aim", TOOLS),
        "the paper's method": notes(results(), "aim", ("jigsaws-paper",)),
        **{
            f"MUSDL is left out of {systems} {only!r} {rows}": notes(results(rows), systems, only=only)
            for systems, only, rows in (
                ("all", "", (AIM, "USDL")),
                ("all", " Methods , aim", (AIM, "USDL")),
                ("all", "usdl", (AIM, "USDL")),
                ("all", "methods", (AIM, "USDL", "MUSDL")),
            )
        },
    }
    assert said == snapshot


def test_the_paragraph_for_a_paper(snapshot):
    method = load_config(None, {"train.networks": 3, "train.seed": 5}).method
    for made in (results(audit=CLEAN), few_users()):
        assert methods_paragraph(made, method, "folder", {}).split(". ") == snapshot


@pytest.mark.parametrize(
    ("chosen", "tests", "said"),
    [([("ridge",), ("ridge",)], {}, "The score is ridge."),
     ([("AIM", "ridge"), ("AIM", "ridge")], {}, "The score is the mean of AIM; ridge."),
     ([("AIM", "ridge"), ("ridge",)], {"AIM": InnerTest(0.5, 0.01)},
      "The score is the mean of AIM in 1 of 2 folds; ridge, chosen inside the training part.")],
)  # fmt: skip
def test_the_systems_that_were_averaged_are_named(chosen, tests, said):
    made = results((AIM, COMBINED))
    choices = tuple(Choice("task", str(fold), names, tests) for fold, names in enumerate(chosen))
    made = replace(
        made, against=COMBINED, systems={**made.systems, COMBINED: replace(made.systems[COMBINED], chosen=choices)}
    )
    assert said in methods_paragraph(made, load_config(None, {}).method, "folder", {})
    assert "combined is " in notes(made, "aim", quick=True)


@pytest.mark.parametrize(
    ("combined", "duration", "read", "higher"),
    [(Estimate(0.5, 0.2, 0.7), 0.4, True, False), (Estimate(0.5, -0.1, 0.8), 0.4, False, False),
     (Estimate(0.4, 0.2, 0.6), 0.5, False, True)],
)  # fmt: skip
def test_the_combination_is_recommended_only_above_chance_and_duration(combined, duration, read, higher):
    systems = {
        COMBINED: system(combined, kind="ours"),
        AIM: system(Estimate(0.1)),
        SHORTER: system(Estimate(duration), kind="baseline"),
    }
    text = notes(made_results(systems, folds=8, protocol="louo"), "aim")
    assert ("read the row 'combined'" in text) is read
    assert text.startswith(f"note: '{SHORTER}', which sees no video, ranks higher than combined") is higher


def test_the_labels_and_difficulties_that_were_chosen_are_named():
    chosen = load_config("finediving", ["dataset.score=execution", "dataset.difficulty=from_awards"])
    assert [str(note) for note in _label_notes(chosen)] == ["labels: execution", "difficulties: from_awards"]
    for name in ("finediving", "mtl-aqa"):
        times, which = map(str, _label_notes(load_config(name, [])))
        assert "score / difficulty" in times
        assert which == "difficulties: published"
    assert not [*_label_notes(load_config("rhythmic-gymnastics", []))]
