"""Notes above the tables of an evaluation, and the paragraph "Methods", from hand-made results."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from models.chance_test import InnerTest
from models.estimate import Estimate
from pipeline.evaluate.evaluation_notes import MANY_USERS, evaluation_notes, methods_paragraph
from pipeline.evaluate.evaluation_plan import RequestedRows
from pipeline.evaluate.evaluation_results import FEW, Choice, EvaluationResults
from pipeline.evaluate.evaluation_run import _label_notes
from pipeline.folds import COMBINED
from pipeline.settings.config import load_config
from pipeline.systems.baselines import SHORTER
from tests.helpers.made_results import CLEAN, made_results, system

AIM = "AIM (ours)"


def results(systems: tuple[str, ...] = (AIM, "USDL"), **more: Any) -> EvaluationResults:
    return made_results({name: system(Estimate(0.5, 0.3, 0.7)) for name in systems}, **more)


def notes(made: EvaluationResults, systems: str = "all", settings: Any = None, **more: Any) -> str:
    config = load_config(*settings) if isinstance(settings, tuple) else load_config(None, settings or {})
    return "\n".join(
        map(str, evaluation_notes(made, config.method, config.dataset.kind, RequestedRows(systems, **more), {}))
    )


@pytest.mark.parametrize(
    ("systems", "only", "rows", "said"),
    [
        ("all", "", (AIM, "USDL"), True),
        ("all", "methods", (AIM, "USDL"), True),
        ("all", " Methods , aim", (AIM, "USDL"), True),
        ("all", "usdl", (AIM, "USDL"), False),
        ("all", "methods", (AIM, "USDL", "MUSDL"), False),
        ("aim", "", (AIM,), False),
    ],
)
def test_a_leaderboard_says_that_musdl_is_left_out(systems: str, only: str, rows: tuple[str, ...], said: bool) -> None:
    assert ("MUSDL is left out" in notes(results(rows), systems, only=only)) is said


def test_few_performances_a_fold_and_several_views_are_said() -> None:
    assert f"a fold holds out 2 performances, fewer than {FEW}" in notes(results(rows=6, folds=3), "aim")
    assert "fewer than" not in notes(results(rows=2, folds=1), "aim"), "one part for testing is no average"
    assert "60 trials in 120 videos" in notes(results(videos=120), "aim")
    assert "note: --quick: no inner validation" in notes(results(), "aim", quick=True).splitlines()


def test_with_few_users_aim_alone_is_not_for_new_people() -> None:
    def said(users: int) -> bool:
        return "AIM alone is not for new people" in notes(results(folds=users, protocol="louo"), "aim")

    assert said(8)
    few = results(folds=8, protocol="louo")
    assert "new people: add --set combined=true" in notes(few, "3", {"combined": False})
    assert not said(MANY_USERS)
    assert "new people" not in notes(results(), "aim"), "users are not kept apart"


@pytest.mark.parametrize(
    ("combined", "duration", "read", "higher"),
    [(Estimate(0.5, 0.2, 0.7), 0.4, True, False), (Estimate(0.5, -0.1, 0.8), 0.4, False, False),
     (Estimate(0.4, 0.2, 0.6), 0.5, False, True)],
)  # fmt: skip
def test_the_combination_is_recommended_only_above_chance_and_duration(
    combined: Estimate, duration: float, read: bool, higher: bool
) -> None:
    systems = {
        COMBINED: system(combined, kind="ours"),
        AIM: system(Estimate(0.1)),
        SHORTER: system(Estimate(duration), kind="baseline"),
    }
    text = notes(made_results(systems, folds=8, protocol="louo"), "aim")
    assert ("read the row 'combined'" in text) is read
    assert text.startswith(f"note: '{SHORTER}', which sees no video, ranks higher than combined") is higher


def test_a_table_of_the_paper_names_what_the_features_cannot_feed() -> None:
    text = notes(results((AIM, "ST-GCN")), "2")
    assert "these features cannot feed TSN ranking, JR-GCN, whole scene (baseline), scene + agents" in text
    assert "the paper's rows are of " in text


def test_how_the_networks_were_trained_is_said_beside_the_paper() -> None:
    text = notes(results(), "aim")
    assert "AIM: 10 networks a fold, 100 epochs, recipe fast" in text
    assert re.search(r"AIM differs from the paper's method in \d+ settings: see Methods in the report", text)
    assert "optimistic" not in text
    assert "AIM" not in notes(results(("USDL",)), "usdl")
    tools = {"dataset.kind": "jigsaws", "train.recipe": "tools"}
    expected = "optimistic: the recipe 'tools' was chosen when 4-fold results on JIGSAWS were known"
    assert expected in notes(results(), "aim", tools)
    assert "differs from the paper" not in notes(results(), "aim", ("jigsaws-paper",))


def test_the_paragraph_for_a_paper_has_every_part() -> None:
    method = load_config(None, {"train.networks": 3, "train.seed": 5}).method
    text = methods_paragraph(results(audit=CLEAN), method, "folder", {})
    for part in (
        "60 performances (data set folder)", "the protocol kfold with 3 folds", "shared no trial", "found no leak",
        "3 networks trained for 100 epochs (seed 5; seed of the split 0)", "last epoch",
        "no choice used a test label", "Spearman's rank correlation", "Bonett and Wright", "aqa 1, numpy 2",
        "commit abc", "2026-01-02", "Gao et al.", "differ from the paper's",
    ):  # fmt: skip
        assert part in text, part
    users = methods_paragraph(results(folds=8, protocol="louo"), method, "folder", {})
    assert "jackknife over 8 users" in users


@pytest.mark.parametrize(
    ("chosen", "tests", "said"),
    [([("ridge",), ("ridge",)], {}, "The score is ridge."),
     ([("AIM", "ridge"), ("AIM", "ridge")], {}, "The score is the mean of AIM; ridge."),
     ([("AIM", "ridge"), ("ridge",)], {"AIM": InnerTest(0.5, 0.01)},
      "The score is the mean of AIM in 1 of 2 folds; ridge, chosen inside the training part.")],
)  # fmt: skip
def test_the_systems_that_were_averaged_are_named(
    chosen: list[tuple[str, ...]], tests: dict[str, InnerTest], said: str
) -> None:
    made = results((AIM, COMBINED))
    choices = tuple(Choice("task", str(fold), names, tests) for fold, names in enumerate(chosen))
    made = replace(
        made, against=COMBINED, systems={**made.systems, COMBINED: replace(made.systems[COMBINED], chosen=choices)}
    )
    assert said in methods_paragraph(made, load_config(None, {}).method, "folder", {})
    assert "combined is " in notes(made, "aim", quick=True)


def test_the_labels_and_difficulties_that_were_chosen_are_named() -> None:
    chosen = load_config("finediving", ["dataset.score=execution", "dataset.difficulty=from_awards"])
    assert [str(note) for note in _label_notes(chosen)] == ["labels: execution", "difficulties: from_awards"]
    for name in ("finediving", "mtl-aqa"):
        times, which = map(str, _label_notes(load_config(name, [])))
        assert "score / difficulty" in times
        assert which == "difficulties: published"
    assert not [*_label_notes(load_config("rhythmic-gymnastics", []))]
