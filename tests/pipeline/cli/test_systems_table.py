"""The table of an evaluation in a terminal of 80 columns."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.cli.terminal import systems_table
from pipeline.evaluate.system_table import Table, TableRow

PROGRAM = """
from pipeline.cli.commands.evaluate_commands import EVALUATE
from pipeline.evaluate import Evaluation
from models.estimate import Estimate
from pipeline.checks.paired_test import Lead
from pipeline.evaluate.evaluation_results import Leads
from pipeline.settings.config import load_config
from pathlib import Path
from tests.helpers.made_results import made_results, system
names = ["random", "AIM (ours), best epoch on the test part (oracle)", "AIM (ours)", "combined", "validation table"]
rhos = [Estimate(.9, .8, .95), Estimate(.8, .7, .9), Estimate(.5, -.1, .7), Estimate(.7, .6, .8), Estimate(None)]
kinds = ["baseline", "oracle", "ours", "ours", "other"]
rows = {name: system(rho, kind=kind, mae=123.456) for name, rho, kind in zip(names, rhos, kinds)}
lead = Lead(Estimate(0.9, 0.5, 1.2), 0.001)
comparison = Leads("combined", 60, {name: lead for name in names if name != "combined"})
results = made_results(rows, against="combined", comparison=comparison)
EVALUATE.show(Evaluation(results, Path("runs/x"), load_config(None, {})), None)
"""

PUBLISHED = """
from dataclasses import replace
from models.estimate import Estimate
from pipeline.cli.commands.evaluate_commands import EVALUATE
from pipeline.evaluate import Evaluation
from pipeline.evaluate.published_results import published_results
from pipeline.settings.config import load_config
from pathlib import Path
from tests.helpers.made_results import made_results, system
given, one = published_results("aqa7", "", "fixed"), system(Estimate(.5, .2, .7))
tasks = tuple(given.results[0].rho)[-TASKS:]
one = replace(one, tasks=dict.fromkeys(tasks, one.tasks[""]))
results = made_results({"ridge": one}, protocol="fixed", folds=1, published=given, tasks=tasks)
held_out = tuple(replace(one, task=task) for task in tasks for one in results.predictions[:2])
results = replace(results, predictions=held_out)
EVALUATE.show(Evaluation(results, Path("runs/x"), load_config(None, {})), None)
"""


def printed(columns: str, program: str = PROGRAM) -> list[str]:
    """The lines of standard output."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"COLUMNS": columns}
    )
    return done.stdout.rstrip().splitlines()


def test_the_table_fits_80_columns_without_a_broken_word() -> None:
    lines, wide = printed("80"), printed("200")
    assert max(map(len, lines)) <= 80
    words = {word for line in wide for word in line.split()}
    assert {word for line in lines for word in line.split()} == words, "every word is whole"
    head = lines[1]
    for column in ("system", "rho", "95 % interval", "per fold", "MAE"):
        assert column in head
    assert "-0.10 to 0.70" in " ".join(lines)


def test_rows_are_sorted_by_result_aim_is_marked_and_baselines_are_last() -> None:
    """A log has no colours."""
    firsts = [line.split("  ")[0].strip() for line in printed("200")[2:]]
    assert firsts == [
        "AIM (ours), best epoch on the test part (oracle)", "* combined", "* AIM (ours)", "validation table",
        "baselines:", "random",
    ]  # fmt: skip


def test_a_table_without_aim_has_its_note(capsys: pytest.CaptureFixture[str]) -> None:
    systems_table(Table("systems", ("rho",), (TableRow("TPT", (0.5,), "paper"),), note="Sources: here."))
    assert capsys.readouterr().err == "Sources: here.\n"


@pytest.mark.parametrize(("tasks", "columns"), [(6, ["average", "epoch"]), (2, ["sync_diving_3m", "sync_diving_10m"])])
def test_a_table_without_aim_has_whole_words_beside_published_results(tasks: int, columns: list[str]) -> None:
    """Six tasks are left to the page; two have room."""
    program = PUBLISHED.replace("TASKS", str(tasks))
    lines, wide = printed("80", program), printed("200", program)
    assert max(map(len, lines)) <= 80
    assert {word for line in lines for word in line.split()} == {word for line in wide for word in line.split()}
    heads = [line.split()[1:] for line in wide if line.startswith("system ")]
    assert heads[1][:2] == columns
    core = [line.split()[2:] for line in wide if line.startswith("CoRe (published)")]
    assert core == ([["0.840", "not", "stated"]] if tasks == 6 else [])


def test_no_zero_has_a_sign(capsys: pytest.CaptureFixture[str]) -> None:
    systems_table(Table("systems", ("rho", "95 % interval"), (TableRow("x", (-0.0002, (-0.004, 0.72)), "other"),)))
    shown = capsys.readouterr().out
    assert "0.00 to 0.72" in shown
    assert "-0" not in shown


def test_the_mark_names_aim_only_where_it_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    for names, marked in ((("combined",), "* The combination. How."), (("combined", "AIM (ours)"), "* AIM. How.")):
        rows = tuple(TableRow(name, (0.5,), "ours") for name in names)
        systems_table(Table("systems", ("rho",), rows, note="How."))
        assert capsys.readouterr().err.splitlines()[-1] == marked
