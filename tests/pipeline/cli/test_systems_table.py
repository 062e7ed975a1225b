"""The table of an evaluation in a terminal of 80 columns."""

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
from pathlib import Path
from tests.helpers.made_results import made_results, system
names = ["random", "AIM (ours), best epoch on the test part (oracle)", "AIM (ours)", "combined", "validation table"]
rhos = [Estimate(.9, .8, .95), Estimate(.8, .7, .9), Estimate(.5, -.1, .7), Estimate(.7, .6, .8), Estimate(None)]
kinds = ["baseline", "oracle", "ours", "ours", "other"]
rows = {name: system(rho, kind=kind, mae=123.456) for name, rho, kind in zip(names, rhos, kinds)}
lead = Lead(Estimate(0.9, 0.5, 1.2), 0.001)
comparison = Leads("combined", 60, {name: lead for name in names if name != "combined"})
results = made_results(rows, against="combined", comparison=comparison)
EVALUATE.show(Evaluation(results, Path("runs/x")), None)
"""

PUBLISHED = """
from dataclasses import replace
from models.estimate import Estimate
from pipeline.cli.commands.evaluate_commands import EVALUATE
from pipeline.evaluate import Evaluation
from pipeline.evaluate.published_results import published_results
from pathlib import Path
from tests.helpers.made_results import made_results, system
given, one = published_results("aqa7", "", "fixed"), system(Estimate(.5, .2, .7))
tasks = tuple(given.results[0].rho)[-TASKS:]
one = replace(one, tasks=dict.fromkeys(tasks, one.tasks[""]))
results = made_results({"ridge": one}, protocol="fixed", folds=1, published=given, tasks=tasks)
held_out = tuple(replace(one, task=task) for task in tasks for one in results.predictions[:2])
results = replace(results, predictions=held_out)
EVALUATE.show(Evaluation(results, Path("runs/x")), None)
"""


def printed(columns, program):
    """Standard output of a program in a terminal of so many columns; a log has no colours."""
    command, environment = [sys.executable, "-c", program], {"COLUMNS": str(columns)}
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    return "\n".join(line.rstrip() for line in shown.splitlines())


@pytest.mark.parametrize("tasks", [0, 2, 6])
def test_tables_fit_80_columns_without_a_broken_word(tasks, snapshot):
    """Rows are sorted by result, and baselines are last. Beside published results there is room for the
    columns of two tasks, not of six."""
    program = PUBLISHED.replace("TASKS", str(tasks)) if tasks else PROGRAM
    narrow, wide = printed(80, program), printed(200, program)
    assert max(map(len, narrow.splitlines())) <= 80
    assert set(narrow.split()) == set(wide.split()), "every word is whole"
    assert (narrow, wide) == snapshot


def test_a_table_has_its_note(capsys):
    systems_table(Table("systems", ("rho",), (TableRow("TPT", (0.5,), "paper"),), note="Sources: here."))
    assert capsys.readouterr().err == "Sources: here.\n"


def test_no_zero_has_a_sign(capsys):
    systems_table(Table("systems", ("rho", "95 % interval"), (TableRow("x", (-0.0002, (-0.004, 0.72)), "other"),)))
    shown = capsys.readouterr().out
    assert "0.00 to 0.72" in shown
    assert "-0" not in shown
