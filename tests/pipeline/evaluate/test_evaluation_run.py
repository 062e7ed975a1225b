"""Notes below the tables of an evaluation, from hand-made results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluate.evaluation_run import FEW_USERS, Evaluation
from pipeline.evaluate.fold_summary import FEW
from pipeline.evaluate.protocols import Asked
from pipeline.settings.config import load_config

AUDIT = {"ok": True, "leaks": [], "forbid": ["trial"], "content_checked": True}


def results(systems: tuple[str, ...] = ("AIM (ours)", "USDL"), rows: int = 60, folds: int = 3) -> dict[str, Any]:
    predictions = [{"task": "", "fold": str(i % folds), "performance": f"id:{i}"} for i in range(rows)]
    return {
        "protocol": {"name": "kfold"},
        "audit": AUDIT,
        "left_out": [],
        "videos": rows,
        "performances": rows,
        "systems": dict.fromkeys(systems),
        "predictions": predictions,
        "paper": {},
    }


def notes(made: dict[str, Any], systems: str = "all", **more: Any) -> str:
    return "\n".join(Evaluation(made, Path("runs/x"), load_config(None, {}), Asked(systems, **more)).notes())


@pytest.mark.parametrize(
    ("systems", "only", "rows", "said"),
    [
        ("all", "", ("AIM (ours)", "USDL"), True),
        ("all", "methods", ("AIM (ours)", "USDL"), True),
        ("all", " Methods , aim", ("AIM (ours)", "USDL"), True),
        ("all", "usdl", ("AIM (ours)", "USDL"), False),
        ("all", "methods", ("AIM (ours)", "USDL", "MUSDL"), False),
        ("aim", "", ("AIM (ours)",), False),
    ],
)
def test_a_leaderboard_says_that_musdl_is_left_out(systems: str, only: str, rows: tuple[str, ...], said: bool) -> None:
    assert ("MUSDL is left out" in notes(results(rows), systems, only=only)) is said


def test_few_performances_a_fold_and_several_views_are_said() -> None:
    plain = notes(results(), "aim")
    assert plain.splitlines()[0] == "leak audit: no leak; kept apart: trial"
    small = results(rows=6, folds=3)
    assert f"a fold holds out 2 performances, fewer than {FEW}" in notes(small, "aim")
    views = {**results(), "videos": 120}
    assert "60 trials in 120 videos" in notes(views, "aim")
    assert "--quick: " in notes(results(), "aim", quick=True)


def test_with_few_users_aim_alone_is_not_for_new_people() -> None:
    def said(users: int) -> bool:
        made = results(folds=users)
        made["protocol"] = {**made["protocol"], "name": "louo"}
        return "AIM alone is not for new people" in notes(made, "aim")

    assert said(8)
    assert not said(FEW_USERS)
    assert "new people" not in notes(results(), "aim"), "users are not kept apart"


def test_leaks_are_listed_one_by_one() -> None:
    leaks = [{"fold": str(i), "kind": "trial", "value": f"t{i}"} for i in range(12)]
    text = notes({**results(), "audit": {**AUDIT, "ok": False, "leaks": leaks, "content_checked": False}}, "aim")
    assert text.startswith("leak audit: 12 leak(s)")
    assert "contents not compared" in text
    assert text.count("on both sides") == 10


def test_a_table_of_the_paper_names_what_the_features_cannot_feed() -> None:
    text = notes(results(("AIM (ours)", "ST-GCN")), "2")
    assert "these features cannot feed TSN ranking, JR-GCN, whole scene (baseline), scene + agents" in text
    assert "the paper's rows are of " in text


def test_how_the_networks_were_trained_is_said_beside_the_paper() -> None:
    text = notes(results(), "aim")
    assert "AIM: 10 networks a fold, 100 epochs, recipe fast" in text
    assert "the training differs from the paper's (in brackets): epochs 100 (3000), " in text
    assert "clip 5 (off)" in text
    assert "optimistic" not in text
    assert "AIM" not in notes(results(("USDL",)), "usdl")
    settings = {"dataset.kind": "jigsaws", "train.recipe": "tools", "timesteps.scene": "", "train.epochs": 5}
    config = load_config(None, settings)
    made = "\n".join(Evaluation(results(), Path("runs/x"), config).notes())
    assert "5 epochs" in made
    assert "optimistic: the recipe 'tools' was chosen when 4-fold results on JIGSAWS were known" in made
    assert "the features of the whole scene are left out" in made
    paper = load_config(None, {"train.recipe": "paper"})
    assert "differs from the paper" not in "\n".join(Evaluation(results(), Path("runs/x"), paper).notes())
