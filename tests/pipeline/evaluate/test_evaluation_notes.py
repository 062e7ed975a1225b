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
from pipeline.systems.baselines import MEAN, SHORTER
from tests.helpers.made_results import CLEAN, made_results, system

AIM = "AIM (ours)"


def results(systems=(AIM, "USDL"), **more):
    return made_results({name: system(Estimate(0.5, 0.3, 0.7)) for name in systems}, **more)


def few_users(users=8, **more):
    return results(folds=users, protocol="louo", **more)


def notes(made, systems="all", settings=None, **more):
    config = load_config(*settings) if isinstance(settings, tuple) else load_config(None, settings or {})
    return "\n".join(map(str, evaluation_notes(made, config, RequestedRows(systems, **more), {})))


def against_duration(combined, duration):
    """A combination beside a line over the duration, which sees no video."""
    systems = {COMBINED: system(combined, kind="ours"), AIM: system(Estimate(0.1))}
    return made_results(systems | {SHORTER: system(Estimate(duration), kind="baseline")}, folds=8, protocol="louo")


def averaged(*chosen, **tests):
    """Results of a combination that averaged these systems in each of its folds."""
    made = results((AIM, COMBINED), against=COMBINED)
    choices = tuple(Choice("task", str(fold), names, tests) for fold, names in enumerate(chosen))
    return replace(made, systems={**made.systems, COMBINED: replace(made.systems[COMBINED], chosen=choices)})


@pytest.mark.parametrize(
    ("error", "word"), [(1.0, "better"), (14.9, "not certainly better"), (20.0, "not certainly better")]
)
def test_the_first_note_compares_the_headline_with_guessing(error, word):
    made = made_results(
        {AIM: system(Estimate(0.5), mae=error), MEAN: system(Estimate(None), kind="baseline", mae=15.0)}
    )
    guessed = [
        replace(one, systems={AIM: Estimate(one.true + error * (-1) ** row), MEAN: Estimate(29.5)})
        for row, one in enumerate(made.predictions)
    ]
    first = notes(replace(made, predictions=tuple(guessed))).splitlines()[0]
    assert f"{AIM} is {word} than guessing the mean training score: mean error {error} against 15.0" in first


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
        "an agent is missing": notes(results(), "aim", {"timesteps.primary": "none", "timesteps.secondary": ["none"]}),
        "quick, combined": notes(averaged(("ridge",)), "aim", quick=True),
        "the duration ranks higher": notes(against_duration(Estimate(0.4, 0.2, 0.6), 0.5), "aim"),
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
        **{
            f"labels of {name} {given}": "; ".join(map(str, _label_notes(load_config(name, given))))
            for name, given in (
                ("finediving", ["dataset.score=execution", "dataset.difficulty=from_awards"]),
                *((name, []) for name in ("finediving", "mtl-aqa", "rhythmic-gymnastics")),
            )
        },
    }
    assert said == snapshot


def test_the_paragraph_for_a_paper(snapshot):
    method = load_config(None, {"train.networks": 3, "train.seed": 5}).method
    both, one = ("AIM", "ridge"), ("ridge",)
    chosen = averaged(one, one), averaged(both, both), averaged(both, one, AIM=InnerTest(0.5, 0.01))
    for made in (results(audit=CLEAN), few_users(), *chosen):
        assert methods_paragraph(made, method, "folder", {}).split(". ") == snapshot
